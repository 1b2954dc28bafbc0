"""Fields that lead a chunk to go on from the one before."""

from typing import Literal

import jax
import jax.numpy as jnp
from jax import Array

from ..nets.flow.sampling import Field, Velocity, at_one_time
from .weights import guidance_weight

Jacobian = Literal["vjp", "identity"]
MOST = 5.0
"""Most guidance weight, of the paper."""


def guided(velocity: Velocity, before: Array, weights: Array, most: float = MOST, jacobian: Jacobian = "vjp") -> Field:
    """Guidance towards the chunk `before` [B, H, A], aligned with the new one, as `weights` [H] or [B, H] say
    (Song et al. 2023, pseudo-inverse guidance; Black et al. 2025, arXiv 2506.07339, equations 2 to 4).

    "vjp" is what is published; "identity" takes the network's Jacobian for the identity, which costs hardly anything
    and is another algorithm.
    """
    field = at_one_time(velocity)

    def led(chunk: Array, time: Array) -> Array:
        def ahead(chunk: Array) -> tuple[Array, Array]:
            found = field(chunk, time)
            return chunk + (1 - time) * found, found

        if jacobian == "vjp":
            end, pull, found = jax.vjp(ahead, chunk, has_aux=True)
            (push,) = pull((before - end) * weights[..., None])
        else:
            end, found = ahead(chunk)
            push = (before - end) * weights[..., None]
        return found + guidance_weight(time, most) * push

    return led


def first(chunk: Array, delay: Array | int) -> Array:
    """[B, H] bool: the first `delay` ([] or [B, 1]) actions of a chunk [B, H, A]."""
    return jnp.broadcast_to(jnp.arange(chunk.shape[1]) < delay, chunk.shape[:2])


def settled(velocity: Velocity, fixed: Array) -> Field:
    """The network is told that the actions which are `fixed` [B, H] bool are given (Black et al. 2025, arXiv
    2512.05964): for policies that were trained with settled actions. They must stay: see `euler`."""
    return lambda chunk, time: velocity(chunk, jnp.reshape(time, (1, 1)), fixed)
