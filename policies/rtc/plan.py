"""A new chunk, by any of the methods of `config.Method`: naive, led by the chunk before, given its start, or chosen."""

import jax
import jax.numpy as jnp
from jax import Array

from ..nets.flow.sampling import Field, Velocity, at_one_time, euler
from .config import Method
from .guide import first, guided, settled
from .weights import Schedule, soft_mask

CANDIDATES = 16
"""Chunks that bidirectional decoding chooses from."""
FADING = 0.5
"""Each step further counts so many times as much for it (Liu et al. 2024, Bidirectional Decoding)."""
SCHEDULES: dict[Method, Schedule] = {"guided": "exponential", "identity": "exponential", "hard": "zeros"}
"""Of guidance, by method."""


def plan(
    method: Method,
    velocity: Velocity,
    steps: int,
    key: Array,
    before: Array,
    led: Array,
    delay: Array | int,
    every: Array | int,
    temperature: float = 1.0,
) -> Array:
    """A chunk [B, H, A] in `steps` Euler steps, from now on; where `led` [B] bool there is a chunk `before` [B, H, A],
    aligned to now.

    Its first `delay` actions are being executed meanwhile; it reaches H - `every` steps far. Both may be traced, and
    differ from row to row as [B, 1]. The noise is `temperature` times the usual.
    """
    horizon = before.shape[1]

    def noise(key: Array) -> Array:
        return temperature * jax.random.normal(key, before.shape) if temperature else jnp.zeros_like(before)

    if method == "bidirectional":
        tried = jax.lax.map(lambda k: euler(at_one_time(velocity), noise(k), steps), jax.random.split(key, CANDIDATES))
        return jnp.where(led[:, None, None], nearest(tried, before, horizon - every), tried[0])
    if method == "settled":
        fixed = first(before, jnp.where(led[:, None], delay, 0))
        start = jnp.where(fixed[..., None], before, noise(key))
        return euler(settled(velocity, fixed), start, steps, ~fixed)
    field: Field = at_one_time(velocity)
    if method in SCHEDULES:
        weights = soft_mask(horizon, delay, every, SCHEDULES[method]) * led[:, None]
        field = guided(velocity, before, weights, jacobian="identity" if method == "identity" else "vjp")
    return euler(field, noise(key), steps)


def nearest(tried: Array, before: Array, reach: Array | int) -> Array:
    """Of chunks [N, B, H, A] the one [B, H, A] nearest to `before` [B, H, A] over its first `reach` steps."""
    place = jnp.arange(before.shape[1])
    weights = jnp.where(place < reach, FADING**place, 0.0)
    off = (((tried - before) ** 2).sum(axis=-1) * weights).sum(axis=-1)
    best = off.argmin(axis=0)
    return jax.vmap(lambda options, i: options[i], in_axes=(1, 0))(tried, best)
