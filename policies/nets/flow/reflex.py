"""A small network that corrects each action of a chunk when its time has come, by what is observed then.

Chunks are late and blind while they last; this sees every step and costs next to nothing. After A2C2 (Sendai et al.
2025, arXiv 2509.23224), which asks an expert for what it would have done; here recordings are enough.
"""

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array


class Reflex(nnx.Module):
    """Fresh ones leave actions as they are. A is the size of an action, N what is observed, H the horizon."""

    def __init__(self, hidden: tuple[int, ...], observed: int, action: int, horizon: int, *, rngs: nnx.Rngs):
        widths, zeros = (observed + action + horizon, *hidden), nnx.initializers.zeros_init()
        self.horizon = horizon
        self.layers = nnx.List([nnx.Linear(a, b, rngs=rngs) for a, b in zip(widths, hidden, strict=False)])
        self.change = nnx.Linear(widths[-1], action, kernel_init=zeros, rngs=rngs)

    def __call__(self, observed: Array, action: Array, age: Array) -> Array:
        """[B, A] of an `action` [B, A] that is the `age` [B] int-th of its chunk, where [B, N] is `observed`."""
        x = jnp.concatenate([observed, action, jax.nn.one_hot(age, self.horizon)], axis=-1)
        for layer in self.layers:
            x = jax.nn.swish(layer(x))
        return action + self.change(x)
