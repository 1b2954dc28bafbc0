"""Fields of a model that differ from world to world, as whole arrays."""

from collections.abc import Callable

import jax.numpy as jnp
from jax import Array

from ..physics import Fields, ModelField


def filled(own: Callable[[str], Array], fields: tuple[ModelField, ...], values: Fields) -> dict[str, Array]:
    """By name each field that differs between worlds, [W, ...]: the model's `own` of that name, `values` put in."""
    whole: dict[str, Array] = {}
    for field, value in zip(fields, values, strict=True):
        start = whole.get(field.name, own(field.name)[None])
        start = jnp.broadcast_to(start, (len(value), *start.shape[1:]))
        whole[field.name] = start.at[(slice(None), *field.index)].set(value)
    return whole
