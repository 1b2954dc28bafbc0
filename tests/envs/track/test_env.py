"""The task as an `Env`: its shapes, its randomness, and that nothing breaks it."""

import jax
import numpy as np
import pytest
from gambol.envs.contract import Env

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


def test_a_hundred_thousand_random_steps_leave_no_number_undefined(reset, step, env):
    state, _ = reset(3)
    random = np.random.default_rng(3)
    most = np.linspace(0, 5, WORLDS, dtype=np.float32)[:, None]
    ends = np.zeros(3, int)
    for _ in range(100_000 // WORLDS + 1):
        state, got = step(state, most * random.uniform(-1, 1, (WORLDS, *env.spec.action_space.shape)).astype(np.float32))
        arrays = (got.observation, got.final_observation, got.reward, got.rewards, got.metrics)
        assert all(np.isfinite(x).all() for x in jax.tree.leaves(arrays))
        assert (np.abs(got.reward) < 100).all()
        ends += [got.terminated.sum(), got.truncated.sum(), got.metrics["blown_up"].sum().astype(int)]
    assert ends[0] > 100 and ends[1] > 10, "not every kind of end was seen"
    assert ends[2] == 0
