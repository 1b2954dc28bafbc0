"""One layer of one of the two weight sets: norm, its share of the joint attention, norm, feed-forward.

As in pi0 and pi0.5 (Black et al. 2024): RMS norms, gated feed-forward with tanh-GELU, no biases. Where norms are
adaptive, a condition per token gives scale, shift and gate (Peebles and Xie 2023, DiT), and a fresh layer passes tokens
on as they are.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from .attention import rotated
from .condition import Condition, through
from .config import ExpertConfig, FlowConfig

EPSILON = 1e-6

plain = nnx.initializers.variance_scaling(1.0, "fan_in", "truncated_normal")


class Norm(nnx.Module):
    """RMS norm (Zhang and Sennrich 2019), with a scale of its own or one that a condition of `width` gives."""

    def __init__(self, width: int, adaptive: bool, *, rngs: nnx.Rngs):
        self.scale = None if adaptive else nnx.Param(jnp.zeros(width))
        zeros = nnx.initializers.zeros_init()
        self.modulation = nnx.Linear(width, 3 * width, kernel_init=zeros, rngs=rngs) if adaptive else None

    def __call__(self, x: Array, told: Condition | None) -> tuple[Array, Array | None]:
        """[B, N, width] normalised, in float32, and the gate of what is made of it, if any, of the same shape or one
        that goes with it."""
        x = x.astype(jnp.float32)
        x = x * jax.lax.rsqrt(jnp.mean(x**2, axis=-1, keepdims=True) + EPSILON)
        if self.scale is not None:
            return x * (1 + self.scale[...]), None
        assert told is not None and self.modulation is not None
        scale, shift, gate = jnp.split(through(told, self.modulation), 3, axis=-1)
        return x * (1 + scale) + shift, gate


class Heads(NamedTuple):
    """What tokens bring to the joint attention: [B, N, heads or kv_heads, head_dim]."""

    queries: Array
    keys: Array
    values: Array


class Expert(nnx.Module):
    """See the module."""

    def __init__(self, config: FlowConfig, sizes: ExpertConfig, adaptive: bool, *, rngs: nnx.Rngs):
        width, inner = sizes.width, config.heads * config.head_dim
        shared = 2 * config.kv_heads * config.head_dim

        def matrix(inputs: int, outputs: int) -> nnx.Param:
            return nnx.Param(plain(rngs.params(), (inputs, outputs), jnp.float32))

        self.before = Norm(width, adaptive, rngs=rngs)
        self.queries, self.shared, self.out = matrix(width, inner), matrix(width, shared), matrix(inner, width)
        self.between = Norm(width, adaptive, rngs=rngs)
        self.gate, self.up, self.down = (
            matrix(width, sizes.mlp),
            matrix(width, sizes.mlp),
            matrix(sizes.mlp, width),
        )
        self.head_dim, self.compute = config.head_dim, jnp.dtype(config.compute)

    def heads(self, x: Array, place: Array, told: Condition | None) -> tuple[Heads, Array | None]:
        """Of tokens [B, N, width] at `place` [B, N]; and the gate of what attention will bring them."""
        seen, gate = self.before(x, told)
        seen = seen.astype(self.compute)
        queries, shared = (
            self._times(seen, kernel).reshape(*x.shape[:2], kernel.shape[-1] // self.head_dim, self.head_dim)
            for kernel in (self.queries, self.shared)
        )
        keys, values = jnp.split(shared, 2, axis=2)
        return Heads(rotated(queries, place), rotated(keys, place), values), gate

    def after(self, x: Array, mixed: Array, gate: Array | None, told: Condition | None) -> Array:
        """The tokens [B, N, width] with what attention brought [B, N, heads, head_dim], then fed forward."""
        x = x + _gated(self._times(mixed.reshape(*mixed.shape[:2], self.out.shape[-2]), self.out), gate)
        seen, gate = self.between(x, told)
        seen = seen.astype(self.compute)
        hidden = jax.nn.gelu(self._times(seen, self.gate), approximate=True) * self._times(seen, self.up)
        return x + _gated(self._times(hidden, self.down), gate)

    def _times(self, x: Array, kernel: Any) -> Array:
        return x @ kernel[...].astype(self.compute)


def _gated(x: Array, gate: Array | None) -> Array:
    x = x.astype(jnp.float32)
    return x if gate is None else x * gate
