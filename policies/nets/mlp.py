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


@jax.custom_vjp
def product(x: Array, kernel: Array) -> Array:
    """x [..., inputs] times kernel [inputs, outputs] -> [..., outputs].

    Its gradient in the kernel is (g.T x).T, where JAX's own is x.T g: on CPU, XLA multiplies the former faster. What a
    PPO update gains is in `docs/engine.md`.
    """
    return x @ kernel


def _product_forward(x: Array, kernel: Array) -> tuple[Array, tuple[Array, Array]]:
    return x @ kernel, (x, kernel)


def _product_backward(kept: tuple[Array, Array], g: Array) -> tuple[Array, Array]:
    x, kernel = kept
    rows, slopes = x.reshape(-1, x.shape[-1]), g.reshape(-1, g.shape[-1])
    return (slopes @ kernel.T).reshape(x.shape), (slopes.T @ rows).T


product.defvjp(_product_forward, _product_backward)


def _dot_general(x: Array, kernel: Array, *_, **__) -> Array:
    """`product`, called as `nnx.Linear` calls it."""
    return product(x, kernel)


def dense(inputs: int, outputs: int, scale: float, rngs: nnx.Rngs) -> nnx.Linear:
    """A linear layer with an orthogonal kernel of gain `scale` and zero bias."""
    initial = nnx.initializers.orthogonal(scale)
    return nnx.Linear(inputs, outputs, kernel_init=initial, dot_general=_dot_general, rngs=rngs)


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
