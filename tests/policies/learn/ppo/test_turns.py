"""A policy that adapts, learning: the turns that are taken, and what comes of them."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gambol.envs.contract import Observation
from gambol.policies.learn.ppo.acting import make_collector, make_parts
from gambol.policies.learn.ppo.batch import Batch, minibatch_orders
from gambol.policies.learn.ppo.config import PPOConfig
from gambol.policies.learn.ppo.improve import add_advantage, loss
from gambol.policies.learn.ppo.learner import init, make_learner
from gambol.policies.learn.ppo.rollout import collect
from gambol.policies.learn.ppo.state import collector_params
from gambol.policies.learn.ppo.symmetry import image
from gambol.policies.nets.config import AdaptationConfig, NetworkConfig
from tiny_env import Hint

PPO = PPOConfig(worlds=64, rollout_steps=12, minibatches=2, epochs=4, learning_rate=1e-2, entropy_coef=0.0)
ADAPT = AdaptationConfig(latent=2, privileged=(8,), every=4, weight_start=0, weight_end=1, learning_rate=1e-2)
NETWORK = NetworkConfig((16,), (16,), adaptation=ADAPT)


@pytest.fixture(scope="module")
def learned():
    """A learner, its states after each of the first updates and the last, and the metrics of all."""
    learner = make_learner(Hint(), PPO, NETWORK)
    state = learner.init(jax.random.key(0))
    states, history = [jax.device_get((state.params, state.student))], []
    for update in range(80):
        state, metrics = learner.update(state)
        history.append({name: value.item() for name, value in metrics.items()})
        if update < 4:
            states.append(jax.device_get((state.params, state.student)))
    return learner, state, states, history


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True))


def test_actor_and_critic_learn_in_most_updates_and_the_history_in_the_others(learned):
    _, _, states, history = learned
    assert [metrics["by_history"] for metrics in history[:8]] == [0, 0, 0, 1] * 2
    for before, after, by_history in zip(states[:-1], states[1:], (False, False, False, True), strict=True):
        assert same(before[0], after[0]) == by_history
        assert same(before[1], after[1]) != by_history
    for metrics in history:
        assert metrics["ratio_error_first"] == 0 and metrics["non_finite"] == 0
        assert (metrics["approx_kl"] == 0) == bool(metrics["by_history"])


def test_what_the_history_tells_stands_in_for_what_is_privileged(learned):
    learner, state, _, history = learned
    gaps = [metrics["latent_gap"] for metrics in history]
    assert sum(gaps[-8:]) < 0.3 * sum(gaps[:8])
    policy, env = learner.policy(temperature=0.0), Hint()
    params, rewards = learner.params_of(state), []
    world, seen = env.reset(jax.random.key(7), 200)
    for _ in range(6):
        action, _ = policy.act(params, None, Observation(seen.policy), jax.random.key(0))
        world, step = env.step(world, action)
        seen = step.observation
        rewards.append(step.reward.mean())
    assert min(rewards) > 0.95  # without a latent, 2/3 is the most after the first step


def test_the_latents_pull_at_each_other_as_much_as_asked():
    env, ppo = Hint(), replace(PPO, worlds=4, minibatches=1, symmetry="augment")
    parts = make_parts(env.spec, ppo, NETWORK)

    @jax.jit
    def losses(key, weight):
        state = init(parts, env, key)
        params = collector_params(parts, state)
        _, seen = collect(env, make_collector(parts), params, state.worlds, key, ppo.rollout_steps)
        batch = Batch(seen, {"actor": None, "critic": None}, image(parts.mirror, seen))
        batch, _ = add_advantage(parts, state.params, batch, minibatch_orders(ppo, key)[0], state.updates)
        batch = replace(batch, latent=jnp.ones((ppo.rollout_steps, ppo.worlds, ADAPT.latent)))
        return loss(state.params, parts, batch, pull=weight)

    (plain, metrics), (pulled, _) = (losses(jax.random.key(0), weight) for weight in (0.0, 0.5))
    np.testing.assert_allclose(pulled - plain, 0.5 * metrics["latent_gap"], rtol=1e-3)
    assert metrics["latent_gap"] > 0.1 and metrics["ratio_error"] == 0 and metrics["asymmetry"] > 0
