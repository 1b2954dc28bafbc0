"""Several frames at once, beside an env that shows one of them at a time."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gambol.envs.planar.env import PlanarConfig, PlanarEnv, make_planar

LEVELS = ("kinetix/s/h6_unicycle_right",)
WORLDS, FRAMES = 2, 3
step = jax.jit(PlanarEnv.step)


def played(env, count):
    """What is seen at the start and after each of some steps, and what is done; an episode ends on the way."""
    key, levels = jax.random.key(0), jnp.zeros(WORLDS, jnp.int32)
    state, observation = jax.jit(PlanarEnv.assign)(env, key, levels)
    actions = np.random.default_rng(0).uniform(-1, 1, (count, WORLDS, 6)).astype(np.float32)
    seen, last = [observation.policy], []
    for action in actions:
        state, found = step(env, state, jnp.asarray(action))
        seen.append(found.observation.policy)
        last.append(found.final_observation.policy)
    return seen, last, actions


@pytest.fixture(scope="module")
def both():
    config = dict(size="s", levels=LEVELS, action="continuous", max_steps=5)
    one = make_planar(PlanarConfig(**config))
    several = make_planar(PlanarConfig(**config, frames=FRAMES))
    return several, played(one, 7), played(several, 7)


def test_the_past_is_what_was_seen_and_done(both):
    _, (single, _, actions), (seen, last, _) = both
    size = single[0].shape[1]
    for tick in range(5):  # the fifth step ends the episode
        now = seen[tick]
        np.testing.assert_allclose(now["state"], single[tick], atol=1e-6)
        before = [single[i] if i >= 0 else np.zeros((WORLDS, size)) for i in range(tick - FRAMES + 1, tick)]
        done = actions[tick - 1] if tick else np.zeros((WORLDS, 6))
        np.testing.assert_allclose(now["past"], np.concatenate([*before, done], axis=1), atol=1e-6)
    np.testing.assert_allclose(last[4]["past"][:, -6:], actions[4])  # of the episode that ends


def test_nothing_of_an_episode_is_left_in_the_next(both):
    _, _, (seen, _, _) = both
    assert not np.asarray(seen[5]["past"]).any() and np.asarray(seen[4]["past"]).any()
    np.testing.assert_array_equal(seen[5]["past"], seen[0]["past"])


def test_spaces_and_terms_fit_what_is_seen(both):
    env, _, (seen, _, _) = both
    for name, array in seen[6].items():
        assert env.spec.observation_space[name].shape == array.shape[1:]
        assert sum(term.size for term in env.spec.observation_terms[name]) == array.shape[1]
        names = [term.name for term in env.spec.observation_terms[name]]
        assert len(set(names)) == len(names)


def test_the_benchmarks_experts_see_as_many_numbers_as_published():
    env = make_planar(PlanarConfig(size="l", levels=("kinetix/l/car_launch",), action="continuous", frames=4))
    assert sum(space.shape[0] for space in env.spec.observation_space.values()) == 4 * 679 + 6


@pytest.mark.parametrize(
    "wrong", [{"frames": 0}, {"frames": 2, "observation": "entity"}, {"frames": 2, "action": "discrete"}]
)
def test_what_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match=r"env\.frames is"):
        PlanarConfig(**{"action": "continuous"} | wrong)
