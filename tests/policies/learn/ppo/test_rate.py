from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest
from gambol.policies.learn.ppo.config import PPOConfig
from gambol.policies.learn.ppo.rate import adapted, annealed

PPO = PPOConfig(learning_rate=0.1)


def test_the_learning_rate_falls_to_zero_and_stays_there():
    found = [annealed(replace(PPO, anneal=4), jnp.int32(n)) for n in (0, 1, 4, 9)]
    np.testing.assert_allclose(found, [0.1, 0.075, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(annealed(PPO, jnp.int32(9)), 0.1)


@pytest.mark.parametrize(
    ("rate", "kl", "wanted"),
    [
        (0.003, 0.0, 0.003),  # the first step: nothing is known yet
        (0.003, 0.004, 0.0045),
        (0.003, 0.006, 0.003),
        (0.003, 0.019, 0.003),
        (0.003, 0.021, 0.002),
        (0.008, 0.001, 0.01),  # not past the largest
        (0.0012, 9.0, 0.001),  # nor the least
    ],
)
def test_the_rate_follows_the_divergence(rate, kl, wanted):
    config = PPOConfig(learning_rate=0.002, kl_target=0.01, learning_rate_min=0.001, learning_rate_max=0.01)
    np.testing.assert_allclose(adapted(config, jnp.float32(rate), jnp.float32(kl)), wanted, rtol=1e-6)
