"""Numbers brought to one size before a network sees them, and back: by mean and deviation, or by quantiles.

The statistics are part of what is learned: they are kept with the checkpoint, and data that do not fit are refused.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

Kind = Literal["deviation", "quantile"]
LEAST = 1e-2
"""A dimension moves at least this share of what dimensions move in the middle: dividing by less blows noise up."""
DEAD = 1e-6
"""A dimension that moves less does not move."""
QUANTILES = (0.01, 0.99)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Scaling:
    """What is taken off and divided by, [N] each."""

    centre: Array
    span: Array


def measure(rows: NDArray, kind: Kind, name: str = "rows") -> Scaling:
    """The scaling of numbers like `rows` [R, N].

    "deviation": mean 0 and deviation 1. "quantile": the middle 98 % from -1 to 1. Dimensions that do not move are only
    shifted. Raises ValueError for too few rows and for numbers that are not finite, naming `name` and dimension.
    """
    if kind not in get_args(Kind):
        raise ValueError(f"scaling is {kind!r}: use {' or '.join(get_args(Kind))}")
    rows = np.asarray(rows, np.float64)
    if rows.ndim != 2 or len(rows) < 2:
        raise ValueError(f"{name} is {list(rows.shape)}: statistics need two rows of numbers at least")
    if not np.isfinite(rows).all():
        bad = int(np.flatnonzero(~np.isfinite(rows).all(axis=0))[0])
        raise ValueError(f"{name}: entry {bad} is not finite in {int((~np.isfinite(rows[:, bad])).sum())} rows")
    if kind == "deviation":
        centre, span = rows.mean(axis=0), rows.std(axis=0)
    else:
        low, high = np.quantile(rows, QUANTILES, axis=0)
        centre, span = (low + high) / 2, (high - low) / 2
    return Scaling(jnp.asarray(centre, jnp.float32), jnp.asarray(floored(span), jnp.float32))


def floored(span: NDArray) -> NDArray:
    """Spans [N] with a floor under small ones, and 1 where nothing moves."""
    moves = span > DEAD
    floor = LEAST * np.median(span[moves]) if moves.any() else 0.0
    return np.where(moves, np.maximum(span, floor), 1.0)


def scaled(scaling: Scaling, values: Array) -> Array:
    """[..., N] as networks see them."""
    return (values - scaling.centre) / scaling.span


def restored(scaling: Scaling, values: Array) -> Array:
    """[..., N] as they were."""
    return values * scaling.span + scaling.centre


def fits(scaling: Scaling, rows: NDArray, name: str, most: float = 20.0) -> None:
    """Raises ValueError if `rows` [R, N] are not numbers that the scaling was made for: of another width, or with a
    typical value beyond `most` spans."""
    if rows.shape[-1] != scaling.centre.shape[0]:
        raise ValueError(f"{name} has {rows.shape[-1]} entries, the statistics {scaling.centre.shape[0]}")
    off = np.abs(np.median(np.asarray(scaled(scaling, jnp.asarray(rows, jnp.float32))), axis=0))
    if (off > most).any() or not np.isfinite(off).all():
        worst = int(np.argmax(np.where(np.isfinite(off), off, np.inf)))
        raise ValueError(f"{name}: entry {worst} lies {off[worst]:.3g} spans off the statistics: measure them anew")
