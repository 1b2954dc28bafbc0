"""The acceleration of one world under contacts and limits: Newton's method, as in MuJoCo.

It stands in for MJX's own solver, which calls LAPACK: on a CPU two such calls at a time can wait for each other's
threads for ever (jaxlib 0.10). Here factors are plain operations, which XLA does for all worlds of a batch together.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array

SEARCHES = 6
"""Evaluations of a line search."""
BLOCK = 5
"""Rows of a factor that are computed from each other; earlier ones come in by a matrix product."""
TINY = 1e-12
WORLDS = "worlds"


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Rows:
    """R constraints: each pulls with the force -stiffness (jacobian acceleration - reference), within bounds."""

    jacobian: Array
    """[R, V]."""
    reference: Array
    """[R] acceleration at which a row exerts no force."""
    stiffness: Array
    """[R]."""
    lower: Array
    """[R] of the force: 0 for what can only push."""
    upper: Array
    """[R]."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Search:
    """How far the search for the minimum has come."""

    acceleration: Array
    """[V]."""
    miss: Array
    """[R] by which the rows miss their reference."""
    pull: Array
    """[R] their forces."""
    stiffness: Array
    """[R] of the rows within their bounds, else 0."""
    free: Array
    """Whether the rows are not looked at yet."""
    done: Array
    """Whether this is the minimum."""


def accelerate(mass: Array, force: Array, rows: Rows, iterations: int) -> tuple[Array, Array]:
    """Acceleration [V] that minimises Gauss's cost under `rows`, and the forces of the rows [R].

    `mass` [V, V]; `force` [V] is all others. Starts from the acceleration without constraints. To be called inside
    `jax.vmap` over worlds with the axis name WORLDS: iterations go on until all worlds have found their minimum.
    """

    def improve(found: Search) -> Search:
        slope = mass @ found.acceleration - force
        curvature = mass + (rows.jacobian.T * found.stiffness) @ rows.jacobian
        way = -solve(curvature, slope - found.pull @ rows.jacobian)
        step = rows.jacobian @ way
        # Between bends the cost is a parabola: a whole step that meets no bend ends at the minimum.
        whole = (pulled(rows, found.miss + step)[1] == found.stiffness).all()
        far = best(rows, found.miss, step, way @ slope, way @ mass @ way)
        far = jnp.where(whole | found.free, 1, far)
        miss = found.miss + far * step
        better = Search(found.acceleration + far * way, miss, *pulled(rows, miss), jnp.array(False), whole)
        return jax.tree.map(lambda old, new: jnp.where(found.done, old, new), found, better)

    def iterate(found: Search, _) -> tuple[Search, None]:
        left = jax.lax.psum(1 - found.done.astype(int), WORLDS)
        return jax.lax.cond(left > 0, improve, lambda found: found, found), None

    nothing = jnp.zeros_like(rows.reference)
    start = Search(jnp.zeros_like(force), -rows.reference, nothing, nothing, jnp.array(True), jnp.array(False))
    found, _ = jax.lax.scan(iterate, start, length=iterations + 1)
    return found.acceleration, found.pull


def pulled(rows: Rows, miss: Array) -> tuple[Array, Array]:
    """Forces of the rows [R], and how stiff they are there: not at all at a bound."""
    pull = -rows.stiffness * miss
    return jnp.clip(pull, rows.lower, rows.upper), rows.stiffness * ((rows.lower < pull) & (pull < rows.upper))


def best(rows: Rows, miss: Array, step: Array, slope: Array, curvature: Array) -> Array:
    """How far to go along a direction in which the cost falls, 1 for a Newton step.

    `step` [R] is by how much `miss` grows on the way; `slope` and `curvature` are those of the cost without rows. The
    slope along the way only grows, straight from bend to bend: Newton's method again, kept between what is known to lie
    before and beyond the minimum.
    """

    def narrow(found: tuple[Array, Array, Array], _) -> tuple[tuple[Array, Array, Array], None]:
        low, high, at = found
        pull, stiffness = pulled(rows, miss + at * step)
        rise = slope + at * curvature - pull @ step
        low, high = jnp.where(rise <= 0, at, low), jnp.where(rise <= 0, high, at)
        there = at - rise / jnp.maximum(curvature + stiffness @ step**2, TINY)
        middle = (low + jnp.minimum(high, 2 * low + 1)) / 2
        return (low, high, jnp.where((low <= there) & (there <= high), there, middle)), None

    start = (jnp.zeros(()), jnp.full((), jnp.inf), jnp.ones(()))
    return jax.lax.scan(narrow, start, length=SEARCHES)[0][2]


def solve(matrix: Array, right: Array) -> Array:
    """x [V] of matrix x = right, for a symmetric positive definite matrix [V, V]: Cholesky."""
    size = len(right)
    given = jnp.concatenate([matrix, right[:, None]], 1)
    factor = jnp.zeros((0, size + 1))
    for first in range(0, size, BLOCK):
        here = slice(first, min(first + BLOCK, size))
        block = jax.lax.optimization_barrier(given[here] - factor[:, here].T @ factor)
        done: list[Array] = []
        for j, row in enumerate(block, first):
            for earlier in done:
                row -= earlier[j] * earlier
            # Else XLA computes all earlier rows anew for each number that depends on them.
            done.append(jax.lax.optimization_barrier(row * jax.lax.rsqrt(row[j])))
        factor = jnp.concatenate([factor, jnp.stack(done)])
    upper, rest = jax.lax.optimization_barrier((jnp.triu(factor[:, :size]), factor[:, size]))

    def substitute(x: Array, j: Array) -> tuple[Array, None]:
        return x.at[j].set((rest[j] - upper[j] @ x) / upper[j, j]), None

    return jax.lax.scan(substitute, jnp.zeros(size), jnp.arange(size), reverse=True)[0]
