"""Operations that ONNX does in another way, or that nobody needs, by the names of JAX's primitives.

A rule is told what an operation is given, the operation, and how arrays were made; it answers with what the operation
gives, or with None where it has nothing to say. Chunks are why: their graphs go forth and back through a network once
for every step of the flow.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.core import Tracer


class Origin(NamedTuple):
    """How an array was made."""

    array: Any
    """Itself, so that nothing else can come to have its identity."""
    by: str
    given: list[Any]
    settings: dict[str, Any]


class Made(NamedTuple):
    """What was computed so far."""

    before: dict[tuple[Any, ...], tuple[list[Any], list[Any]]]
    """By operation and what it is given: that, and what it gives."""
    origins: dict[int, Origin]
    """Of arrays, by their identity."""
    final: bool = True
    """Whether it is the converter that traces; where not, nothing is done in another way yet."""

    def origin(self, array: Any, *by: str) -> Origin | None:
        """How it was made, if it was by one of these."""
        found = self.origins.get(id(array))
        return found if found and found.by in by else None


PAIRS: dict[str, Callable[[Any, Any], Array]] = {
    "add": jax.lax.add,
    "add_any": jax.lax.add,
    "sub": jax.lax.sub,
    "mul": jax.lax.mul,
    "div": jax.lax.div,
    "min": jax.lax.min,
    "max": jax.lax.max,
}
Rule = Callable[[list[Any], Any, Made], list[Any] | None]


def split(given: list[Any], equation: Any, made: Made) -> list[Any] | None:
    """What is put side by side and split again is neither."""
    axis, sizes = equation.params["axis"], list(equation.params["sizes"])
    origin = made.origin(given[0], "concatenate")
    same = origin and origin.settings["dimension"] == axis and [x.shape[axis] for x in origin.given] == sizes
    return origin.given if origin and same else None


def select(given: list[Any], equation: Any, made: Made) -> list[Any] | None:
    """No choice where it is the same everywhere; else one that repeats by itself what it chooses from."""
    which, *cases = given
    if (origin := made.origin(which, "broadcast_in_dim")) and not isinstance(origin.given[0], Tracer):
        values = np.ravel(origin.given[0])
        if len(values) and (values == values[0]).all():
            return [cases[int(values[0])]]
    if len(cases) != 2 or not isinstance(which, Tracer):
        return None
    chosen, no, yes = (narrow(array, made) for array in given)
    return [jnp.broadcast_to(jnp.where(chosen, yes, no), equation.outvars[0].aval.shape)]


def narrow(array: Any, made: Made) -> Any:
    """What was repeated to make an array, with axes of length 1 where it was; an array that was not itself."""
    origin = made.origin(array, "broadcast_in_dim")
    if not origin or not np.ndim(origin.given[0]):
        return origin.given[0] if origin else array
    return reshaped(origin.given[0], ones(origin.given[0], array.ndim, origin.settings["broadcast_dimensions"]), made)


def ones(array: Array, axes: int, places: Sequence[int]) -> tuple[Any, ...]:
    """The shape of an array that is given axes of length 1 for those that are not in `places`."""
    shape: list[Any] = [1] * axes
    for place, size in zip(places, array.shape, strict=True):
        shape[place] = size
    return tuple(shape)


def repeat(given: list[Any], equation: Any, made: Made) -> list[Any] | None:
    """Where only axes of length 1 are new nothing is repeated."""
    shape = equation.outvars[0].aval.shape
    same = np.ndim(given[0]) and ones(given[0], len(shape), equation.params["broadcast_dimensions"]) == shape
    return [reshaped(given[0], shape, made)] if same else None


def reshaped(array: Array, shape: tuple[Any, ...], made: Made) -> Array:
    """In another shape, at once from what has the same entries in the same order."""
    while origin := made.origin(array, "squeeze", "reshape", "transpose"):
        if origin.by == "transpose" and not in_order(origin.given[0], origin.settings["permutation"]):
            break
        array = origin.given[0]
    return array if array.shape == shape else jax.lax.reshape(array, shape)


def in_order(array: Array, axes: Sequence[int]) -> bool:
    """Whether an array has its entries in the same order with its axes in another one: only those of length 1 move."""
    long = [axis for axis in axes if array.shape[axis] != 1]
    return long == sorted(long)


def pair(given: list[Any], equation: Any, made: Made) -> list[Any] | None:
    """Of two arrays one may be narrow where the other is of the full shape, as ONNX repeats it by itself."""
    do = PAIRS[equation.primitive.name]
    left, right, shape = *given, equation.outvars[0].aval.shape
    if made.origin(right, "broadcast_in_dim") and np.shape(left) == shape:
        return [do(left, narrow(right, made))]
    if made.origin(left, "broadcast_in_dim") and np.shape(right) == shape:
        return [do(narrow(left, made), right)]
    return [do(left, right)]


def larger(given: list[Any], equation: Any, made: Made) -> list[Any] | None:
    """Nothing is compared with the -inf that every number is more than: softmax does, and no graph of ours may hold
    what is not finite."""
    for least, other in (given, given[::-1]):
        if not isinstance(least, Tracer) and np.ndim(least) == 0 and bool(np.asarray(least) == -np.inf):
            return [other]
    return pair(given, equation, made)


def pad(given: list[Any], equation: Any, made: Made) -> list[Any]:
    """In the ways that the converter knows for a batch of any length, where nothing goes between entries. Zeros beside
    the last axis, of which the way back through slices is full, are one product. Raises ValueError for others."""
    (array, value), config = given, equation.params["padding_config"]
    *others, (low, high, between) = config
    zeros = not isinstance(value, Tracer) and not np.asarray(value).any() and jnp.issubdtype(array.dtype, jnp.floating)
    if zeros and array.ndim > 1 and not any(map(any, others)) and min(low, high) >= 0 == between:
        size = array.shape[-1]
        return [array @ np.eye(size, low + size + high, low, dtype=array.dtype) if low + high else array]
    for axis, (low, high, between) in enumerate(config):
        if between or low < 0 or high < 0:
            raise ValueError(f"the policy computes what ONNX cannot: padding by {config}")
        shapes = [(*array.shape[:axis], n, *array.shape[axis + 1 :]) for n in (low, high)]
        sides = [jax.lax.broadcast_in_dim(value, shape, ()) for shape in shapes]
        array = jax.lax.concatenate([sides[0]] * bool(low) + [array] + [sides[1]] * bool(high), axis)
    return [array]


def product(given: list[Any], equation: Any, made: Made) -> list[Any]:
    """As matrices. That of the last axis of what depends on arguments with a matrix of constants is a layer as
    quantisers know it, or the way back through one."""
    left, right = (x.astype(equation.outvars[0].aval.dtype) for x in given)
    (inner, inner_), (many, many_) = equation.params["dimension_numbers"]
    if not many and not isinstance(right, Tracer) and right.ndim == 2 and inner == (left.ndim - 1,):
        return [jnp.matmul(left, right if inner_ == (0,) else np.asarray(right).T)]
    rows = [i for i in range(left.ndim) if i not in (*inner, *many)]
    columns = [i for i in range(right.ndim) if i not in (*inner_, *many_)]
    first = turned(left, (*many, *rows, *inner), made)
    second = turned(right, (*many_, *inner_, *columns), made)
    batch, high, wide = ([x.shape[i] for i in axes] for x, axes in ((left, many), (left, rows), (right, columns)))
    between = math.prod(left.shape[i] for i in inner)
    first = reshaped(first, (*batch, *(high or [1]), between), made)
    second = reshaped(second, (*batch, *[1] * (len(high) - 1), between, math.prod(wide)), made)
    return [reshaped(jnp.matmul(first, second), (*batch, *high, *wide), made)]


def turned(array: Array, axes: tuple[int, ...], made: Made) -> Array:
    """With its axes in another order, at once where they were in another one before. One turn is left by itself after
    axes of length 1 have moved, since that of the last two axes is part of a product in ONNX Runtime."""
    first, every = array, axes
    if origin := made.origin(array, "transpose"):
        first, turn = origin.given[0], origin.settings["permutation"]
        every = tuple(turn[i] for i in axes)
    if in_order(first, every):
        return reshaped(first, tuple(first.shape[axis] for axis in every), made)
    if origin and in_order(first, origin.settings["permutation"]):
        return jnp.transpose(array, axes)
    return jnp.transpose(first, every)


def total(given: list[Any], equation: Any, made: Made) -> list[Any]:
    """Along axes of length 1 there is nothing to add."""
    (array,), axes = given, equation.params["axes"]
    whole = array if all(array.shape[i] == 1 for i in axes) else jnp.sum(array, axes, keepdims=True)
    found = jnp.squeeze(whole, axes)
    made.origins[id(found)] = Origin(found, "squeeze", [whole], {})
    return [found]


RULES: dict[str, Rule] = {
    **dict.fromkeys(PAIRS, pair),
    "split": split,
    "select_n": select,
    "max": larger,
    "pad": pad,
    "dot_general": product,
    "reduce_sum": total,
    "broadcast_in_dim": repeat,
    "reshape": lambda given, equation, made: [reshaped(given[0], equation.outvars[0].aval.shape, made)],
    "transpose": lambda given, equation, made: [turned(given[0], equation.params["permutation"], made)],
}
