"""The clock of the legs: which foot should be on the ground, and how high the others."""

import jax.numpy as jnp
from jax import Array

from .config import GaitConfig


def advance(config: GaitConfig, phase: Array, moving: Array, dt: float) -> Array:
    """[W] phase in cycles, `dt` seconds later; zero while told to stand."""
    return jnp.where(moving, (phase + config.frequency * dt) % 1.0, 0.0)


def feet(config: GaitConfig, phase: Array, moving: Array) -> tuple[Array, Array]:
    """Stance [W, F] bool, and how high each foot should be over the ground [W, F], m: a half sine while it swings."""
    own = (phase[:, None] + jnp.array(config.offsets)) % 1.0
    stance = (own < config.stance) | ~moving[:, None]
    swing = jnp.sin(jnp.pi * (own - config.stance) / (1 - config.stance))
    return stance, jnp.where(stance, 0.0, config.clearance * swing)


def clock(phase: Array, moving: Array) -> Array:
    """[W, 2] sine and cosine of the phase; zero while told to stand."""
    angle = 2 * jnp.pi * phase
    return jnp.where(moving[:, None], jnp.stack([jnp.sin(angle), jnp.cos(angle)], -1), 0.0)
