from dataclasses import replace

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from gambol.envs.contract import Mirror, Observation, Reflection
from gambol.policies.learn.ppo.acting import PolicyParams, make_parts, make_policy
from gambol.policies.learn.ppo.batch import Batch, minibatch_orders
from gambol.policies.learn.ppo.config import PPOConfig
from gambol.policies.learn.ppo.improve import add_advantage, loss
from gambol.policies.learn.ppo.learner import make_learner
from gambol.policies.learn.ppo.normaliser import identity
from gambol.policies.learn.ppo.rollout import collect, start
from gambol.policies.learn.ppo.symmetry import image, mirror_for, mirrored
from gambol.policies.nets.config import AdaptationConfig, NetworkConfig
from tiny_env import FLIP, Half, box

SMALL = NetworkConfig((8,), (8,))
PPO = PPOConfig(worlds=8, rollout_steps=4, minibatches=2, epochs=1, entropy_coef=0.0, normalise_observations=False)


def test_every_array_is_mirrored_by_its_own_reflection():
    swap, turn = Reflection((1, 0), (1.0, 1.0)), FLIP
    frames = jnp.arange(8.0).reshape(1, 4, 2)
    seen = Observation({"now": frames[:, 0], "history": frames}, {"now": frames[:, 0], "privileged": jnp.ones((1, 1))})
    found = mirrored(Mirror(policy=swap, action=turn, privileged=turn), seen)
    np.testing.assert_array_equal(found.policy["now"], [[1, 0]])
    np.testing.assert_array_equal(found.policy["history"], [[[1, 0], [3, 2], [5, 4], [7, 6]]])
    np.testing.assert_array_equal(found.critic["now"], [[1, 0]])
    np.testing.assert_array_equal(found.critic["privileged"], [[-1]])
    flat = mirrored(Mirror(policy=swap, action=turn, critic=turn), Observation(frames[:, 0], jnp.ones((1, 1))))
    np.testing.assert_array_equal(flat.critic, [[-1]])
    assert mirrored(Mirror(swap, turn), Observation(frames[:, 0])).critic is None


@pytest.mark.parametrize(
    ("change", "network", "message"),
    [
        ({"mirror": None}, SMALL, "ppo.symmetry is 'augment', but tiny has no mirror for continuous actions"),
        ({"action_space": gymnasium.spaces.Discrete(2)}, SMALL, "has no mirror for continuous actions"),
        ({}, replace(SMALL, recurrent=4), "a memory has no mirror image"),
        ({"action_space": box(3)}, SMALL, r"the mirror makes .action \(1,\), it is \(3,\)"),
        ({"observation_space": box(2)}, SMALL, r"the mirror makes .policy \(1,\), it is \(2,\)"),
    ],
)
def test_a_task_that_cannot_be_mirrored_is_refused(change, network, message):
    spec = replace(Half(jnp.zeros(())).spec, **change)
    assert mirror_for(spec, PPO, network) is None
    with pytest.raises(ValueError, match=message):
        mirror_for(spec, replace(PPO, symmetry="augment"), network)


@pytest.fixture(scope="module")
def judged():
    """Parts, weights and a judged rollout with its image."""
    env = Half(jnp.zeros(()), privileged=True)
    parts = make_parts(env.spec, replace(PPO, symmetry="augment"), SMALL)
    params = dict(zip(("actor", "critic"), map(nnx.state, parts.networks(jax.random.key(0))), strict=True))
    policy, key = make_policy(parts), jax.random.key(1)
    acting = PolicyParams(params["actor"], identity(jnp.zeros(1)))
    _, seen = collect(env, policy, acting, start(env, policy, key, PPO.worlds), key, PPO.rollout_steps)
    nothing = {"actor": None, "critic": None}
    batch = Batch(seen, nothing, image(parts.mirror, seen))
    return parts, params, add_advantage(parts, params, batch, minibatch_orders(PPO, key)[0], jnp.int32(0))[0]


