from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gambol.envs.contract import Observation
from gambol.policies.learn.ppo.config import PPOConfig
from gambol.policies.learn.ppo.learner import make_learner
from gambol.policies.nets.config import NetworkConfig
from tiny_env import Hands, Reach, Rising

PPO = PPOConfig(worlds=12, rollout_steps=5, minibatches=3, epochs=2)


def key_data(tree):
    """Typed keys as numbers, so that trees compare."""
    return jax.tree.map(
        lambda leaf: jax.random.key_data(leaf) if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf, tree
    )


def run(learner, updates, **options):
    state, history = learner.init(jax.random.key(0)), []
    for _ in range(updates):
        state, metrics = learner.update(state, **options)
        history.append({name: value.item() for name, value in metrics.items()})
    return state, history


@pytest.fixture(scope="module")
def privileged():
    env = Reach(jnp.zeros(()), privileged=True)
    return env, make_learner(env, PPO, NetworkConfig((8, 8), (8,)))


def test_the_first_ratio_of_every_update_is_exactly_one(privileged):
    _, history = run(privileged[1], 5)
    assert [metrics["ratio_error_first"] for metrics in history] == [0.0] * 5
    assert all(metrics["approx_kl"] != 0 for metrics in history)  # later minibatches did move


def test_with_robustness_a_policy_learns_and_does_not_narrow():
    entropy = {}
    for most in (0.0, 0.3):
        ppo = PPOConfig(worlds=64, rollout_steps=4, learning_rate=0.03, entropy_coef=0.0, robustness=most)
        _, history = run(make_learner(Reach(jnp.zeros(())), ppo, NetworkConfig((8,), (8,))), 30)
        assert (history[0]["ratio_error_first"] != 0) == (most > 0)  # shifted from the first step on
        assert history[-1]["episode_return"] > 0.95
        entropy[most] = history[-1]["entropy"]
    assert entropy[0.3] > entropy[0.0] + 1


def test_a_state_is_consumed_by_its_update_and_nothing_compiles_twice(privileged):
    _, learner = privileged
    state = learner.init(jax.random.key(0))
    buffers = [leaf.unsafe_buffer_pointer() for leaf in jax.tree.leaves(key_data(state))]
    assert len(buffers) == len(set(buffers))
    second, _ = learner.update(state)
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves(state))
    with jax.no_tracing():
        learner.update(second)


def test_the_same_key_gives_the_same_run(privileged):
    (one, _), (two, _) = run(privileged[1], 3), run(privileged[1], 3)
    jax.tree.map(np.testing.assert_array_equal, key_data(one), key_data(two))
    assert one.updates == 3


def test_task_data_may_change_between_updates_without_compiling_again(privileged):
    env, learner = privileged
    _, plain = learner.update(learner.init(jax.random.key(0)))
    same, richer_env = learner.init(jax.random.key(0)), replace(env, bonus=jnp.float32(10))
    with jax.no_tracing():
        _, richer = learner.update(same, richer_env)
    np.testing.assert_allclose(richer["episode_return"], plain["episode_return"] + 10, rtol=1e-5)


def test_the_critic_sees_more_and_the_policy_never_needs_it(privileged):
    _, learner = privileged
    state, history = run(learner, 2)
    assert state.normaliser.critic.mean[0].shape == (2,) and state.normaliser.policy.mean[0].shape == (1,)
    assert state.normaliser.policy.count == 2 * PPO.worlds * PPO.rollout_steps
    policy = learner.policy(temperature=0.0)
    act = jax.jit(policy.act)
    actions = [
        act(
            learner.params_of(state), policy.initial_memory(3), Observation(jnp.ones((3, 1)), critic), jax.random.key(i)
        )[0]
        for i, critic in enumerate((None, jnp.ones((3, 2))))
    ]
    np.testing.assert_array_equal(*actions)
    assert actions[0].shape == (3, 1)
    assert {"loss", "grad_norm", "explained_variance", "success_rate", "non_finite"} <= history[0].keys()


def test_observation_statistics_are_merged_after_the_update_that_saw_them(privileged):
    _, learner = privileged
    state = learner.init(jax.random.key(0))
    assert state.normaliser.policy.count == 0
    state, _ = learner.update(state)
    assert state.normaliser.policy.count == PPO.worlds * PPO.rollout_steps
    assert 0.2 < state.normaliser.policy.variance[0][0] < 0.5  # 1/3 for what Reach draws, and 1 at the start


def test_numbers_that_are_not_finite_are_counted(privileged):
    env, learner = privileged
    _, (metrics,) = run(learner, 1)
    assert metrics["non_finite"] == 0
    _, (metrics,) = run(learner, 1, source=replace(env, bonus=jnp.float32(jnp.nan)))
    assert metrics["non_finite"] > 0


def test_an_adapted_learning_rate_reaches_its_target_and_is_part_of_the_state():
    config = replace(PPO, learning_rate=1e-4, kl_target=0.02, epochs=8)
    learner = make_learner(Reach(jnp.zeros(())), config, NetworkConfig((8,), (8,)))
    state, history = run(learner, 12)
    assert state.rate == history[-1]["learning_rate"] > 1e-3
    late = [metrics["approx_kl"] for metrics in history[-4:]]
    assert 0.01 < sum(late) / 4 < 0.04  # at the rate it began with: below 0.001


def test_a_curriculum_is_told_the_control_steps_of_training():
    learner = make_learner(Rising(jnp.zeros(())), PPO, NetworkConfig((8,), (8,)))
    _, rising = run(learner, 3)
    for updates, metrics in enumerate(rising):
        assert abs(metrics["reward"] - updates * PPO.worlds * PPO.rollout_steps) < 4


def test_each_hand_learns_from_its_own_channel():
    config = replace(PPO, worlds=48, rollout_steps=8, mixing_updates=10**6, learning_rate=1e-2, entropy_coef=0.0)
    _, history = run(make_learner(Hands(jnp.zeros(())), config, NetworkConfig((16,), (16,))), 60)
    assert history[0]["ratio_error_first"] == 0 and history[0]["episode_return"] < 0.4
    assert history[-1]["episode_return"] > 0.95  # the most there is, is 1


def test_the_entropy_bonus_falls_with_the_rate():
    """With a bonus that outweighs all else the spread grows, until there is nothing left of it."""
    config = replace(PPO, entropy_coef=1.0, anneal=2, anneal_after=2)
    learner = make_learner(Reach(jnp.zeros(())), config, NetworkConfig((8,), (8,)))
    _, metrics = run(learner, 6)
    entropy = [float(row["entropy"]) for row in metrics]
    assert entropy[1] < entropy[2] and entropy[5] == pytest.approx(entropy[4], abs=1e-6)
    assert float(metrics[5]["learning_rate"]) == 0.0
