from dataclasses import replace
from functools import partial
from itertools import product
from types import SimpleNamespace

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gambol.envs.contract import Env
from gambol.envs.planar import env as planar
from gambol.envs.planar import observe, reward
from gambol.envs.planar.env import PlanarConfig, make_planar, take
from gambol.sim.planar import fused

WORLDS = 3
KINDS = [*product(("flat", "entity", "pixels"), ("continuous", "discrete", "multi_discrete"))]
step = jax.jit(planar.PlanarEnv.step)
assign = jax.jit(planar.PlanarEnv.assign)
pick = jax.jit(take)


@pytest.fixture(scope="module")
def episodes(golden):
    return golden("episodes")


@pytest.fixture(scope="module")
def env(episodes):
    levels = tuple(f"kinetix/{name}" for name in episodes["levels"])
    return make_planar(PlanarConfig(size="s", levels=levels, action="continuous"))


@pytest.fixture
def started(env):
    return assign(env, jax.random.key(0), jnp.arange(WORLDS))


def nothing(env):
    return jnp.zeros((WORLDS, 6))


@pytest.fixture(scope="module")
def trace(env, episodes):
    """Each level's recorded actions, every ended episode begun again on its own level, as the recording did."""
    key, levels = jax.random.key(0), jnp.arange(WORLDS)
    state, _ = assign(env, key, levels)
    again, first_seen = assign(env, key, levels)
    actions = np.stack([episodes[f"{i}/action"] for i in range(WORLDS)], axis=1)
    steps = []
    for action in actions:
        state, got = step(env, state, action)
        state = replace(jax.tree.map(lambda a, b, d=got.done: jnp.where(d, a, b), cut(again), cut(state)), key=key)
        seen = jnp.where(got.done[:, None], first_seen.policy, got.observation.policy)
        steps.append((got, seen))
    return jax.tree.map(lambda *x: np.stack(x), *steps)


def cut(state):
    return replace(state, key=None)


def test_episodes_are_the_published_ones(trace, episodes):
    ours, seen = trace
    for i in range(WORLDS):
        recorded = {name: episodes[f"{i}/{name}"] for name in ("reward", "done", "solved", "distance", "observation")}
        np.testing.assert_array_equal(ours.done[:, i], recorded["done"])
        np.testing.assert_array_equal(ours.metrics["solved"][:, i], recorded["solved"])
        np.testing.assert_allclose(ours.reward[:, i], recorded["reward"], atol=1e-3)
        np.testing.assert_allclose(ours.metrics["distance"][:, i], recorded["distance"], atol=1e-3)
        np.testing.assert_allclose(seen[:, i], recorded["observation"], atol=2e-2)


def test_the_recorded_episodes_end_in_every_way(episodes):
    rewards = np.concatenate([episodes[f"{i}/reward"] for i in range(WORLDS)])
    assert (rewards < -0.5).any() and (rewards > 0.5).any()
    assert not episodes["2/done"].any()


def test_shaping_adds_up_to_the_distance_covered(trace):
    distance, paid = (x[:, 2] for x in (trace[0].metrics["distance"], trace[0].reward))
    assert paid[0] == 0
    np.testing.assert_allclose(paid.sum(), 0.2 * (distance[0] - distance[-1]), atol=1e-5)


@pytest.mark.parametrize(("observation", "action"), KINDS)
def test_every_kind_of_env_fits_its_spec(env, observation, action):
    own = replace(env, config=replace(env.config, observation=observation, action=action))
    assert isinstance(own, Env)
    spec = own.spec
    sample = np.stack([spec.action_space.sample() for _ in range(WORLDS)])
    state, first = jax.eval_shape(lambda: own.reset(jax.random.key(0), WORLDS))
    after, got = jax.eval_shape(own.step, state, sample)
    expected = spec.observation_space
    expected = dict(expected.spaces) if isinstance(expected, gymnasium.spaces.Dict) else expected
    for seen in (first, got.observation, got.final_observation):
        assert jax.tree.map(lambda x: (x.shape, x.dtype), seen.policy) == jax.tree.map(
            lambda space: ((WORLDS, *space.shape), space.dtype), expected
        )
    assert jax.tree.map(lambda x: (x.shape, x.dtype), after) == jax.tree.map(lambda x: (x.shape, x.dtype), state)
    assert got.reward.shape == got.terminated.shape == got.truncated.shape == (WORLDS,)
    assert set(got.metrics) == set(spec.metrics) and spec.success in spec.metrics


def test_time_runs_out_at_max_steps(env, started):
    state = replace(started[0], elapsed=jnp.array([254, 255, 0]))
    state, got = step(env, state, nothing(env))
    np.testing.assert_array_equal(got.truncated, [False, True, False])
    np.testing.assert_array_equal(state.elapsed, [255, 0, 1])
    assert not got.terminated.any()


