"""The learning rate: constant, falling to zero, or kept where an update moves the policy as far as it should."""

import jax.numpy as jnp
from jax import Array

from .config import PPOConfig

FACTOR = 1.5
"""By which an adapted rate changes."""


def annealed(config: PPOConfig, updates: Array) -> Array:
    """[] the rate after so many updates, where nothing adapts it."""
    left = jnp.maximum(1 - updates / config.anneal, 0) if config.anneal else 1.0
    return jnp.asarray(config.learning_rate * left, jnp.float32)


def adapted(config: PPOConfig, rate: Array, kl: Array) -> Array:
    """[] the rate for a gradient step from a policy that is `kl` [] nats away from the one that collected.

    Lower past twice the target, higher below half of it, as in RSL-RL (Schwarke et al. 2025). A divergence of exactly
    zero says nothing: it is that of the first step.
    """
    low, high = (kl > 0) & (kl < config.kl_target / 2), kl > 2 * config.kl_target
    moved = jnp.where(high, rate / FACTOR, jnp.where(low, rate * FACTOR, rate))
    return jnp.clip(moved, config.learning_rate_min, config.learning_rate_max)
