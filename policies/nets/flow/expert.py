"""One layer of one of the two weight sets: norm, its share of the joint attention, norm, feed-forward.

As in pi0 and pi0.5 (Black et al. 2024): RMS norms, gated feed-forward with tanh-GELU, no biases. Where norms are
adaptive, a condition per token gives scale, shift and gate (Peebles and Xie 2023, DiT), and a fresh layer passes tokens
on as they are.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
from flax import nnx
from jax import Array

from .attention import rotated
from .condition import Condition, through
from .config import ExpertConfig, FlowConfig
from .slopes import gelu, unit

plain = nnx.initializers.variance_scaling(1.0, "fan_in", "truncated_normal")


class Row(NamedTuple):
    """What a norm does to tokens: [width], or [B or 1, N or 1, width]."""

    scale: Array
    """Times the root of the width."""
    shift: Array | None = None
    gate: Array | None = None
    """Of what is made of them."""


class Rows(nnx.Module):
    """What `count` norms do: scales of their own, or all that a condition of `width` gives."""

    def __init__(self, count: int, width: int, adaptive: bool, *, rngs: nnx.Rngs):
        self.count, self.width, zeros = count, width, nnx.initializers.zeros_init()
        self.scales = None if adaptive else nnx.Param(jnp.zeros((count, width)))
        self.modulation = nnx.Linear(width, 3 * count * width, kernel_init=zeros, rngs=rngs) if adaptive else None

    def __call__(self, told: Condition | None) -> list[Row]:
        """One for each norm."""
        if self.scales is not None:
            return [Row(self.width**0.5 * (1 + scale)) for scale in self.scales[...]]
        assert told is not None
        parts = through(told, self._modulated, 3 * self.count)
        return [Row(*parts[i : i + 3]) for i in range(0, 3 * self.count, 3)]

    def _modulated(self, told: Array) -> Array:
        assert self.modulation is not None
        at_rest, stretch = ([1.0, 0.0, 0.0], [self.width**0.5, 1.0, 1.0])
        at_rest, stretch = (jnp.repeat(jnp.array(self.count * x), self.width) for x in (at_rest, stretch))
        return (self.modulation(told) + at_rest) * stretch


def normed(x: Array, row: Row) -> Array:
    """RMS norm (Zhang and Sennrich 2019) of [B, N, width], in float32."""
    x = unit(x.astype(jnp.float32)) * row.scale
    return x if row.shift is None else x + row.shift


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

        self.rows = Rows(2, width, adaptive, rngs=rngs)
        self.queries, self.shared, self.out = matrix(width, inner), matrix(width, shared), matrix(inner, width)
        self.gate, self.up, self.down = (
            matrix(width, sizes.mlp),
            matrix(width, sizes.mlp),
            matrix(sizes.mlp, width),
        )
        self.head_dim, self.compute = config.head_dim, jnp.dtype(config.compute)

    def heads(self, x: Array, place: Array, row: Row) -> Heads:
        """Of tokens [B, N, width] at `place` [B or 1, N], normed by the first of `rows`."""
        seen = normed(x, row).astype(self.compute)
        queries, shared = (
            self._times(seen, kernel).reshape(*x.shape[:2], kernel.shape[-1] // self.head_dim, self.head_dim)
            for kernel in (self.queries, self.shared)
        )
        keys, values = jnp.split(shared, 2, axis=2)
        return Heads(rotated(queries, place), rotated(keys, place), values)

    def after(self, x: Array, mixed: Array, rows: list[Row]) -> Array:
        """The tokens [B, N, width] with what attention brought [B, N, heads, head_dim], then fed forward."""
        first, second = rows
        x = x + _gated(self._times(mixed.reshape(*mixed.shape[:2], self.out.shape[-2]), self.out), first.gate)
        seen = normed(x, second).astype(self.compute)
        hidden = gelu(self._times(seen, self.gate)) * self._times(seen, self.up)
        return x + _gated(self._times(hidden, self.down), second.gate)

    def _times(self, x: Array, kernel: Any) -> Array:
        return x @ kernel[...].astype(self.compute)


def _gated(x: Array, gate: Array | None) -> Array:
    x = x.astype(jnp.float32)
    return x if gate is None else x * gate
