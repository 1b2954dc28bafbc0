"""A scene as the kernel reads it: one row of numbers and one of whole numbers per level.

A row lies together in memory, so a world fetches its level in a few cache lines, whichever level its neighbour plays.
"""

from dataclasses import dataclass
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ..contacts import closed, may_push, may_touch
from ..scene import MAX_VERTICES, Capacity, Scene, pairs

FIXED, LIMITED, DRIVEN = 1, 2, 4
"""Bits of a joint's flags; 0 bits and a live joint make a free hinge."""
LIVE = 8
BODY = 4
"""Numbers per body: inverse mass, inverse inertia, friction, restitution."""
CORNERS = 2 * MAX_VERTICES
JOINT = 9
"""Numbers per joint: both anchors, rest angle, lower and upper limit, motor speed, motor power."""
THRUSTER = 4
"""Numbers per thruster: anchor, angle, power."""
PAIR_BITS = 8
"""A pair is one whole number: bit 0 whether impulses act, then b, from bit `PAIR_BITS` a, from twice that its index."""
MOST_BODIES = 31
"""Contacts of a body are bits of an int32."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Table:
    """L levels; the columns are those of `columns`."""

    reals: Array
    """[L, B] float32."""
    codes: Array
    """[L, I] int32."""


@dataclass(frozen=True)
class Columns:
    """Where each part of a row begins."""

    bodies: int
    corners: int
    radii: int
    joints: int
    thrusters: int
    gravity: int
    reals: int
    """Numbers in a row."""
    roles: int
    edges: int
    hinges: int
    mounts: int
    counts: int
    pairs: int
    codes: int
    """Whole numbers in a row."""


@lru_cache
def columns(capacity: Capacity) -> Columns:
    """The columns of a capacity. Raises ValueError if it holds too many bodies."""
    n, p, c, j, t = capacity.bodies, capacity.polygons, capacity.circles, capacity.joints, capacity.thrusters
    if n > MOST_BODIES:
        raise ValueError(f"capacity.bodies is {n}: the fused engine holds at most {MOST_BODIES}; use the engine xla")
    reals = np.cumsum([0, BODY * n, CORNERS * p, c, JOINT * j, THRUSTER * t, 2])
    codes = np.cumsum([0, n, p, 3 * j, t, 3, sum(map(len, pairs(capacity)))])
    return Columns(*map(int, reals), *map(int, codes))


def pack(scene: Scene, role: Array) -> Table:
    """The table of L scenes, whose arrays end in [L]; `role` [N, L] int32: 0 neutral, 1 green, 2 blue, 3 red.

    Of all pairs of bodies, those come first that can touch at all: both active, and collision modes that meet.
    """
    scene, worlds = jax.tree.map(jnp.asarray, scene), scene.gravity.shape[-1]
    joints, thrusters, p = scene.joints, scene.thrusters, scene.capacity.polygons
    body = jnp.stack([scene.inverse_mass, scene.inverse_inertia, scene.friction, scene.restitution], axis=1)
    turning = [joints.rest_angle, joints.lower, joints.upper, joints.motor_speed, joints.motor_power]
    joint = jnp.stack([*joints.anchor_a, *joints.anchor_b, *turning], axis=1)
    thruster = jnp.stack([*thrusters.anchor, thrusters.angle, thrusters.power * thrusters.active], axis=1)
    reals = (body, closed(scene).transpose(2, 1, 0, 3), scene.radius, joint, thruster, scene.gravity)
    edges = jnp.where(scene.active[:p], scene.vertex_count, 0)
    codes = (jnp.where(scene.active, role, 0), edges, _hinges(scene), thrusters.body, *_pairs(scene))

    def rows(parts, kind) -> Array:
        # Joined last: XLA carries a joint out of a scan, but not a transposition that nothing follows.
        return jnp.concatenate([x.reshape(-1, worlds).T.astype(kind) for x in parts], axis=1)

    return Table(rows(reals, jnp.float32), rows(codes, jnp.int32))


def _hinges(scene: Scene) -> Array:
    """[J, 3, L]: body a, body b, flags. A joint is live between two active bodies of which one can move."""
    joints = scene.joints

    def ends(values: Array) -> list[Array]:
        return [jnp.take_along_axis(values, index, axis=0) for index in (joints.a, joints.b)]

    (active_a, active_b), (mass_a, mass_b) = ends(scene.active), ends(scene.inverse_mass)
    live = joints.active & active_a & active_b & ((mass_a != 0) | (mass_b != 0))
    limited, driven = joints.limited & ~joints.fixed, joints.motor_on & ~joints.fixed
    flags = FIXED * joints.fixed + LIMITED * limited + DRIVEN * driven + LIVE * live
    return jnp.stack([joints.a, joints.b, flags], axis=1)


def _pairs(scene: Scene) -> tuple[Array, ...]:
    """[3, L] how many pairs of each class can touch; then the pairs [.., L] of each class, those first."""
    counts, listed = [], []
    for group in pairs(scene.capacity):
        a, b = group.T
        meet, index = may_touch(scene, a, b), np.arange(len(group)) << 2 * PAIR_BITS
        code = (index + (a << PAIR_BITS) + (b << 1))[:, None] + may_push(scene, a, b)
        order = jnp.argsort(~meet, axis=0, stable=True)
        listed.append(jnp.take_along_axis(code, order, axis=0))
        counts.append(meet.sum(0))
    return (jnp.stack(counts), *listed)
