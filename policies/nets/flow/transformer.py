"""Two weight sets, one attention: what is known is encoded once and kept, actions look at it as often as they like.

Nothing that is known looks at actions, so encoding it alone gives the same as all tokens together (Black et al. 2024,
appendix B).
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from .attention import attend, block_mask, positions
from .condition import Condition
from .config import ExpertConfig, FlowConfig
from .expert import Expert, Rows, normed


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Known:
    """Keys and values of P prefix tokens in every layer."""

    keys: Array
    """[depth, B, P, kv_heads, head_dim]"""
    values: Array
    """The same."""
    valid: Array
    """[B or 1, P] bool"""


class Stack(nnx.Module):
    """All layers of one weight set; their weights have a leading axis of `depth`."""

    def __init__(self, config: FlowConfig, sizes: ExpertConfig, adaptive: bool, *, rngs: nnx.Rngs):
        keys = jax.random.split(rngs.params(), config.depth)
        self.layers = nnx.vmap(lambda key: Expert(config, sizes, adaptive, rngs=nnx.Rngs(params=key)))(keys)
        self.remat, self.depth = config.remat, config.depth

    def scan(self, body: Any, carry: Any, others: Any = None, layers: slice = slice(None)) -> Any:
        """`body(layer, carry, other) -> (carry, out)` from the first of some layers, by default all, to the last."""
        graph, state = nnx.split(self.layers)
        state = jax.tree.map(lambda leaf: leaf[layers], state)

        def step(carry: Any, given: tuple[Any, Any]) -> tuple[Any, Any]:
            weights, other = given
            return body(nnx.merge(graph, weights), carry, other)

        return jax.lax.scan(jax.checkpoint(step) if self.remat else step, carry, (state, others))


class Transformer(nnx.Module):
    """See the module."""

    def __init__(self, config: FlowConfig, *, rngs: nnx.Rngs):
        self.prefix = Stack(config, config.prefix, False, rngs=rngs)
        adaptive = config.time == "adaptive"
        self.action = Stack(config, config.action, adaptive, rngs=rngs)
        self.last = Rows(1, config.action.width, adaptive, rngs=rngs)

    def encode(self, tokens: Array, valid: Array, skipping: Array | None = None, skipped: float = 0.0) -> Known:
        """What is known, as tokens [B, P, width] of one block, where `valid` [B or 1, P] bool.

        With the key `skipping` each layer but the first and the last takes only a share of the tokens further, drawn
        for every sample, and leaves out `skipped` of them (Yao et al. 2022, Random-LTD); all show keys and values.
        """
        place, (worlds, count, _) = positions(valid), tokens.shape

        def full(layer: Expert, x: Array, _: None) -> tuple[Array, tuple[Array, Array]]:
            rows = layer.rows(None)
            heads = layer.heads(x, place, rows[0])
            return layer.after(x, attend(*heads, valid[:, None, :]), rows), (heads.keys, heads.values)

        def partly(layer: Expert, x: Array, key: Array) -> tuple[Array, tuple[Array, Array]]:
            rows = layer.rows(None)
            heads = layer.heads(x, place, rows[0])
            chosen = jnp.sort(jnp.argsort(jax.random.uniform(key, (worlds, count)), axis=1)[:, :kept], axis=1)
            each = jnp.arange(worlds)[:, None]
            there = jnp.broadcast_to(valid, (worlds, count))[each, chosen]
            queries, keys, values = (part[each, chosen] for part in heads)
            mixed = attend(queries, keys, values, there[:, None, :])
            x = x.at[each, chosen].set(layer.after(x[each, chosen], mixed, rows))
            return x, (heads.keys, heads.values)

        x, kept, depth = tokens.astype(jnp.float32), count - round(skipped * count), self.prefix.depth
        if skipping is None or kept == count or depth < 3:
            _, (keys, values) = self.prefix.scan(full, x)
            return Known(keys, values, valid)
        x, first = self.prefix.scan(full, x, layers=slice(0, 1))
        x, middle = self.prefix.scan(partly, x, jax.random.split(skipping, depth - 2), layers=slice(1, depth - 1))
        _, last = self.prefix.scan(full, x, layers=slice(depth - 1, depth))
        keys, values = (jnp.concatenate(parts) for parts in zip(first, middle, last, strict=True))
        return Known(keys, values, valid)

    def decode(self, known: Known, tokens: Array, blocks: Array, told: Condition | None) -> Array:
        """Tokens [B, S, width] of `blocks` [S] int, which see what is known and each other by blocks, and are `told`
        the time if norms are adaptive -> [B, S, width], normalised."""
        count = tokens.shape[1]
        real = jnp.ones((known.valid.shape[0], count), bool)
        place = positions(real, start=known.valid.sum(axis=-1, keepdims=True))
        everything = jnp.concatenate([known.valid, real], axis=1)
        all_blocks = jnp.concatenate([jnp.full(known.valid.shape[1], -1), blocks])
        mask = block_mask(blocks, all_blocks, everything)

        def body(layer: Expert, x: Array, kept: tuple[Array, Array]) -> tuple[Array, None]:
            rows = layer.rows(told)
            heads = layer.heads(x, place, rows[0])
            keys, values = (jnp.concatenate([old, new], axis=1) for old, new in zip(kept, heads[1:], strict=True))
            return layer.after(x, attend(heads.queries, keys, values, mask), rows), None

        x, _ = self.action.scan(body, tokens.astype(jnp.float32), (known.keys, known.values))
        return normed(x, self.last(told)[0])
