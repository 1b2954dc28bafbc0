"""Weights in few bits, block by block along the axis that is summed over.

A block of a row has a scale and a zero point: weight = scale * (code - zero). `search` looks for the pair that leaves
the least squared error; `hqq` moves a zero point that need not be whole (Badri and Shaji 2023, Half-Quadratic
Quantization).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

CLIPS = np.linspace(1.0, 0.5, 11)
"""Shares of a block's range, at each end, that are tried."""
POWER, START, GROWTH, ROUNDS = 0.7, 10.0, 1.01, 20
"""HQQ's p, beta, kappa and iterations."""
FLAT = 1e-4
"""Range of a block below which its scale is 1."""


class Blocks(NamedTuple):
    """N rows of K weights, in blocks of B; K is filled up with zeros to whole blocks."""

    codes: NDArray
    """[N, K/B, B] uint8"""
    scales: NDArray
    """[N, K/B] float32"""
    zeros: NDArray
    """[N, K/B] float32; whole numbers from `search`."""
    bits: int
    width: int
    """K before filling up."""


def split(weights: NDArray, block: int) -> NDArray:
    """[N, K] -> [N, K/B, B], filled up with zeros."""
    rows, width = weights.shape
    filled = np.pad(weights, ((0, 0), (0, -width % block)))
    return filled.reshape(rows, -1, block).astype(np.float32)


def weights_of(blocks: Blocks) -> NDArray:
    """[N, K] float32: what the codes stand for."""
    values = blocks.scales[..., None] * (blocks.codes.astype(np.float32) - blocks.zeros[..., None])
    return values.reshape(len(values), -1)[:, : blocks.width]


def nearest(weights: NDArray, bits: int, block: int) -> Blocks:
    """The whole range of each block in equal steps, rounded."""
    parts = split(weights, block)
    low, high = np.minimum(parts.min(-1), 0), np.maximum(parts.max(-1), 0)
    return _coded(parts, low, high, bits, weights.shape[1])


def search(weights: NDArray, bits: int, block: int) -> Blocks:
    """Of all pairs of clipped ends the one with the least squared error, for each block by itself."""
    parts = split(weights, block)
    low, high = np.minimum(parts.min(-1), 0), np.maximum(parts.max(-1), 0)
    best, least = None, np.full(low.shape, np.inf)
    for below in CLIPS:
        for above in CLIPS:
            tried = _coded(parts, below * low, above * high, bits, weights.shape[1])
            error = ((tried.scales[..., None] * (tried.codes - tried.zeros[..., None]) - parts) ** 2).sum(-1)
            better = error < least
            least = np.where(better, error, least)
            best = tried if best is None else _chosen(better, tried, best)
    assert best is not None
    return best


def hqq(weights: NDArray, bits: int, block: int) -> Blocks:
    """Half-quadratic: the scale stays, the zero point moves to where large errors count less."""
    parts = split(weights, block)
    low, high, most = parts.min(-1, keepdims=True), parts.max(-1, keepdims=True), 2**bits - 1
    span = high - low
    inverse = np.where(span > FLAT, np.minimum(most / np.maximum(span, 1e-12), 2e4), 1.0)
    zero, beta, before = -low * inverse, START, np.inf
    for _ in range(ROUNDS):
        codes = np.clip(np.round(parts * inverse + zero), 0, most)
        error = parts - (codes - zero) / inverse
        if np.abs(error).mean() >= before:
            break
        before, kept = np.abs(error).mean(), zero
        shrunk = np.sign(error) * np.maximum(np.abs(error) - (np.abs(error) + 1e-8) ** (POWER - 1) / beta, 0)
        zero = (codes - (parts - shrunk) * inverse).mean(-1, keepdims=True)
        beta *= GROWTH
    codes = np.clip(np.round(parts * inverse + kept), 0, most).astype(np.uint8)
    return Blocks(codes, (1 / inverse)[..., 0].astype("f4"), kept[..., 0].astype("f4"), bits, weights.shape[1])


def _coded(parts: NDArray, low: NDArray, high: NDArray, bits: int, width: int) -> Blocks:
    """Codes between two ends, zero among them."""
    most = 2**bits - 1
    span = high - low
    scales = np.where(span > 0, span / most, 1.0).astype(np.float32)
    zeros = np.clip(np.round(-low / scales), 0, most).astype(np.float32)
    codes = np.clip(np.round(parts / scales[..., None]) + zeros[..., None], 0, most).astype(np.uint8)
    return Blocks(codes, scales, zeros, bits, width)


def _chosen(take: NDArray, one: Blocks, other: Blocks) -> Blocks:
    return Blocks(
        np.where(take[..., None], one.codes, other.codes),
        np.where(take, one.scales, other.scales),
        np.where(take, one.zeros, other.zeros),
        one.bits,
        one.width,
    )


def pack(codes: NDArray, bits: int) -> NDArray:
    """[..., B] codes -> [..., B * bits / 8] bytes, the first code in the lowest bits."""
    each = 8 // bits
    parts = codes.reshape(*codes.shape[:-1], -1, each).astype(np.uint16)
    return (parts << (bits * np.arange(each, dtype=np.uint16))).sum(-1).astype(np.uint8)


def unpack(content: NDArray, bits: int) -> NDArray:
    """The codes of `pack`."""
    each = 8 // bits
    parts = content[..., None] >> (bits * np.arange(each, dtype=np.uint8)) & (2**bits - 1)
    return parts.reshape(*content.shape[:-1], -1)
