"""Choices between rows and constants by one mask, as one choice.

A chunk of which the first actions are settled has two rows for every norm, that of the turn and that of time 1, and
each token takes one of them. Done norm by norm that is an operation for each. Here the rows of all norms are side by
side in one table, with one more row for time 1, and each token takes its row of that.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.extend import core
from numpy.typing import NDArray

from .rewrite import ones


class Choices(NamedTuple):
    """Of K entries in all."""

    mask: Any
    """A variable,"""
    shape: tuple[Any, ...]
    """and the shape that it is seen in: [B, N, 1]."""
    table: NDArray
    """[turns + 1, K]: what is taken in each turn where the mask is false, at last what is taken where it is true."""
    found: list[Any]
    """Variables: what is taken, [B, N, K of its own] side by side."""

    def places(self, mask: Array) -> Array:
        """[B, N] int32: the number of the last row, or 0."""
        return jnp.where(jnp.reshape(mask, self.shape[:2]), len(self.table) - 1, 0)

    def split(self, taken: Array) -> dict[Any, Array]:
        """What is found, of the rows [B, N, K] that are taken."""
        pieces = jnp.split(taken, np.cumsum([var.aval.shape[-1] for var in self.found])[:-1], axis=-1)
        return dict(zip(self.found, pieces, strict=True))


def choices(
    equations: list[Any], masks: list[Any], rows: dict[Any, list[NDArray]], constants: dict[Any, NDArray]
) -> Choices | None:
    """All choices by the first of the `masks` that any is by; `rows` are columns by variable, with a value per turn."""
    made = {var: equation for equation in equations for var in equation.outvars}
    found: dict[Any, list[Any]] = {}
    for equation in equations:
        if equation.primitive.name != "select_n" or any(isinstance(atom, core.Literal) for atom in equation.invars):
            continue
        (mask, shape), (no, row), (yes, other) = (narrow(atom, made) for atom in equation.invars[:3])
        alike = row == other == (1, 1, row[-1]) and no.aval.dtype == yes.aval.dtype == np.float32
        if alike and shape[2:] == (1,) and mask in masks and no in rows and yes in constants:
            found.setdefault((mask, shape), []).append((no, yes, pieces(equation.outvars[0], equations)))
    for (mask, shape), many in found.items():
        table = side_by_side([[*rows[no], constants[yes]] for no, yes, _ in many])
        return Choices(mask, shape, table, [var for *_, out in many for var in out])
    return None


def pieces(var: Any, equations: list[Any]) -> list[Any]:
    """What a variable [B, N, K] is split into along its last axis, if that is all that is done with it; else itself."""
    users = [equation for equation in equations if var in equation.invars]
    split = len(users) == 1 and users[0].primitive.name == "split" and users[0].params["axis"] == 2
    return users[0].outvars if split else [var]


def side_by_side(columns: list[list[NDArray]]) -> NDArray:
    """[R, K] of columns with R values each."""
    return np.concatenate([np.reshape(column, (len(column), -1)) for column in columns], axis=-1, dtype=np.float32)


def narrow(atom: Any, made: dict[Any, Any]) -> tuple[Any, tuple[Any, ...]]:
    """What is repeated to make a variable, and its shape with axes of length 1 where it is."""
    count, shape = atom.aval.ndim, atom.aval.shape
    places = range(count)
    while (equation := made.get(atom)) and equation.primitive.name == "broadcast_in_dim":
        (inner,) = equation.invars
        if isinstance(inner, core.Literal):
            break
        atom, places = inner, [places[i] for i in equation.params["broadcast_dimensions"]]
        shape = ones(atom.aval, count, places)
    return atom, shape


def needed(equations: Iterable[Any], wanted: Iterable[Any]) -> list[Any]:
    """Those that what is `wanted` depends on."""
    used, kept = set(atom for atom in wanted if isinstance(atom, core.Var)), []
    for equation in reversed(list(equations)):
        if used.intersection(equation.outvars):
            used.update(atom for atom in equation.invars if isinstance(atom, core.Var))
            kept.append(equation)
    return kept[::-1]
