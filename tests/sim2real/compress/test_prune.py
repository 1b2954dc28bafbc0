"""A layer that does nothing is the one that goes, and nothing changes; any other is healed."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from gambol.envs.contract import Observation
from gambol.policies.learn.distil import Actor, DistilConfig
from gambol.policies.learn.ppo.acting import PolicyParams, make_parts, make_policy
from gambol.policies.learn.ppo.config import PPOConfig
from gambol.policies.learn.ppo.normaliser import identity
from gambol.policies.nets.config import NetworkConfig
from gambol.policies.nets.stream import shapes_of
from gambol.sim2real.compress.prune import distances, prune, states, stream_of

from ...policies.learn.ppo.tiny_env import Half

ENV = Half(jnp.zeros(()))
SHORT = DistilConfig(updates=0, worlds=8, steps=4)


def make(idle=None, **network):
    """A policy with three layers of 16, the `idle` one passing on what it is given."""
    config = NetworkConfig(actor=(16, 16, 16, 8), critic=(4,), activation="relu", **network)
    parts = make_parts(ENV.spec, PPOConfig(), config)
    actor = parts.networks(jax.random.key(0))[0]
    stream = stream_of(actor)
    stream.head.kernel[...] = 100 * stream.head.kernel[...]
    if idle is not None:
        stream.trunk.layers[idle].kernel[...] = jnp.eye(16)
    return Actor(parts, PolicyParams(nnx.state(actor), identity(shapes_of(ENV.spec.observation_space))))


def acts(actor, seen):
    memory = actor.parts.initial_memory(len(seen))
    return make_policy(actor.parts, 0.0).act(actor.params, memory, Observation(seen), jax.random.key(0))[0]


@pytest.mark.parametrize(("idle", "network"), [(1, {}), (2, {"symmetric": True}), (2, {"recurrent": 4})])
def test_a_layer_that_does_nothing_is_the_one_that_goes(idle, network):
    whole, seen = make(idle, **network), jnp.linspace(-1, 1, 9)[:, None]
    turned = distances(whole, states(ENV, whole, 8, 4, seed=0))
    assert set(turned) == {1, 2} and turned[idle] < 1e-3 < 0.05 < turned[3 - idle]
    left = prune(ENV, whole, 1, SHORT, seed=0)
    assert left.removed == (idle,)
    np.testing.assert_allclose(acts(left.actor, seen), acts(whole, seen), atol=1e-6)


def test_the_angle_between_vectors_is_a_share_of_half_a_turn():
    whole = make(1)
    assert distances(whole, jnp.ones((1, 5)))[1] == pytest.approx(0, abs=1e-3)
    actor = nnx.merge(whole.parts.actor, whole.params.actor)
    half = np.zeros((16, 16), np.float32)
    half[np.arange(16), np.arange(16)[::-1]] = 1  # entries change places
    actor.trunk.layers[1].kernel[...] = half
    whole = whole._replace(params=whole.params._replace(actor=nnx.state(actor)))
    before = np.asarray(nnx.relu(np.ones(1) @ actor.trunk.layers[0].kernel[...] + actor.trunk.layers[0].bias[...]))
    angle = np.arccos(before @ before[::-1] / (before @ before)) / np.pi
    assert distances(whole, jnp.ones((1, 5)))[1] == pytest.approx(angle, abs=1e-4)


def test_what_is_left_heals():
    whole = make()
    hurt = prune(ENV, whole, 2, SHORT, seed=0)
    healed = prune(ENV, whole, 2, DistilConfig(updates=40, worlds=64, steps=4, learning_rate=1e-2), seed=0)
    seen = jnp.linspace(0.05, 1, 9)[:, None]
    off, less = (np.abs(np.asarray(acts(left.actor, seen) - acts(whole, seen))).mean() for left in (hurt, healed))
    assert healed.removed == (1, 2) and less < 0.2 * off
    first, last = healed.divergence
    assert last < 0.1 * first and np.isnan(hurt.divergence).all()


def test_layers_that_change_the_width_stay():
    with pytest.raises(ValueError, match="prune is 3: 2 hidden layers have as many outputs as inputs"):
        prune(ENV, make(), 3, SHORT, seed=0)
