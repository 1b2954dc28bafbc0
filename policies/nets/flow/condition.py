"""What tokens are told of the flow time, computed once for all tokens that are told the same."""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

Layer = Callable[[Array], Array]


class Condition(NamedTuple):
    """Rows of `width` for N tokens, told through layers."""

    now: Array
    """[B or 1, N or 1, width]"""
    settled: Array | None = None
    """[B, N] bool: tokens that are told `done` instead, if any are."""
    done: Array | None = None
    """[1, 1, width]"""


def condition(embed: Layer, time: Array, settled: Array | None) -> Condition:
    """Of a `time` [B or 1, N or 1]; where `settled` [B, N] bool it is 1. `embed` makes rows of times."""
    return Condition(embed(time), settled, None if settled is None else embed(jnp.ones((1, 1))))


def through(told: Condition, layer: Layer, parts: int = 1) -> list[Array]:
    """What a layer makes of it, in so many parts [B or 1, N or 1, outputs / parts]."""
    found = layer(told.now)
    if told.settled is not None and told.done is not None:
        found = jnp.where(told.settled[..., None], layer(told.done), found)
    return jnp.split(found, parts, axis=-1)
