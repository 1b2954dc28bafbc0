from dataclasses import replace
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from gambol.policies.learn.ppo.acting import PolicyParams, make_parts, make_policy
from gambol.policies.learn.ppo.batch import Batch, minibatch_orders, part
from gambol.policies.learn.ppo.config import PPOConfig
from gambol.policies.learn.ppo.improve import add_advantage, shifted
from gambol.policies.learn.ppo.losses import gae
from gambol.policies.learn.ppo.normaliser import identity
from gambol.policies.learn.ppo.rollout import collect, start
from gambol.policies.nets.config import NetworkConfig
from gambol.policies.policy import renew
from tiny_env import Hands, Reach, Recall

CONFIG = PPOConfig(worlds=6, rollout_steps=7, minibatches=3, epochs=4, normalise_observations=False)


@pytest.fixture(scope="module")
def lived():
    """A rollout of a recurrent policy that begins in the middle of an episode, and what the learner made of it."""
    env = Recall()
    parts = make_parts(env.spec, CONFIG, NetworkConfig((8,), (8,), recurrent=4))
    actor, critic = parts.networks(jax.random.key(0))
    params = {"actor": nnx.state(actor), "critic": nnx.state(critic)}
    policy = make_policy(parts)
    acting = PolicyParams(params["actor"], identity(jnp.zeros(2)))

    @jax.jit
    def run(key):
        middle, _ = collect(env, policy, acting, start(env, policy, key, CONFIG.worlds), key, 2)
        _, seen = collect(env, policy, acting, middle, key, CONFIG.rollout_steps)
        memory = {"actor": middle.memory, "critic": middle.memory + 0.5}
        order = minibatch_orders(CONFIG, key)[0]
        return add_advantage(parts, params, Batch(seen, memory), order, jnp.int32(0))

    batch, critic_memory = run(jax.random.key(1))
    return SimpleNamespace(parts=parts, actor=actor, critic=critic, batch=batch, critic_memory=critic_memory)


def test_replayed_log_probabilities_and_values_are_those_of_acting_step_by_step(lived):
    rollout, fresh = lived.batch.rollout, jnp.zeros((CONFIG.worlds, 4))
    memory = dict(lived.batch.memory)
    for t in range(CONFIG.rollout_steps):
        seen, successor = rollout.observation.policy[t], rollout.final_observation.policy[t]
        parameters, memory["actor"] = lived.actor.step(seen, memory["actor"])
        value, memory["critic"] = lived.critic.step(seen, memory["critic"])
        next_value, _ = lived.critic.step(successor, memory["critic"])
        log_prob = lived.parts.distribution.log_prob(parameters, rollout.action[t])
        np.testing.assert_allclose(lived.batch.log_prob[t, :, 0], log_prob, atol=1e-6)
        np.testing.assert_allclose(lived.batch.value[t], value, atol=1e-6)
        surprise = rollout.reward[t] + CONFIG.gamma * next_value[:, 0] * ~rollout.terminated[t] - value[:, 0]
        last = rollout.done[t] | (t == CONFIG.rollout_steps - 1)  # where the advantage is one surprise
        np.testing.assert_allclose(lived.batch.advantage[t, :, 0][last], surprise[last], atol=1e-5)
        memory = {name: renew(now, fresh, rollout.done[t]) for name, now in memory.items()}
    np.testing.assert_allclose(lived.critic_memory, memory["critic"], atol=1e-6)
    assert rollout.done.any() and not rollout.done[-1].any()


def test_within_an_episode_the_value_of_the_successor_is_the_next_value(lived):
    batch = lived.batch
    np.testing.assert_allclose(batch.returns, batch.advantage + batch.value, atol=1e-6)
    following = jnp.concatenate([batch.value[1:], batch.value[-1:]])
    expected, _ = gae(
        batch.rollout.reward,
        batch.value[..., 0],
        following[..., 0],
        batch.rollout.terminated,
        batch.rollout.done,
        gamma=CONFIG.gamma,
        gae_lambda=CONFIG.gae_lambda,
    )
    ended = int(np.asarray(batch.rollout.done).any(axis=1).nonzero()[0][-1])
    np.testing.assert_allclose(batch.advantage[: ended + 1, :, 0], expected[: ended + 1], atol=1e-5)


def test_a_term_is_judged_by_the_channel_of_its_name():
    env, config = Hands(jnp.zeros(())), replace(CONFIG, mixing_start=0.25, mixing_updates=5)
    parts = make_parts(env.spec, config, NetworkConfig((4,), (4,)))
    params = dict(zip(("actor", "critic"), map(nnx.state, parts.networks(jax.random.key(0))), strict=True))
    policy, key = make_policy(parts), jax.random.key(1)
    acting = PolicyParams(params["actor"], identity(jnp.zeros(1)))
    _, seen = collect(env, policy, acting, start(env, policy, key, config.worlds), key, config.rollout_steps)
    order = minibatch_orders(config, key)[0]
    batch, _ = add_advantage(parts, params, Batch(seen, {"actor": None, "critic": None}), order, jnp.int32(0))
    right, left = np.moveaxis(np.asarray(seen.rewards - batch.value), -1, 0)  # an episode is one step
    np.testing.assert_allclose(batch.advantage, np.stack([left + right / 4, right + left / 4], axis=-1), atol=1e-5)
    assert batch.log_prob.shape == batch.value.shape == (config.rollout_steps, config.worlds, 2)


def test_every_world_is_in_one_minibatch_of_every_epoch():
    orders = np.asarray(minibatch_orders(CONFIG, jax.random.key(0)))
    assert orders.shape == (4, 3, 2)
    np.testing.assert_array_equal(np.sort(orders.reshape(4, -1)), np.tile(np.arange(6), (4, 1)))
    assert len({tuple(order.ravel()) for order in orders}) > 1


def test_a_part_holds_the_rollouts_and_memories_of_its_worlds(lived):
    some = part(lived.batch, jnp.array([4, 1]))
    np.testing.assert_array_equal(some.log_prob, lived.batch.log_prob[:, [4, 1]])
    np.testing.assert_array_equal(some.rollout.observation.policy, lived.batch.rollout.observation.policy[:, [4, 1]])
    np.testing.assert_array_equal(some.memory["actor"], lived.batch.memory["actor"][jnp.array([4, 1])])


def test_robustness_shifts_means_and_no_deviations():
    parts = make_parts(Hands(jnp.zeros(())).spec, replace(CONFIG, robustness=0.3), NetworkConfig((4,), (4,)))
    parameters = jnp.broadcast_to(jnp.array([1.0, -2.0, 0.5, -0.5]), (5000, 4))
    shift = np.asarray(shifted(parts, parameters, jax.random.key(0)) - parameters)
    assert (shift[:, 2:] == 0).all() and np.abs(shift).max() <= 0.3 + 1e-6
    np.testing.assert_allclose(shift[:, :2].mean(axis=0), 0, atol=0.01)
    np.testing.assert_allclose(shift[:, :2].std(axis=0), 0.3 / 3**0.5, rtol=0.03)
    assert abs(np.corrcoef(shift[:, 0], shift[:, 1])[0, 1]) < 0.05  # each action entry has its own


def test_robustness_needs_actions_with_a_mean():
    with pytest.raises(ValueError, match=r"ppo.robustness is 0.1: actions that are chosen, not measured, need 0"):
        make_parts(Reach(jnp.zeros(()), "discrete").spec, replace(CONFIG, robustness=0.1), NetworkConfig((4,), (4,)))
