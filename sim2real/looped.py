"""A function with one loop in it, as an ONNX graph with that loop in it.

A chunk is a few turns of the same network. Unrolled, every turn has operations of its own, and ONNX Runtime keeps
packed weights for each of them, which a cache would have to hold several times. So the function is cut in three, which
are converted one by one and put together: what comes before the loop, with all that is the same in every turn; one
turn; what comes after. What depends on the number of the turn alone is a row of a table.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.core import Tracer
from jax.extend import core
from numpy.typing import NDArray

from .choices import Choices, choices, needed, side_by_side
from .inline import inlined, value, walk
from .rewrite import Made, ones

TURN = "euler_step"
"""The function that such loops are of."""
Shape = jax.ShapeDtypeStruct


class Flat(NamedTuple):
    """One turn as a list of plain operations, by what they depend on."""

    carried: list[Any]
    """Variables: what one turn leaves to the next,"""
    steady: list[Any]
    """what is the same in every turn,"""
    numbered: list[Any]
    """and what depends on the number of the turn."""
    moving: list[Any]
    """Equations that depend on what is carried, or on both others,"""
    fixed: list[Any]
    """on what is steady alone,"""
    rows: list[Any]
    """on the number of the turn alone."""
    kinds: dict[Any, str]
    """Which of the three a variable is of; those that depend on nothing are of none."""
    constants: dict[Any, Any]
    found: list[Any]
    """Variables: what is carried on."""


def flat(loop: Any, given: list[Any]) -> Flat:
    """Of the equation of a loop, whose operands are arrays where they are known, else shapes."""
    first = loop.params["num_consts"]
    last = first + loop.params["num_carry"]
    unknown = [i for i in range(first) if isinstance(given[i], Shape)]

    def one(carried: list[Array], steady: list[Array], rows: list[Array]) -> list[Array]:
        operands = list(given[:first])
        for i, array in zip(unknown, steady, strict=True):
            operands[i] = array
        return inlined(loop.params["jaxpr"], *operands, *carried, *rows, made=Made({}, {}, final=False))

    shapes = [shape_of(var) for var in loop.invars[first:last]]
    closed = jax.make_jaxpr(one)(shapes, [given[i] for i in unknown], [np.asarray(x)[0] for x in given[last:]])
    variables, places = closed.jaxpr.invars, np.cumsum([len(shapes), len(unknown)])
    carried, steady, numbered = variables[: places[0]], variables[places[0] : places[1]], variables[places[1] :]
    kinds = dict.fromkeys(carried, "moving") | dict.fromkeys(steady, "fixed") | dict.fromkeys(numbered, "rows")
    lists: dict[str, list[Any]] = {"moving": [], "fixed": [], "rows": []}
    for equation in closed.jaxpr.eqns:
        kind = kind_of(equation, kinds)
        for each in where_done(equation, kind):
            lists[each].append(equation)
        kinds |= dict.fromkeys(equation.outvars, kind) if kind else {}
    constants = dict(zip(closed.jaxpr.constvars, closed.consts, strict=True))
    return Flat(carried, steady, numbered, **lists, kinds=kinds, constants=constants, found=closed.jaxpr.outvars)


def kind_of(equation: Any, kinds: dict[Any, str]) -> str:
    """Of the outcome of an equation; empty where it depends on nothing."""
    among = {kinds[atom] for atom in equation.invars if isinstance(atom, core.Var) and atom in kinds}
    if len(among) < 2 and not (among == {"rows"} and batched(equation)):
        return next(iter(among), "")
    return "moving"


def where_done(equation: Any, kind: str) -> tuple[str, ...]:
    """Where an equation is done: what depends on nothing, and what only repeats, by all who need it."""
    if not kind:
        return ("moving", "fixed") if batched(equation) else ("moving", "fixed", "rows")
    return ("moving", "fixed") if kind == "fixed" and repeats(equation) else (kind,)


def repeats(equation: Any) -> bool:
    """Whether all that an operation does is to repeat."""
    if equation.primitive.name != "broadcast_in_dim":
        return False
    (given,), (found,) = equation.invars, equation.outvars
    return ones(given.aval, found.aval.ndim, equation.params["broadcast_dimensions"]) != found.aval.shape


def batched(equation: Any) -> bool:
    """Whether the size of the outcome of an equation depends on that of the batch."""
    return not all(isinstance(size, int) for var in equation.outvars for size in var.aval.shape)


class Turn(NamedTuple):
    """One turn of a loop, to be traced."""

    flat: Flat
    """Its constants include what turned out to be the same for every number of the turn."""
    shared: list[Any]
    """Variables that are the same in every turn and needed in it."""
    columns: list[Any]
    """Variables that a row of the table holds."""
    table: NDArray
    """[turns, 1, 1, K]"""
    choices: Choices | None
    """Of variables that are in a table of their own."""

    def __call__(self, *arrays: Array) -> list[Array]:
        """Carried, shared, a row [1, 1, K] and, where there are choices, what is taken [B, N, K] -> carried."""
        given = [*self.flat.carried, *self.shared]
        known = self.flat.constants | dict(zip(given, arrays[: len(given)], strict=True))
        row, *taken = arrays[len(given) :]
        ends = np.cumsum([var.aval.size for var in self.columns])
        pieces = jnp.split(row, ends[:-1], axis=-1) if self.columns else []
        for var, piece in zip(self.columns, pieces, strict=True):
            known[var] = jnp.reshape(piece, var.aval.shape).astype(var.aval.dtype)
        if self.choices:
            known |= self.choices.split(*taken)
        walk(self.flat.moving, known, Made({}, {}))
        return [value(atom, known) for atom in self.flat.found]

    def share(self, steady: list[Array], made: Made) -> list[Array]:
        """What is shared by all turns, of what is steady, and places of choices."""
        known = self.flat.constants | dict(zip(self.flat.steady, steady, strict=True))
        walk(self.flat.fixed, known, made)
        places = [self.choices.places(known[self.choices.mask])] if self.choices else []
        return [*(known[var] for var in self.shared), *places]


def inputs_of(parts: Flat) -> list[Any]:
    """Variables that a turn needs and does not make."""
    done = {var for equation in parts.moving for var in equation.outvars}
    wanted = [atom for equation in parts.moving for atom in equation.invars] + parts.found
    return list(dict.fromkeys(atom for atom in wanted if isinstance(atom, core.Var) and atom not in done))


def turn_of(loop: Any, given: list[Any]) -> Turn:
    """See `flat`."""
    parts, last = flat(loop, given), loop.params["num_consts"] + loop.params["num_carry"]
    shared, columns = ([var for var in inputs_of(parts) if parts.kinds.get(var) == kind] for kind in ("fixed", "rows"))
    values: dict[Any, list[NDArray]] = {var: [] for var in columns}
    for row in zip(*map(np.asarray, given[last:]), strict=True):
        known = parts.constants | dict(zip(parts.numbered, row, strict=True))
        walk(parts.rows, known, Made({}, {}, final=False))
        for var in columns:
            values[var].append(np.asarray(known[var]))
    same = {var: many[0] for var, many in values.items() if all(np.array_equal(many[0], one) for one in many)}
    parts = parts._replace(constants=parts.constants | same)
    values = {var: many for var, many in values.items() if var not in same}
    chosen = choices(parts.moving, shared, values, parts.constants)
    if chosen:
        others = [equation for equation in parts.moving if equation.outvars[0] not in chosen.found]
        parts = parts._replace(moving=needed(others, parts.found))
    shared, columns = ([var for var in inputs_of(parts) if var in among] for among in (shared, values))
    nothing = [np.zeros(0)] * loop.params["length"]
    table = side_by_side([nothing, *(values[var] for var in columns)])
    return Turn(parts, shared, columns, table[:, None, None], chosen)


class Cut(NamedTuple):
    """The parts, and shapes of what goes from the first to the last."""

    before: Callable[..., list[Array]]
    """What is given -> carried, shared, kept."""
    turn: Turn
    after: Callable[..., list[Array]]
    """Kept, carried -> what is found."""
    kept: list[Shape]


def cut(closed: core.ClosedJaxpr) -> Cut | None:
    """None where a function has no such loop, or more than one, or one whose turns are given more than their number or
    leave more than what they carry."""
    equations = closed.jaxpr.eqns
    places = [i for i, e in enumerate(equations) if e.primitive.name == "scan" and name_of(e) == TURN]
    if len(places) != 1:
        return None
    first, loop, last = equations[: places[0]], equations[places[0]], equations[places[0] + 1 :]
    constants = dict(zip(closed.jaxpr.constvars, closed.consts, strict=True))
    late = {var for equation in (loop, *last) for var in equation.outvars}
    later = [atom for equation in last for atom in equation.invars] + closed.jaxpr.outvars
    wanted = list(dict.fromkeys(atom for atom in later if isinstance(atom, core.Var) and atom not in late))
    count, steady = len(loop.invars), loop.params["num_consts"]

    def begun(made: Made, *arrays: Array) -> list[Any]:
        """What the loop is given, and what comes after it is."""
        known = constants | dict(zip(closed.jaxpr.invars, arrays, strict=True))
        walk(first, known, made)
        return [value(atom, known) for atom in (*loop.invars, *wanted)]

    found = known_or_shapes(lambda *arrays: begun(Made({}, {}, final=False), *arrays), closed.in_avals)
    unknown = [i for i, each in enumerate(found) if isinstance(each, Shape)]
    carries = loop.params["num_carry"]
    unlike = loop.params["reverse"] or len(loop.outvars) != carries
    if unlike or any(steady + carries <= i < count for i in unknown):
        return None
    turn = turn_of(loop, found[:count])

    def before(*arrays: Array) -> list[Array]:
        made = Made({}, {})
        now = begun(made, *arrays)
        starts = [jnp.broadcast_to(x, var.aval.shape) for x, var in zip(now[steady:], turn.flat.carried, strict=False)]
        shared = turn.share([now[i] for i in unknown if i < steady], made)
        return [*starts, *shared, *(now[i] for i in unknown if i >= count)]

    def after(*arrays: Array) -> list[Array]:
        known = constants | dict(zip(wanted, found[count:], strict=True))
        kept = [wanted[i - count] for i in unknown if i >= count]
        walk(last, known := known | dict(zip([*kept, *loop.outvars], arrays, strict=True)), Made({}, {}))
        return [value(atom, known) for atom in closed.jaxpr.outvars]

    return Cut(before, turn, after, [found[i] for i in unknown if i >= count])


def name_of(loop: Any) -> str:
    """Of the function that a loop is of."""
    return loop.params["jaxpr"].jaxpr.debug_info.func_name


def shape_of(var: Any) -> Shape:
    """Shape and type of a variable."""
    return Shape(var.aval.shape, var.aval.dtype)


def known_or_shapes(function: Callable[..., list[Any]], shapes: Iterable[Any]) -> list[Any]:
    """What a function gives: arrays where they do not depend on what it is given, else shapes."""
    found: list[Any] = []

    def seen(*arrays: Array) -> list[Any]:
        found.extend(Shape(x.shape, x.dtype) if isinstance(x, Tracer) else x for x in function(*arrays))
        return []

    jax.make_jaxpr(seen)(*shapes)
    return found
