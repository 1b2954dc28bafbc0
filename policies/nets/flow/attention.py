"""Attention among blocks of tokens, with positions that turn queries and keys, and keys that heads share."""

import jax
import jax.numpy as jnp
from jax import Array

BASE = 10_000.0
"""Of the wavelengths of rotary positions (Su et al. 2021, RoFormer)."""
HIDDEN = -2.38e38
"""Logit of what is not seen."""


def block_mask(queries: Array, keys: Array, valid: Array) -> Array:
    """[B, Q, K] bool: who sees whom. `queries` [Q] and `keys` [K] int are the blocks that tokens belong to, in order;
    each sees all of its own block and of earlier ones, where `valid` [B, K] bool."""
    return (keys[None, :] <= queries[:, None])[None] & valid[:, None, :]


def positions(valid: Array, start: Array | int = 0) -> Array:
    """[B, N] int32: place of each token among the valid ones, counted from `start` [B, 1]."""
    return jnp.cumsum(valid, axis=-1, dtype=jnp.int32) - 1 + start


def rotated(x: Array, place: Array) -> Array:
    """Queries or keys [B, N, heads, D] of tokens at `place` [B, N], turned by their positions: the first half of D are
    real parts, the second imaginary ones."""
    half = x.shape[-1] // 2
    waves = BASE ** (-jnp.arange(half, dtype=jnp.float32) / half)
    angle = place[..., None, None].astype(jnp.float32) * waves
    cosine, sine = jnp.cos(angle), jnp.sin(angle)
    real, imaginary = x[..., :half].astype(jnp.float32), x[..., half:].astype(jnp.float32)
    turned = jnp.concatenate([real * cosine - imaginary * sine, imaginary * cosine + real * sine], axis=-1)
    return turned.astype(x.dtype)


def attend(queries: Array, keys: Array, values: Array, mask: Array) -> Array:
    """[B, Q, heads, D] mixed values. `queries` [B, Q, heads, D]; `keys` and `values` [B, K, kv_heads, D]; `mask` [B, Q,
    K] bool. Logits are float32."""
    batch, count, heads, width = queries.shape
    shared = keys.shape[2]
    grouped = queries.reshape(batch, count, shared, heads // shared, width) * width**-0.5
    logits = jnp.einsum("bqsgd,bksd->bsgqk", grouped, keys, preferred_element_type=jnp.float32)
    shares = jax.nn.softmax(jnp.where(mask[:, None, None], logits, HIDDEN), axis=-1).astype(values.dtype)
    mixed = jnp.einsum("bsgqk,bksd->bqsgd", shares, values)
    return mixed.reshape(batch, count, heads, width)
