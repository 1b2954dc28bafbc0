"""From noise to a chunk of actions, by Euler's method."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array

Velocity = Callable[..., Array]
"""(chunk [B, H, A], time [B or 1, H or 1], settled=None or [B, H] bool, which are at time 1) -> velocity [B, H, A]."""
Field = Callable[[Array, Array], Array]
"""(chunk [B, H, A], time []) -> velocity [B, H, A]: of all tokens at one time."""


def euler(field: Field, noise: Array, steps: int, moving: Array | None = None) -> Array:
    """The chunk [B, H, A] that `noise` [B, H, A] flows to in so many equal steps of time. Where `moving` [B, H] bool,
    if given, is false, it stays as it is."""
    length = 1 / steps if moving is None else jnp.where(moving, 1 / steps, 0.0)[..., None]

    def euler_step(chunk: Array, now: Array) -> tuple[Array, None]:
        return chunk + length * field(chunk, now), None

    return jax.lax.scan(euler_step, noise, jnp.arange(steps) / steps)[0]


def at_one_time(velocity: Velocity) -> Field:
    """The field of all tokens at the same time."""
    return lambda chunk, time: velocity(chunk, jnp.reshape(time, (1, 1)))
