"""Flow time: 0 is noise, 1 is an action."""

import jax
import jax.numpy as jnp
from jax import Array

SHORTEST, LONGEST = 4e-3, 4.0
"""Periods of the embedding."""
LATEST = 0.999
"""No time is drawn beyond: Euler's steps must be longer than 1 minus this (Black et al. 2024, pi0, section IV)."""
ALPHA = 1.5
"""The other parameter of the Beta distribution is 1."""


def embedding(time: Array, width: int) -> Array:
    """[..., width] sines, then cosines, of times [...], with periods that grow geometrically."""
    periods = SHORTEST * (LONGEST / SHORTEST) ** jnp.linspace(0.0, 1.0, width // 2)
    angle = 2 * jnp.pi * time[..., None] / periods
    return jnp.concatenate([jnp.sin(angle), jnp.cos(angle)], axis=-1)


def draw(key: Array, shape: tuple[int, ...]) -> Array:
    """Times to train at, with more weight on noise: 1 - time / `LATEST` is drawn from Beta(1.5, 1)."""
    # Beta(a, 1) is the a-th root of a uniform draw.
    return LATEST * (1 - jax.random.uniform(key, shape) ** (1 / ALPHA))
