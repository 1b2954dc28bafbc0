"""Attention among blocks of tokens, with positions that turn queries and keys, and keys that heads share."""

import jax.numpy as jnp
import numpy as np
from jax import Array

from .slopes import softmax

BASE = 10_000.0
"""Of the wavelengths of rotary positions (Su et al. 2021, RoFormer)."""
HIDDEN = -2.38e38
"""Logit of what is not seen."""


def block_mask(queries: Array, keys: Array, valid: Array) -> Array:
    """[B or 1, Q, K] bool: who sees whom. `queries` [Q] and `keys` [K] int are the blocks that tokens belong to, in
    order; each sees all of its own block and of earlier ones, where `valid` [B or 1, K] bool."""
    return (keys[None, :] <= queries[:, None])[None] & valid[:, None, :]


def positions(valid: Array, start: Array | int = 0) -> Array:
    """[B, N] int32: place of each token among the valid ones, counted from `start` [B, 1]."""
    return jnp.cumsum(valid, axis=-1, dtype=jnp.int32) - 1 + start


def rotated(x: Array, place: Array) -> Array:
    """Queries or keys [B, N, heads, D] of tokens at `place` [B or 1, N], turned by their positions: the first half of D
    are real parts, the second imaginary ones."""
    size = x.shape[-1]
    half = size // 2
    waves = BASE ** (-(np.arange(size, dtype=np.float32) % half) / half)
    angle = place[..., None, None].astype(jnp.float32) * waves
    times_i = (np.eye(size, k=half) - np.eye(size, k=-half)).astype(np.float32)
    """Real parts become imaginary, these negative real."""
    full = x.astype(jnp.float32)
    turned = full * jnp.cos(angle) + jnp.matmul(full, times_i, precision="highest") * jnp.sin(angle)
    return turned.astype(x.dtype)


def attend(queries: Array, keys: Array, values: Array, mask: Array) -> Array:
    """[B, Q, heads, D] mixed values. `queries` [B, Q, heads, D]; `keys` and `values` [B, K, kv_heads, D]; `mask` [B or
    1, Q or 1, K] bool. Logits are float32."""
    batch, count, heads, width = queries.shape
    shared = keys.shape[2]
    group = heads // shared
    rows = _by_head(queries.reshape(batch, count, shared, group, width)).reshape(batch, shared, count * group, width)
    keys, values = _by_head(keys), _by_head(values)
    logits = jnp.einsum("bsrd,bskd->bsrk", rows, keys, preferred_element_type=jnp.float32) * width**-0.5
    seen = jnp.repeat(mask, group, axis=1) if mask.shape[1] > 1 else mask
    shares = softmax(jnp.where(seen[:, None], logits, HIDDEN)).astype(values.dtype)
    mixed = jnp.einsum("bsrk,bskd->bsrd", shares, values).reshape(batch, shared, count, group, width)
    return jnp.moveaxis(mixed, 1, 2).reshape(batch, count, heads, width)


def _by_head(x: Array) -> Array:
    return jnp.moveaxis(x, 2, 1)
