"""Fully connected layers."""

from collections.abc import Callable
from itertools import pairwise

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from .config import Activation


@jax.custom_jvp
def elu(x: Array) -> Array:
    """x where that is positive, else exp(x) - 1. One exponential, and the slope is read off the value: on CPU that is
    half the time of `jax.nn.elu`."""
    return jnp.where(x > 0, x, jnp.exp(x) - 1)


@elu.defjvp
def _elu_slope(x: tuple[Array], change: tuple[Array]) -> tuple[Array, Array]:
    y = elu(*x)
    return y, jnp.where(y > 0, 1.0, y + 1) * change[0]


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "tanh": jnp.tanh,
    "relu": jax.nn.relu,
    "elu": elu,
    "swish": jax.nn.swish,
    "gelu": jax.nn.gelu,
}


@jax.custom_vjp
def product(x: Array, kernel: Array) -> Array:
    """x [..., inputs] times kernel [inputs, outputs] -> [..., outputs].

    Its gradient in the kernel is (g.T x).T, where JAX's own is x.T g: on CPU, XLA multiplies the former faster.
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


def to_columns(x: Array) -> Array:
    """[..., inputs] -> [inputs, rows], laid out so in memory: without the barrier XLA would undo it in each product.

    On CPU the gradients of kernels, which sum over rows, are then faster, and nothing else is slower.
    """
    return jax.lax.optimization_barrier(x.reshape(-1, x.shape[-1]).T)


def to_rows(x: Array, shape: tuple[int, ...]) -> Array:
    """[outputs, rows] -> [*shape, outputs]."""
    return x.T.reshape(*shape, -1)


def on_columns(layer: nnx.Linear, x: Array) -> Array:
    """A linear layer, [inputs, rows] -> [outputs, rows]."""
    return layer.kernel[...].T @ x + layer.bias[...][:, None]  # pyright: ignore[reportOptionalSubscript]


class MLP(nnx.Module):
    """Hidden layers, orthogonal with gain sqrt(2), each followed by the activation. No layers: the identity."""

    def __init__(self, inputs: int, hidden: tuple[int, ...], activation: Activation, *, rngs: nnx.Rngs):
        widths = (inputs, *hidden)
        self.features = widths[-1]
        self.activation = activation
        self.layers = nnx.List([dense(a, b, 2**0.5, rngs) for a, b in pairwise(widths)])

    def __call__(self, x: Array) -> Array:
        """[..., inputs] -> [..., features]."""
        return to_rows(self.on_columns(to_columns(x)), x.shape[:-1])

    def on_columns(self, x: Array) -> Array:
        """[inputs, rows] -> [features, rows]."""
        return self.every(x)[-1]

    def every(self, x: Array) -> list[Array]:
        """[inputs, rows] -> what goes into each layer and what comes out of the last, [width, rows]."""
        found = [x]
        for layer in self.layers:
            found.append(ACTIVATIONS[self.activation](on_columns(layer, found[-1])))
        return found
