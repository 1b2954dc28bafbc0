"""Functions whose way back is written in terms of what they gave, in fewer operations than what is derived."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

EPSILON = 1e-6
"""Added to a mean square."""
STEEP = 2 * (2 / jnp.pi) ** 0.5
BENT = 0.044715
"""Of the gelu (Hendrycks and Gimpel 2016)."""


@jax.custom_vjp
def unit(x: Array) -> Array:
    """Each token [..., width] with a length of 1, or less where its root mean square is near 0.001."""
    return x / _length(x)


def _unit_there(x: Array) -> tuple[Array, Any]:
    length = _length(x)
    found = x / length
    return found, (found, length)


def _unit_back(made: Any, by: Array) -> tuple[Array]:
    found, length = made
    return ((by - found * (found * by).sum(axis=-1, keepdims=True)) / length,)


def _length(x: Array) -> Array:
    return jnp.sqrt((x**2).sum(axis=-1, keepdims=True) + x.shape[-1] * EPSILON)


@jax.custom_vjp
def softmax(x: Array) -> Array:
    """Along the last axis."""
    return last_softmax(x)


@jax.jit
def last_softmax(x: Array) -> Array:
    """The same, by a name that the converter to ONNX knows, also where slopes are asked for."""
    return jax.nn.softmax(x)


def _softmax_there(x: Array) -> tuple[Array, Array]:
    found = last_softmax(x)
    return found, found


def _softmax_back(found: Array, by: Array) -> tuple[Array]:
    return (found * (by - (found * by).sum(axis=-1, keepdims=True)),)


@jax.custom_vjp
def gelu(x: Array) -> Array:
    """With the hyperbolic tangent for the error function, here as the share sigmoid(2 u) = (1 + tanh(u)) / 2."""
    return x * _share(x)[0]


def _share(x: Array) -> tuple[Array, Array]:
    rise = STEEP * BENT * (x * x) + STEEP
    return jax.nn.sigmoid(rise * x), rise


def _gelu_there(x: Array) -> tuple[Array, Array]:
    share, rise = _share(x)
    found = x * share
    return found, share + found * (1 - share) * (3 * rise - 2 * STEEP)


def _gelu_back(slope: Array, by: Array) -> tuple[Array]:
    return (by * slope,)


unit.defvjp(_unit_there, _unit_back)
softmax.defvjp(_softmax_there, _softmax_back)
gelu.defvjp(_gelu_there, _gelu_back)