def test_augmenting_is_learning_from_twice_the_worlds(judged):
    parts, params, batch = judged
    plain = replace(parts, mirror=None, config=replace(parts.config, symmetry="none"))
    both = jax.tree.map(lambda a, b: jnp.concatenate([a, b], axis=1), batch.rollout, batch.image)
    double = lambda x: jnp.concatenate([x, x], axis=1)  # noqa: E731
    made = {name: double(getattr(batch, name)) for name in ("log_prob", "value", "advantage", "returns")}
    gradient = jax.grad(loss, has_aux=True)
    wanted, _ = gradient(params, plain, replace(batch, rollout=both, image=None, **made))
    found, metrics = gradient(params, parts, batch)
    assert metrics["ratio_error"] == 0
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), found, wanted)


def test_the_distance_from_symmetry_is_that_of_the_mean_actions(judged):
    parts, params, batch = judged
    plain = replace(parts, mirror=None, config=replace(parts.config, symmetry="none"))
    pulled = replace(parts, config=replace(parts.config, symmetry="loss", symmetry_weight=3.0))
    actor = nnx.merge(parts.actor, params["actor"])
    seen = batch.rollout.observation.policy.reshape(-1, 1)
    wanted = np.mean((-actor.step(seen, None)[0][:, 0] - actor.step(-seen, None)[0][:, 0]) ** 2)
    total, metrics = loss(params, pulled, batch)
    np.testing.assert_allclose(metrics["asymmetry"], wanted, rtol=1e-5)
    np.testing.assert_allclose(total, loss(params, plain, batch)[0] + 3 * wanted, rtol=1e-5)


@pytest.mark.parametrize("symmetry", ["none", "augment", "loss"])
def test_what_is_learned_on_one_side_holds_on_the_other(symmetry):
    ppo = replace(PPO, worlds=64, rollout_steps=8, epochs=4, learning_rate=1e-2, symmetry=symmetry)
    learner = make_learner(Half(jnp.zeros(())), replace(ppo, normalise_observations=True), NetworkConfig((16,), (16,)))
    state = learner.init(jax.random.key(0))
    for _ in range(40):
        state, metrics = learner.update(state)
        assert metrics["ratio_error_first"] == 0
    assert metrics["episode_return"] > 0.95
    shown = jnp.linspace(-1, 1, 9)[:, None]
    act = learner.policy(temperature=0.0).act
    action, _ = act(learner.params_of(state), None, Observation(shown), jax.random.key(0))
    assert (np.abs(action - shown).max() < 0.2) == (symmetry != "none")


def test_a_symmetric_network_learns_both_sides_from_one():
    ppo = replace(PPO, worlds=64, rollout_steps=8, epochs=4, learning_rate=1e-2)
    env = Half(jnp.zeros(()), privileged=True)
    learner = make_learner(env, replace(ppo, normalise_observations=True), NetworkConfig((16,), (16,), symmetric=True))
    state = learner.init(jax.random.key(0))
    for _ in range(40):
        state, metrics = learner.update(state)
        assert metrics["ratio_error_first"] == 0
    assert metrics["episode_return"] > 0.95
    params, act = learner.params_of(state), learner.policy(temperature=0.0).act
    shown = jnp.linspace(-1, 1, 9)[:, None]
    action, _ = act(params, None, Observation(shown), jax.random.key(0))
    image, _ = act(params, None, Observation(env.spec.mirror.policy(shown)), jax.random.key(0))
    np.testing.assert_allclose(image, env.spec.mirror.action(action), atol=1e-5)
    assert np.abs(action - shown).max() < 0.2
    np.testing.assert_allclose(params.statistics.mean[0], 0, atol=1e-6)  # of both sides, though one was seen


@pytest.mark.parametrize(
    ("ppo", "network", "message"),
    [
        (replace(PPO, symmetry="augment"), SMALL, "with network.symmetric nothing is left to learn from the mirror"),
        (PPO, replace(SMALL, recurrent=4), "network.symmetric is true, but a memory has no mirror image"),
        (PPO, replace(SMALL, adaptation=AdaptationConfig()), "but a latent has no mirror image"),
    ],
)
def test_what_a_symmetric_network_cannot_be(ppo, network, message):
    with pytest.raises(ValueError, match=message):
        mirror_for(Half(jnp.zeros(())).spec, ppo, replace(network, symmetric=True))
