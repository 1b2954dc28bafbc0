"""A traced computation as one list of plain operations, which is what the converter to ONNX wants."""

from contextlib import nullcontext
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.core import Tracer
from jax.extend import core

CALLS = {"jit", "pjit", "closed_call", "custom_jvp_call", "custom_vjp_call"}

KEPT = {"elu": lambda x: jax.nn.elu(x)}
"""Functions that are one operation in ONNX; the converter puts its own in their places while it traces."""


Joined = dict[int, tuple[Array, list[Array], int]]
"""By the identity of an array: it, the arrays that were put side by side to make it, and along which axis."""


def inlined(closed: core.ClosedJaxpr, *arguments: Array, joined: Joined | None = None) -> list[Array]:
    """The same computation, with calls of functions and every turn of a loop in place, what does not depend on
    arguments computed now, and without the barriers that only XLA needs. What is put side by side and split again is
    not. `joined` is for calls of its own."""
    joined = {} if joined is None else joined
    known = dict(zip(closed.jaxpr.constvars, closed.consts, strict=True))
    known |= dict(zip(closed.jaxpr.invars, arguments, strict=True))

    def value(atom: Any) -> Any:
        return atom.val if isinstance(atom, core.Literal) else known[atom]

    for equation in closed.jaxpr.eqns:
        given, settings = [value(atom) for atom in equation.invars], equation.params
        if equation.primitive.name == "optimization_barrier":
            found = given
        elif equation.primitive.name in CALLS:
            inner = settings.get("jaxpr") or settings["call_jaxpr"]
            kept = KEPT.get(inner.jaxpr.debug_info.func_name)
            found = [kept(*given)] if kept and len(given) == 1 else inlined(inner, *given, joined=joined)
        elif equation.primitive.name == "split" and (parts := parts_of(given[0], joined, **settings)):
            found = parts
        elif equation.primitive.name == "scan":
            found = unrolled(given, **settings)
        elif equation.primitive.name == "max" and any(map(nothing, given)):
            found = [next(x for x in given if not nothing(x))]
        elif equation.primitive.name == "pad":
            found = [padded(given[0], given[1], settings["padding_config"])]
        elif equation.primitive.name == "dot_general" and is_layer(given[0], given[1], **settings):
            (_, inner), _ = settings["dimension_numbers"]
            found = [jnp.matmul(given[0], given[1] if inner == (0,) else np.asarray(given[1]).T)]
        else:
            constant = known_now(equation, given)
            with jax.ensure_compile_time_eval() if constant else nullcontext():
                found = equation.primitive.bind(*given, **settings)
            found = found if equation.primitive.multiple_results else [found]
            if equation.primitive.name == "concatenate":
                joined[id(found[0])] = (found[0], given, settings["dimension"])
        known |= dict(zip(equation.outvars, found, strict=True))
    return [value(atom) for atom in closed.jaxpr.outvars]


def parts_of(array: Array, joined: Joined, *, axis: int, sizes: tuple[int, ...]) -> list[Array]:
    """What was put side by side to make it, if it is split in the same way; else nothing."""
    _, parts, along = joined.get(id(array), (None, [], -1))
    same = along == axis and [part.shape[axis] for part in parts] == list(sizes)
    return parts if same else []


def known_now(equation: Any, given: list[Any]) -> bool:
    """Whether an operation is on constants, and of a size that is known."""
    sizes = [size for out in equation.outvars for size in out.aval.shape]
    return not any(isinstance(x, Tracer) for x in given) and all(isinstance(size, int) for size in sizes)


def is_layer(left: Any, right: Any, *, dimension_numbers: Any, **_: Any) -> bool:
    """Whether a product is of the last axis of what depends on arguments with a matrix of constants: a layer, as
    quantisers know it, or the way back through one."""
    (outer, _), batch = dimension_numbers
    matrix = isinstance(left, Tracer) and not isinstance(right, Tracer) and right.ndim == 2
    return matrix and outer == (left.ndim - 1,) and not any(batch)


def nothing(value: Any) -> bool:
    """Whether it is the -inf that every number is more than: softmax compares with it, and no graph of ours may hold
    what is not finite."""
    return not isinstance(value, Tracer) and np.ndim(value) == 0 and bool(np.asarray(value) == -np.inf)


def unrolled(
    given: list[Array],
    *,
    length: int,
    reverse: bool,
    num_consts: int,
    num_carry: int,
    jaxpr: core.ClosedJaxpr,
    **_: Any,
) -> list[Array]:
    """What `jax.lax.scan` does, turn by turn."""
    first = num_consts + num_carry
    constants, carry = given[:num_consts], given[num_consts:first]
    rows = [array if isinstance(array, Tracer) else np.asarray(array) for array in given[first:]]
    turns: list[list[Array]] = []
    for i in reversed(range(length)) if reverse else range(length):
        found = inlined(jaxpr, *constants, *carry, *(array[i] for array in rows))
        carry, turns = found[:num_carry], [*turns, found[num_carry:]]
    return [*carry, *(jnp.stack(list(parts)) for parts in zip(*(turns[::-1] if reverse else turns), strict=True))]


def padded(array: Array, value: Array, config: tuple[tuple[int, int, int], ...]) -> Array:
    """What `jax.lax.pad` does, where nothing goes between entries, in the ways that the converter knows for a batch of
    any length. Zeros beside the last axis, of which the way back through a rotation is full, are one product."""
    *others, (low, high, between) = config
    zeros = not isinstance(value, Tracer) and not np.asarray(value).any() and jnp.issubdtype(array.dtype, jnp.floating)
    if zeros and array.ndim > 1 and not any(map(any, others)) and min(low, high) >= 0 == between:
        size = array.shape[-1]
        return array @ np.eye(size, low + size + high, low, dtype=array.dtype) if low + high else array
    for axis, (low, high, between) in enumerate(config):
        if between or low < 0 or high < 0:
            raise ValueError(f"the policy computes what ONNX cannot: padding by {config}")
        shapes = [(*array.shape[:axis], n, *array.shape[axis + 1 :]) for n in (low, high)]
        sides = [jax.lax.broadcast_in_dim(value, shape, ()) for shape in shapes]
        array = jax.lax.concatenate([sides[0]] * bool(low) + [array] + [sides[1]] * bool(high), axis)
    return array