def test_an_ended_episode_begins_again_from_the_bank(env, started):
    state, _ = step(env, started[0], nothing(env))
    state, got = step(env, replace(state, elapsed=jnp.array([255, 1, 255])), nothing(env))
    np.testing.assert_array_equal(got.done, [True, False, True])
    fresh = pick(env.bank, state.level)
    for world in (0, 2):
        for now, begin in zip(jax.tree.leaves(state.world), jax.tree.leaves(fresh.state), strict=True):
            np.testing.assert_array_equal(now[..., world], begin[..., world])
        assert state.elapsed[world] == 0 and state.last_distance[world] == reward.UNKNOWN
        assert not state.touching[..., world].any()
        assert not np.array_equal(got.observation.policy[world], got.final_observation.policy[world])
    assert state.level[1] == 1 and state.elapsed[1] == 2
    np.testing.assert_array_equal(got.observation.policy[1], got.final_observation.policy[1])
    seen = observe.observe("flat", fresh, state.world, state.touching)
    np.testing.assert_allclose(got.observation.policy, seen, atol=1e-6)


def test_fresh_levels_are_drawn_evenly_and_per_world(env, started):
    state, draws = started[0], []
    for _ in range(60):
        state, got = step(env, replace(state, elapsed=jnp.full(WORLDS, 255, jnp.int32)), nothing(env))
        assert got.done.all()
        draws.append(np.asarray(state.level))
    counts = np.bincount(np.ravel(draws), minlength=WORLDS)
    assert counts.min() > 40, counts
    assert len({tuple(column) for column in np.transpose(draws)}) == WORLDS


def test_reset_draws_from_the_whole_bank(env):
    state, _ = jax.jit(planar.PlanarEnv.reset, static_argnums=2)(env, jax.random.key(1), 300)
    assert np.bincount(state.level, minlength=3).min() > 70
    with pytest.raises(ValueError, match="worlds is 0"):
        env.reset(jax.random.key(1), 0)


def test_a_world_that_breaks_down_is_ended_alone(env, started):
    state, _ = step(env, started[0], nothing(env))
    velocity = state.world.velocity.at[0, -1, 1].set(jnp.nan)
    state = replace(state, world=replace(state.world, velocity=velocity), elapsed=jnp.array([1, 255, 255]))
    state, got = step(env, state, nothing(env))
    np.testing.assert_array_equal(got.terminated, [False, True, False])
    np.testing.assert_array_equal(got.truncated, [False, False, True])
    np.testing.assert_array_equal(got.metrics["non_finite"], [0, 1, 0])
    for leaf in jax.tree.leaves((got, cut(state))):
        assert np.isfinite(leaf).all()


def test_another_bank_needs_no_new_compilation(env, started):
    step(env, started[0], nothing(env))
    compiled = step._cache_size()
    turned = replace(env, bank=jax.tree.map(lambda x: jnp.roll(x, 1, axis=-1), env.bank))
    state, _ = assign(turned, jax.random.key(0), jnp.arange(WORLDS))
    _, got = step(turned, state, nothing(env))
    _, before = step(env, started[0], nothing(env))
    np.testing.assert_array_equal(got.final_observation.policy[1:], before.final_observation.policy[:-1])
    assert step._cache_size() == compiled


def test_the_first_physics_step_with_an_outcome_decides(env, started, monkeypatch):
    """A stand-in engine: green meets blue in the first physics step, and red in the second, 1 m further on."""

    def fake(scene, state, motor, thrust, physics):
        del scene, motor, thrust, physics
        moved = replace(state, angle=state.angle + 1, position=state.position.at[0, 4].add(1.0))
        first = (state.angle[0] == started[0].world.angle[0])[None, None]
        goal = (role == reward.GREEN)[:, None] & (role == reward.BLUE)[None] & first
        death = (role == reward.GREEN)[:, None] & (role == reward.RED)[None] & ~first
        return moved, goal | death

    role = pick(env.bank, started[0].level).role
    monkeypatch.setattr(planar, "engine", SimpleNamespace(step=fake))
    env = replace(env, engine="xla")
    moved = started[0].world.position.at[0, 4].add(1.0)
    expected = reward.goal_distance(pick(env.bank, started[0].level), moved)
    _, got = env.step(started[0], nothing(env))
    np.testing.assert_array_equal(got.reward, [1, 1, 1])
    np.testing.assert_array_equal(got.metrics["solved"], [1, 1, 1])
    np.testing.assert_allclose(got.metrics["distance"], expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": "xl"}, "env.size is 'xl': use 's' or 'm' or 'l'"),
        ({"action": "jump"}, "env.action is 'jump'"),
        ({"observation": "sonar"}, "env.observation is 'sonar'"),
        ({"engine": "warp"}, "env.engine is 'warp': use 'auto' or 'xla' or 'fused'"),
        ({"frame_skip": 0}, "env.frame_skip is 0: it must be at least 1"),
        ({"max_steps": -1}, "env.max_steps is -1: it must be at least 1"),
        ({"dense_reward_scale": float("nan")}, "env.dense_reward_scale is nan"),
        ({"action_noise": -0.1, "action": "continuous"}, "env.action_noise is -0.1: it must be 0 or more"),
        ({"action_noise": 0.1}, "env.action_noise is 0.1: it needs env.action: continuous"),
        ({"levels": ()}, "env.levels is ()"),
        ({"levels": "kinetix/s"}, "env.levels is 'kinetix/s': list at least one"),
    ],
)
def test_wrong_settings_are_named(change, message):
    with pytest.raises(ValueError) as error:
        PlanarConfig(**change)
    assert str(error.value).startswith(message)


