from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest
from gambol.policies.learn.ppo.config import PPOConfig
from gambol.policies.learn.ppo.rate import adapted, annealing

PPO = PPOConfig(learning_rate=0.1)


def test_what_is_left_falls_to_zero_and_stays_there():
    found = [annealing(replace(PPO, anneal=4), jnp.int32(n)) for n in (0, 1, 4, 9)]
    np.testing.assert_allclose(found, [1, 0.75, 0, 0], rtol=1e-6)
    later = [annealing(replace(PPO, anneal=4, anneal_after=8), jnp.int32(n)) for n in (0, 8, 10, 12)]
    np.testing.assert_allclose(later, [1, 1, 0.5, 0], rtol=1e-6)
    np.testing.assert_allclose(annealing(PPO, jnp.int32(9)), 1)


@pytest.mark.parametrize(
    ("rate", "kl", "left", "wanted"),
    [
        (0.003, 0.0, 1, 0.003),  # the first step: nothing is known yet
        (0.003, 0.004, 1, 0.0045),
        (0.003, 0.006, 1, 0.003),
        (0.003, 0.019, 1, 0.003),
        (0.003, 0.021, 1, 0.002),
        (0.003, 0.004, 0.5, 0.003),  # half of the target
        (0.003, 0.011, 0.5, 0.002),
        (0.003, 0.001, 0, 0.002),  # none of it
        (0.008, 0.001, 1, 0.01),  # not past the largest
        (0.0012, 9.0, 1, 0.001),  # nor the least
    ],
)
def test_the_rate_follows_the_divergence(rate, kl, left, wanted):
    config = PPOConfig(learning_rate=0.002, kl_target=0.01, learning_rate_min=0.001, learning_rate_max=0.01)
    np.testing.assert_allclose(
        adapted(config, jnp.float32(rate), jnp.float32(kl), jnp.float32(left)), wanted, rtol=1e-6
    )
