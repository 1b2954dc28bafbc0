from dataclasses import replace

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gambol.policies.learn.ppo.adaptation import adaptation_for, due, gap, pull
from gambol.policies.nets.config import AdaptationConfig, NetworkConfig
from tiny_env import FRAMES, Hint, Reach, box

CONFIG = AdaptationConfig(latent=3, privileged=(8,), frame=4, every=3, weight=0.5, weight_start=2, weight_end=6)
NETWORK = NetworkConfig((8,), (8,), adaptation=CONFIG)


def test_a_task_that_shows_nothing_to_adapt_to_is_refused():
    spec = Hint().spec
    assert adaptation_for(spec, replace(NETWORK, adaptation=None)) is None
    found = adaptation_for(spec, NETWORK)
    assert found.encoders(jax.random.key(0))[1](jnp.zeros((FRAMES, 2))).shape == (3,)
    with pytest.raises(ValueError, match=r"network.recurrent is 4: with network.adaptation it must be 0"):
        adaptation_for(spec, replace(NETWORK, recurrent=4))
    longer = gymnasium.spaces.Dict({"now": box(2), "history": box(FRAMES, 3)})
    for other in (replace(spec, observation_space=longer), replace(spec, critic_space=None), Reach(jnp.zeros(())).spec):
        with pytest.raises(ValueError, match=r"network.adaptation is set, but tiny is not made for it"):
            adaptation_for(other, NETWORK)


def test_every_third_update_is_the_historys():
    found = adaptation_for(Hint().spec, NETWORK)
    assert [bool(due(found, jnp.int32(n))) for n in range(6)] == [False, False, True] * 2


def test_the_pull_between_the_latents_grows_to_its_weight():
    found = adaptation_for(Hint().spec, NETWORK)
    np.testing.assert_allclose([pull(found, jnp.int32(n)) for n in (0, 2, 3, 6, 99)], [0, 0, 0.125, 0.5, 0.5])
    at_once = replace(found, config=replace(CONFIG, weight_start=2, weight_end=2))
    np.testing.assert_allclose([pull(at_once, jnp.int32(n)) for n in (2, 3)], [0, 0.5])


def test_the_gap_is_a_mean_distance_with_a_slope_everywhere():
    one, other = jnp.array([[3.0, 4.0], [1.0, 0.0]]), jnp.array([[0.0, 0.0], [1.0, 2.0]])
    np.testing.assert_allclose(gap(one, other), (5 + 2) / 2, rtol=1e-5)
    assert not jax.grad(gap)(one, one).any()
