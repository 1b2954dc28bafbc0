"""The learning rate: constant, or kept where an update moves the policy as far as it should; falling in the end."""

import jax.numpy as jnp
from jax import Array

from .config import PPOConfig

FACTOR = 1.5
"""By which an adapted rate changes."""


def annealing(config: PPOConfig, updates: Array) -> Array:
    """[] what is left, 1 to 0, after so many updates of what falls in the end."""
    left = jnp.clip(1 - (updates - config.anneal_after) / config.anneal, 0, 1) if config.anneal else 1.0
    return jnp.asarray(left, jnp.float32)


def adapted(config: PPOConfig, rate: Array, kl: Array, left: Array) -> Array:
    """[] the rate for a gradient step from a policy that is `kl` [] nats away from the one that collected, with what is
    `left` [] of the target.

    Lower past twice the target, higher below half of it, as in RSL-RL (Schwarke et al. 2025). A divergence of exactly
    zero says nothing: it is that of the first step.
    """
    target = config.kl_target * left
    low, high = (kl > 0) & (kl < target / 2), kl > 2 * target
    moved = jnp.where(high, rate / FACTOR, jnp.where(low, rate * FACTOR, rate))
    return jnp.clip(moved, config.learning_rate_min, config.learning_rate_max)
