"""A gated recurrent unit that carries memory through an episode."""

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from .mlp import dense


def initial_memory(width: int, worlds: int) -> Array | None:
    """Memory [W, width] at the start of an episode; None where the width is 0 and nothing is remembered."""
    return jnp.zeros((worlds, width)) if width else None


class GRU(nnx.Module):
    """Gated recurrent unit (Cho et al. 2014), with the reset gate after the recurrent product as in cuDNN and in ONNX's
    `linear_before_reset`: the recurrent product is then one matrix product per step."""

    def __init__(self, inputs: int, width: int, *, rngs: nnx.Rngs):
        self.features = width
        self.from_input = dense(inputs, 3 * width, 1.0, rngs)
        self.from_memory = dense(width, 3 * width, 1.0, rngs)

    def step(self, x: Array, memory: Array) -> Array:
        """One step: x [B, inputs] and memory [B, width] -> memory [B, width], which is also the output."""
        return self._advance(self.from_input(x), memory)

    def unroll(self, x: Array, done: Array, memory: Array) -> tuple[Array, Array]:
        """Many steps, forgetting where an episode ended.

        x [T, B, inputs]; done [T, B] bool: the episode ended with step t; memory [B, width] before step 0.
        Returns the memory after each step and before any forgetting [T, B, width], and the memory to go on with
        [B, width].
        """

        def advance(memory: Array, step: tuple[Array, Array]) -> tuple[Array, Array]:
            driven, ended = step
            after = self._advance(driven, memory)
            return jnp.where(ended[:, None], 0.0, after), after

        last, after = jax.lax.scan(advance, memory, (self.from_input(x), done))
        return after, last

    def _advance(self, driven: Array, memory: Array) -> Array:
        reset_x, update_x, new_x = jnp.split(driven, 3, axis=-1)
        reset_h, update_h, new_h = jnp.split(self.from_memory(memory), 3, axis=-1)
        reset, update = jax.nn.sigmoid(reset_x + reset_h), jax.nn.sigmoid(update_x + update_h)
        return (1 - update) * jnp.tanh(new_x + reset * new_h) + update * memory
