"""Fully connected layers."""

from collections.abc import Callable
from itertools import pairwise

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from .config import Activation

ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "tanh": jnp.tanh,
    "relu": jax.nn.relu,
    "elu": jax.nn.elu,
    "swish": jax.nn.swish,
    "gelu": jax.nn.gelu,
}


def dense(inputs: int, outputs: int, scale: float, rngs: nnx.Rngs) -> nnx.Linear:
    """A linear layer with an orthogonal kernel of gain `scale` and zero bias."""
    return nnx.Linear(inputs, outputs, kernel_init=nnx.initializers.orthogonal(scale), rngs=rngs)


class MLP(nnx.Module):
    """Hidden layers, orthogonal with gain sqrt(2), each followed by the activation. No layers: the identity."""

    def __init__(self, inputs: int, hidden: tuple[int, ...], activation: Activation, *, rngs: nnx.Rngs):
        widths = (inputs, *hidden)
        self.features = widths[-1]
        self.activation = activation
        self.layers = nnx.List([dense(a, b, 2**0.5, rngs) for a, b in pairwise(widths)])

    def __call__(self, x: Array) -> Array:
        """[..., inputs] -> [..., features]."""
        for layer in self.layers:
            x = ACTIVATIONS[self.activation](layer(x))
        return x
