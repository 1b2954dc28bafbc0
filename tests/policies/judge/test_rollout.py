from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gambol.policies.judge.rollout import ENDINGS, evaluate, rollout
from gambol.policies.judge.statistics import wilson
from gambol.policies.policy import Policy

ATTEMPTS = 200


@pytest.fixture(scope="module")
def evaluation(coin_env, thrower):
    return evaluate(coin_env, thrower, 1.0, attempts=ATTEMPTS, seed=3)


def test_outcomes_follow_the_known_probabilities(evaluation):
    never, lost, sometimes, always = evaluation.solved.mean(1)
    assert (never, lost, always) == (0.0, 0.0, 1.0)
    interval = wilson(int(evaluation.solved[2].sum()), ATTEMPTS, 0.999)
    assert interval.lo < 1 - 0.7**4 < interval.hi and sometimes < 1


def test_only_the_first_episode_counts(evaluation):
    # After its first step the level "lost" starts again and would be solved three times over.
    assert not evaluation.solved[1].any()
    assert (evaluation.values["length"][1] == 1).all()
    assert (evaluation.values["return"][1] == 1).all()


def test_endings_lengths_and_returns(evaluation):
    kinds = [{ENDINGS[i] for i in row} for row in evaluation.ending]
    assert kinds == [{"truncated"}, {"terminated"}, {"terminated", "truncated"}, {"terminated"}]
    np.testing.assert_array_equal(evaluation.ending[2] == ENDINGS.index("terminated"), evaluation.solved[2])
    assert (evaluation.values["length"][0] == 4).all() and (evaluation.values["length"][3] == 1).all()
    assert evaluation.values["length"][2].mean() == pytest.approx((1 - 0.7**4) / 0.3, abs=0.3)
    np.testing.assert_array_equal(evaluation.values["return"], evaluation.values["length"])


def test_metrics_are_those_of_the_last_step_of_the_first_episode(evaluation):
    won = evaluation.solved[2]
    assert (evaluation.values["coin"][2][won] < 0.3).all()
    assert (evaluation.values["coin"][2][~won] >= 0.3).all()


def test_a_rollout_cut_short_leaves_episodes_unfinished(coin_env, thrower):
    short = evaluate(coin_env, thrower, 1.0, attempts=3, steps=2)
    assert {ENDINGS[i] for i in short.ending[0]} == {"unfinished"}
    assert not short.solved[0].any() and (short.values["length"][0] == 2).all()


@pytest.mark.parametrize("max_worlds", [1, 7, 100])
def test_batch_size_changes_nothing(coin_env, thrower, max_worlds):
    whole = evaluate(coin_env, thrower, 1.0, attempts=5)
    parts = evaluate(coin_env, thrower, 1.0, attempts=5, max_worlds=max_worlds)
    jax.tree.map(np.testing.assert_array_equal, whole.values, parts.values)
    np.testing.assert_array_equal(whole.solved, parts.solved)
    np.testing.assert_array_equal(whole.ending, parts.ending)


def test_more_attempts_begin_with_the_same_ones_and_none_repeats(coin_env, thrower):
    few, many = (evaluate(coin_env, thrower, 1.0, attempts=n).values["coin"] for n in (3, 6))
    np.testing.assert_array_equal(few, many[:, :3])
    assert len(np.unique(many)) == many.size


def test_seeds_repeat_and_differ(coin_env, thrower):
    one, again, two = (evaluate(coin_env, thrower, 1.0, attempts=4, seed=s).values["coin"] for s in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert not np.isin(one, two).any()


def test_params_reach_the_policy(coin_env, thrower):
    assert evaluate(coin_env, thrower, 0.25, attempts=8).solved[2].all()


def test_memory_is_carried_per_world(coin_env):
    remembering = Policy(lambda worlds: jnp.zeros((worlds, 1)), lambda p, memory, o, k: (memory + 0.5, memory + 1))
    coins = evaluate(coin_env, remembering, None, attempts=2).values["coin"]
    np.testing.assert_array_equal(coins[0], [3.5, 3.5])  # the fourth action of an episode that never ends
    np.testing.assert_array_equal(coins[3], [0.5, 0.5])


def test_watch_sees_the_state_before_every_step(coin_env, thrower):
    keys = jax.random.split(jax.random.key(0), 2)
    _, (elapsed, coin) = rollout(
        coin_env, 1.0, jnp.array([0, 1]), keys, keys[0], policy=thrower, steps=3, watch=lambda s, a: (s[1], a)
    )
    np.testing.assert_array_equal(elapsed, [[0, 0], [1, 0], [2, 0]])
    assert coin.shape == (3, 2, 1) and len(np.unique(coin)) == 6


@pytest.mark.parametrize("wrong", [{"attempts": 0}, {"attempts": -2}, {"steps": 0}, {"max_worlds": 0}])
def test_counts_below_one_are_refused(coin_env, thrower, wrong):
    name, value = next(iter(wrong.items()))
    with pytest.raises(ValueError, match=f"{name} is {value}: it must be at least 1"):
        evaluate(coin_env, thrower, 1.0, **wrong)


def test_an_env_without_success_is_refused(coin_env, thrower):
    class Aimless(type(coin_env)):
        spec = replace(type(coin_env).spec, success=None)

    with pytest.raises(ValueError, match="no success metric"):
        evaluate(Aimless(coin_env.end, coin_env.solve, coin_env.level_names), thrower, 1.0)
