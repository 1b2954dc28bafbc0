"""Encoders of what a policy cannot see: from the simulator's own numbers, and from a history of what was seen."""

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from .config import AdaptationConfig
from .mlp import ACTIVATIONS, MLP, dense, on_columns, to_rows

WINDOWS = (4, 2, 20), (2, 1, 10)
"""Of the convolutions over time: frames, stride, channels."""


def privileged_encoder(inputs: int, config: AdaptationConfig, rngs: nnx.Rngs) -> MLP:
    """[..., inputs] -> [..., latent], with the activation after the last layer too."""
    return MLP(inputs, (*config.privileged, config.latent), config.activation, rngs=rngs)


class HistoryEncoder(nnx.Module):
    """Frames, oldest first [..., H, inputs] -> [..., latent]: one layer for each frame, convolutions over time, and one
    layer over what is left. Raises ValueError for a history that is shorter than the windows."""

    def __init__(self, frames: int, inputs: int, config: AdaptationConfig, *, rngs: nnx.Rngs):
        self.activation = config.activation
        self.frame = MLP(inputs, (config.frame,), config.activation, rngs=rngs)
        self.windows, left, width = nnx.List([]), frames, config.frame
        for size, stride, channels in WINDOWS:
            self.windows.append(dense(size * width, channels, 2**0.5, rngs))
            left, width = (left - size) // stride + 1, channels
        if left < 1:
            raise ValueError(f"a history of {frames} frames is too short for network.adaptation: it needs 6 or more")
        self.last = MLP(left * width, (config.latent,), config.activation, rngs=rngs)

    def __call__(self, frames: Array) -> Array:
        """[..., H, inputs] -> [..., latent]."""
        *leading, count, inputs = frames.shape
        x = jnp.moveaxis(frames.reshape(-1, count, inputs), 0, 2)  # [H, inputs, rows]
        x = jax.lax.optimization_barrier(jnp.moveaxis(x, 1, 0)).reshape(inputs, -1)
        x = self.frame.on_columns(x).reshape(self.frame.features, count, -1)
        for layer, (size, stride, _) in zip(self.windows, WINDOWS, strict=True):
            seen = windows(jax.lax.optimization_barrier(x), size, stride)
            y = on_columns(layer, seen.reshape(seen.shape[0] * size, -1))
            x = ACTIVATIONS[self.activation](y).reshape(y.shape[0], seen.shape[2], -1)
        return to_rows(self.last.on_columns(x.reshape(-1, x.shape[-1])), tuple(leading))


def windows(x: Array, size: int, stride: int) -> Array:
    """Every window of `size` frames, `stride` frames apart: [C, H, rows] -> [C, size, windows, rows]."""
    starts = range(0, x.shape[1] - size + 1, stride)
    return jnp.stack([x[:, start : start + size] for start in starts], axis=2)
