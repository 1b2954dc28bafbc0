"""A traced computation as one list of plain operations, which is what the converter to ONNX wants.

Calls of functions and every turn of a loop are in place, what does not depend on arguments is computed now, the same
thing is computed once, and what only XLA needs is left out. `rewrite` says what else is done in another way.
"""

from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.core import Tracer
from jax.extend import core

from .rewrite import RULES, Made, Origin

CALLS = {"jit", "pjit", "closed_call", "custom_jvp_call", "custom_vjp_call"}
KEPT = {"elu": lambda x: jax.nn.elu(x), "last_softmax": lambda x: jax.nn.softmax(x)}
"""Functions that are one operation in ONNX; the converter puts its own in their places while it traces."""


def inlined(closed: core.ClosedJaxpr, *arguments: Array, made: Made | None = None) -> list[Array]:
    """The same computation. `made` is for calls of its own."""
    known = dict(zip(closed.jaxpr.constvars, closed.consts, strict=True))
    known |= dict(zip(closed.jaxpr.invars, arguments, strict=True))
    walk(closed.jaxpr.eqns, known, Made({}, {}) if made is None else made)
    return [value(atom, known) for atom in closed.jaxpr.outvars]


def walk(equations: Iterable[Any], known: dict[Any, Any], made: Made) -> None:
    """Compute in order, and add to what is known by variable."""
    for equation in equations:
        found = computed(equation, [value(atom, known) for atom in equation.invars], made)
        known |= dict(zip(equation.outvars, found, strict=True))


def value(atom: Any, known: dict[Any, Any]) -> Any:
    """Of a literal or a variable."""
    return atom.val if isinstance(atom, core.Literal) else known[atom]


def computed(equation: Any, given: list[Any], made: Made) -> list[Any]:
    """What one operation gives."""
    name, settings = equation.primitive.name, equation.params
    if name == "optimization_barrier":
        return given
    if name in CALLS:
        inner = settings.get("jaxpr") or settings["call_jaxpr"]
        kept = KEPT.get(inner.jaxpr.debug_info.func_name) if len(given) == 1 else None
        if kept and made.final:
            return [kept(*given)]
        return plain(equation, given) if kept else inlined(inner, *given, made=made)
    if name == "scan":
        return unrolled(given, made, **settings)
    if known_now(equation, given):
        with jax.ensure_compile_time_eval():
            return plain(equation, given)
    same = (name, identity(equation), *map(alike, given))
    if same not in made.before:
        found = RULES[name](given, equation, made) if made.final and name in RULES else None
        found = plain(equation, given) if found is None else found
        made.before[same] = (given, found)
        for array in found:
            made.origins.setdefault(id(array), Origin(array, name, given, settings))
    return made.before[same][1]


def identity(equation: Any) -> Any:
    """What is the same for the same operation: its settings, or itself where those cannot be compared."""
    settings = tuple(equation.params.items())
    try:
        hash(settings)
    except TypeError:
        return id(equation)
    return settings


def alike(value: Any) -> Any:
    """What is the same for the same array, and for numbers that are equal."""
    number = not isinstance(value, Tracer) and np.ndim(value) == 0
    return (np.asarray(value).dtype, np.asarray(value).tobytes()) if number else id(value)


def plain(equation: Any, given: list[Any]) -> list[Any]:
    """The operation as it is."""
    found = equation.primitive.bind(*given, **equation.params)
    return found if equation.primitive.multiple_results else [found]


def known_now(equation: Any, given: list[Any]) -> bool:
    """Whether an operation is on constants, and of a size that is known."""
    sizes = [size for out in equation.outvars for size in out.aval.shape]
    return not any(isinstance(x, Tracer) for x in given) and all(isinstance(size, int) for size in sizes)


def unrolled(
    given: list[Array],
    made: Made,
    *,
    length: int,
    reverse: bool,
    num_consts: int,
    num_carry: int,
    jaxpr: core.ClosedJaxpr,
    **_: Any,
) -> list[Array]:
    """What `jax.lax.scan` does, turn by turn. What one loop stacks and the next one takes apart is not stacked."""
    first = num_consts + num_carry
    constants, carry = given[:num_consts], given[num_consts:first]
    rows = [rows_of(array, made) for array in given[first:]]
    turns: list[list[Array]] = []
    for i in reversed(range(length)) if reverse else range(length):
        found = inlined(jaxpr, *constants, *carry, *(each[i] for each in rows), made=made)
        carry, turns = found[:num_carry], [*turns, found[num_carry:]]
    stacks = [list(parts) for parts in zip(*(turns[::-1] if reverse else turns), strict=True)]
    found = [jnp.stack(parts) for parts in stacks]
    for array, parts in zip(found, stacks, strict=True):
        made.origins[id(array)] = Origin(array, "stack", parts, {})
    return [*carry, *found]


def rows_of(array: Any, made: Made) -> Any:
    """What has the rows of an array by number."""
    if origin := made.origin(array, "stack"):
        return origin.given
    return array if isinstance(array, Tracer) else np.asarray(array)
