"""The clock of the legs: which foot should be on the ground, and how high the others.

It runs while the robot is told to move, and also when a robot that is told to stand is pushed: feet that stay where
they are cannot hold it, steps can. Then it runs on to the end of the cycle in which the robot has come to rest.
"""

import jax.numpy as jnp
from jax import Array

from .config import GaitConfig


def advance(config: GaitConfig, phase: Array, moving: Array, speed: Array, dt: float) -> Array:
    """[W] phase in cycles, `dt` seconds later; zero while the robot stands. `moving` [W] bool: told to; `speed` [W] of
    the base over the ground, m/s."""
    ahead = phase + config.frequency * dt
    if not config.step_above:
        return jnp.where(moving, ahead % 1.0, 0.0)
    resting = ~moving & (ahead >= 1) & (speed < config.rest_below)
    runs = moving | (phase > 0) | (speed > config.step_above)
    return jnp.where(runs & ~resting, ahead % 1.0, 0.0)


def stepping(phase: Array, moving: Array) -> Array:
    """[W] bool: the clock runs."""
    return moving | (phase > 0)


def feet(config: GaitConfig, phase: Array, steps: Array) -> tuple[Array, Array]:
    """Stance [W, F] bool, and how high each foot should be over the ground [W, F], m: a half sine while it swings.
    `steps` [W] bool: the clock runs."""
    own = (phase[:, None] + jnp.array(config.offsets)) % 1.0
    stance = (own < config.stance) | ~steps[:, None]
    swing = jnp.sin(jnp.pi * (own - config.stance) / (1 - config.stance))
    return stance, jnp.where(stance, 0.0, config.clearance * swing)


def clock(phase: Array, steps: Array) -> Array:
    """[W, 2] sine and cosine of the phase; zero while it does not run."""
    angle = 2 * jnp.pi * phase
    return jnp.where(steps[:, None], jnp.stack([jnp.sin(angle), jnp.cos(angle)], -1), 0.0)
