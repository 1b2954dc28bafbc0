"""The task as an `Env`: its shapes, its randomness, and that nothing breaks it."""

from dataclasses import replace
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gambol.envs.contract import Env
from gambol.envs.track.config import CurriculumConfig

WORLDS = 128


@pytest.fixture(scope="module")
def actions(env):
    """[T, W, A] random actions, from none at all in the first world to all that is allowed in the last."""
    size = env.spec.action_space.shape[0]
    most = np.linspace(0, 5, WORLDS)[:, None]
    draws = np.random.default_rng(0).uniform(-1, 1, (20, WORLDS, size))
    return (most * draws).astype(np.float32)


@pytest.fixture(scope="module")
def run(reset, step, actions):
    """seed, actions [T, W, A] -> the steps under them."""

    def go(seed: int, actions=actions):
        state, _ = reset(seed)
        steps = []
        for action in actions:
            state, got = step(state, action)
            steps.append(got)
        return steps

    return go


def shapes(tree):
    return jax.tree.map(lambda x: (x.shape, x.dtype), tree)


def same(one, other) -> bool:
    """Whether two trees are equal bit by bit."""
    leaves = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return all(np.array_equal(np.asarray(a), np.asarray(b), equal_nan=True) for a, b in leaves)


def test_it_fits_its_spec(env, reset, step, actions):
    spec = env.spec
    assert isinstance(env, Env)
    state, first = reset(0)
    after, got = step(state, actions[0])
    assert shapes(after) == shapes(state)
    for seen in (first, got.observation, got.final_observation):
        assert seen.policy.shape == (WORLDS, *spec.observation_space.shape)
        assert seen.critic.shape == (WORLDS, *spec.critic_space.shape)
        assert seen.policy.dtype == seen.critic.dtype == np.float32
    assert got.reward.shape == got.terminated.shape == got.truncated.shape == (WORLDS,)
    assert got.rewards.shape == (WORLDS, len(spec.reward_channels))
    assert set(got.metrics) == set(spec.metrics)
    assert all(value.shape == (WORLDS,) for value in got.metrics.values())
    for name, space in (("policy", spec.observation_space), ("critic", spec.critic_space)):
        assert sum(term.size for term in spec.observation_terms[name]) == space.shape[0]
    assert sum(term.size for term in spec.action_terms) == spec.action_space.shape[0] == actions.shape[-1]
    assert spec.control_dt * spec.max_steps == pytest.approx(env.config.episode_seconds)


def test_the_reward_is_the_sum_of_its_terms_and_of_its_channels(run):
    for got in run(0)[-3:]:
        terms = {name: value for name, value in got.metrics.items() if name.startswith("reward_")}
        np.testing.assert_allclose(got.reward, sum(terms.values()), atol=1e-5)
        np.testing.assert_allclose(got.reward, got.rewards.sum(-1), atol=1e-6)
        arm = terms["reward_ee_position"] + terms["reward_ee_rotation"]
        np.testing.assert_allclose(got.rewards[:, 1], arm, atol=1e-6)


def test_a_seed_gives_the_same_run_and_another_seed_another(run):
    one, again, other = run(0), run(0), run(1)
    assert same(one, again)
    assert (one[-1].observation.critic != other[-1].observation.critic).any(-1).all()


def test_no_world_minds_what_another_does(run, actions):
    quiet = actions.copy()
    quiet[:, 1::2] = 0
    one, other = run(0)[-1], run(0, quiet)[-1]
    own = jax.tree.map(lambda x: np.asarray(x)[::2], (one, other))
    assert same(*own)
    assert (one.observation.critic[5::2] != other.observation.critic[5::2]).any(-1).all()


def test_actions_come_late_by_one_step_where_drawn(step, but, played, actions):
    """Each odd world is the twin of the one before, but late; what it is told it does a step later."""
    episode = jax.tree.map(lambda leaf: np.repeat(np.asarray(leaf)[::2], 2, axis=0), played.episode)
    late = np.arange(WORLDS) % 2 == 1
    state = but(
        played,
        physics=episode.physics,
        reach=episode.reach,
        last_action=episode.last_action,
        goal=replace(episode.goal, hold=episode.goal.hold + 100),
        drawn=replace(episode.drawn, action_late=late),
    )
    told = [episode.last_action, actions[0], actions[1], actions[2]]
    for now, soon in pairwise(told):
        shared = np.where(late[:, None], np.repeat(soon[::2], 2, axis=0), np.repeat(now[::2], 2, axis=0))
        state, got = step(state, shared)
        assert not got.done.any()
        qpos = np.asarray(state.episode.physics.qpos)
        np.testing.assert_array_equal(qpos[::2], qpos[1::2])
    state, _ = step(state, np.repeat(actions[3][::2], 2, axis=0))
    qpos = np.asarray(state.episode.physics.qpos)
    assert (qpos[2::2] != qpos[3::2]).any(-1).all()


def test_the_curriculum_grows_by_its_steps(env, reset, step, but, still):
    growing = replace(env, config=replace(env.config, curriculum=CurriculumConfig(steps=1000, start=0.2)))
    for steps, share in ((0, 0.2), (500, 0.6), (1000, 1.0), (5000, 1.0)):
        assert float(growing.at(jnp.float32(steps)).share) == pytest.approx(share)
    assert env.at(jnp.float32(500)).share == 1
    easy = replace(env, share=jnp.float32(0))
    (state, _), (full, _) = reset(0, easy), reset(0)
    drawn = state.episode.drawn
    assert (drawn.friction == 1).all() and (drawn.strength == 1).all() and not drawn.base_mass.any()
    np.testing.assert_array_equal(state.episode.command.velocity, full.episode.command.velocity)
    due = round(env.config.random.push_period / env.config.control_dt) - 1
    pushed, plain = (
        step(but(state, steps=np.full(WORLDS, count, np.int32)), still, easy)[0].episode.physics.qvel
        for count in (due, 7)
    )
    np.testing.assert_array_equal(pushed, plain)


def test_a_hundred_thousand_random_steps_leave_no_number_undefined(reset, step, env):
    state, _ = reset(3)
    random = np.random.default_rng(3)
    most, size = np.linspace(0, 5, WORLDS, dtype=np.float32)[:, None], env.spec.action_space.shape[0]
    ends = np.zeros(3, int)
    for _ in range(100_000 // WORLDS + 1):
        state, got = step(state, most * random.uniform(-1, 1, (WORLDS, size)).astype(np.float32))
        arrays = (got.observation, got.final_observation, got.reward, got.rewards, got.metrics)
        assert all(np.isfinite(x).all() for x in jax.tree.leaves(arrays))
        assert (np.abs(got.reward) < 100).all()
        ends += [got.terminated.sum(), got.truncated.sum(), got.metrics["blown_up"].sum().astype(int)]
    assert ends[0] > 100 and ends[1] > 2, "not every kind of end was seen"  # how many differs between processors
    assert ends[2] == 0
