from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
from gambol.policies.learn.ppo.rollout import collect, episode_metrics, start
from gambol.policies.policy import Policy
from tiny_env import Recall

WORLDS = 3


def answer(params, memory, observation, key):
    """Answers 1 whatever was shown, and counts the steps it remembers."""
    del params, observation, key
    return jnp.ones(WORLDS, jnp.int32), memory + 1


COUNTER = Policy(lambda worlds: jnp.zeros(worlds), answer)


def test_episodes_are_counted_and_successors_kept_across_resets():
    env = Recall()
    begun = start(env, COUNTER, jax.random.key(0), WORLDS)
    after, seen = jax.jit(lambda worlds, key: collect(env, COUNTER, None, worlds, key, 10))(begun, jax.random.key(1))

    ends = np.zeros((10, WORLDS), bool)
    ends[[3, 7]] = True  # an episode is four steps
    np.testing.assert_array_equal(seen.done, ends)
    np.testing.assert_array_equal(seen.terminated, ends)
    np.testing.assert_array_equal(seen.episode_length, np.tile([[1], [2], [3], [4]] * 2 + [[1], [2]], WORLDS))
    np.testing.assert_array_equal(after.episode_length, [2] * WORLDS)
    np.testing.assert_array_equal(after.memory, [2] * WORLDS)

    cues = np.asarray(seen.observation.policy[..., 0])
    assert (np.abs(cues[[0, 4, 8]]) == 1).all() and not cues[[1, 2, 3, 5, 6, 7, 9]].any()
    np.testing.assert_array_equal(seen.final_observation.policy[3::4], np.zeros((2, WORLDS, 2)))
    inner = ~ends[:-1]
    np.testing.assert_array_equal(seen.final_observation.policy[:-1][inner], seen.observation.policy[1:][inner])

    wins = cues[[0, 4]] == 1
    np.testing.assert_array_equal(seen.reward[3::4], wins)
    assert seen.reward.sum() == wins.sum() and 0 < wins.sum() < wins.size
    ages = {"age": seen.episode_length, "years": seen.episode_length}
    spec = replace(env.spec, step_metrics=("years",))
    metrics = episode_metrics(replace(seen, metrics=seen.metrics | ages), spec)
    assert metrics["episodes"] == 2 * WORLDS and metrics["episode_length"] == 4
    assert metrics["episode_age"] == 4  # at the last step of episodes
    np.testing.assert_allclose(metrics["step_years"], 2.3)  # over all steps: 1 2 3 4, 1 2 3 4, 1 2
    assert not {"step_age", "episode_years"} & metrics.keys()
    for name in ("episode_return", "success_rate"):
        np.testing.assert_allclose(metrics[name], wins.mean(), rtol=1e-6)
    np.testing.assert_allclose(metrics["reward"], wins.sum() / 30, rtol=1e-6)


def test_without_a_finished_episode_the_means_are_zero_and_say_so():
    env = Recall()
    begun = start(env, COUNTER, jax.random.key(0), WORLDS)
    _, seen = collect(env, COUNTER, None, begun, jax.random.key(1), 2)
    metrics = episode_metrics(seen, env.spec)
    assert metrics["episodes"] == 0 and metrics["episode_return"] == 0 and metrics["success_rate"] == 0