def test_levels_must_fit_the_size():
    with pytest.raises(ValueError, match="h0_unicycle"):
        make_planar(PlanarConfig(size="s", levels=("kinetix/m/h0_unicycle",)))


@pytest.fixture
def no_warp(monkeypatch):
    monkeypatch.setattr(fused, "unavailable", lambda platform: f"no Warp for {platform}")
    planar._say_slower.cache_clear()


def test_auto_is_the_fused_engine_where_it_runs(monkeypatch):
    monkeypatch.setattr(fused, "unavailable", lambda platform: "")
    assert [planar.resolve(name) for name in ("auto", "fused", "xla")] == ["fused", "fused", "xla"]


def test_auto_falls_back_with_one_warning(no_warp, caplog):
    assert [planar.resolve(name) for name in ("xla", "auto", "auto")] == ["xla"] * 3
    (record,) = caplog.records
    assert record.levelname == "WARNING" and f"no Warp for {jax.default_backend()}" in record.getMessage()


def test_fused_where_it_does_not_run_is_refused(no_warp):
    with pytest.raises(ValueError, match=r"^env.engine is 'fused': no Warp for .*; use 'xla' or 'auto'$"):
        make_planar(PlanarConfig(engine="fused"))


@pytest.mark.skipif(bool(fused.unavailable(jax.default_backend())), reason="the fused engine does not run here")
def test_both_engines_give_the_same_steps(env, episodes):
    # The third level twice: the kernel reads the level, not the place in the bank.
    levels, key = jnp.array([2, 0, 2]), jax.random.key(0)
    envs = [replace(env, engine=name) for name in ("xla", "fused")]
    states = [assign(one, key, levels)[0] for one in envs]
    for i in range(8):
        action = jnp.stack([episodes[f"{level}/action"][i] for level in (2, 0, 2)])
        results = [step(one, state, action) for one, state in zip(envs, states, strict=True)]
        states = [state for state, _ in results]
        jax.tree.map(partial(np.testing.assert_allclose, atol=1e-4), *(result for _, result in results))


def test_a_world_of_size_l_is_kept_in_2500_bytes():
    large = make_planar(PlanarConfig(size="l", levels=("kinetix/l/gears",)))

    def size(worlds: int) -> int:
        state, _ = jax.eval_shape(lambda: large.reset(jax.random.key(0), worlds))
        return sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(replace(state, key=None)))

    assert size(9) - size(8) <= 2500


def test_nothing_is_drawn_while_no_episode_ends(env, started):
    after, got = step(env, started[0], nothing(env))
    assert not got.done.any()
    assert after.key == started[0].key
    after, got = step(env, replace(started[0], elapsed=jnp.array([255, 0, 0])), nothing(env))
    assert got.done.any()
    assert after.key != started[0].key


class Seen(Exception):
    pass


def test_actions_are_disturbed_anew_in_every_entry_world_and_step(env, monkeypatch):
    noisy = replace(env, config=replace(env.config, action_noise=0.1))
    seen = []

    def controls(kind, action, level):
        seen.append(np.asarray(action))
        raise Seen

    monkeypatch.setattr(planar.actions, "controls", controls)
    for number in range(2):
        state, _ = noisy.assign(jax.random.key(number), jnp.zeros(400, jnp.int32))
        with pytest.raises(Seen):
            noisy.step(state, jnp.full((400, 6), 0.5))
    noise = np.stack(seen) - 0.5
    assert abs(noise.std() - 0.1) < 0.005 and abs(noise.mean()) < 0.005
    assert len(np.unique(noise)) > 0.99 * noise.size
