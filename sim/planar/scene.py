"""The planar world as data: what is fixed during an episode (`Scene`) and what moves (`State`).

Bodies share one index: polygons 0..P-1, then circles P..N-1. Polygons 0..3 are the floor, the left and right walls and
the ceiling. Every array puts components, bodies and joints on leading axes and *worlds last*: a scene read from a file
has no world axis, a batch has one trailing axis [W], and the same functions serve both. SI units and radians; y is up.
"""

from dataclasses import dataclass, fields
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

WALLS = 4
"""Polygons that frame the world; never dynamic, never in contact with each other."""
MAX_VERTICES = 4


@dataclass(frozen=True)
class Capacity:
    """How many of each thing a world can hold; fixes every array shape."""

    polygons: int
    """Including the four walls."""
    circles: int
    joints: int
    thrusters: int

    def __post_init__(self):
        for name, least in (("polygons", WALLS + 1), ("circles", 1), ("joints", 1), ("thrusters", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"capacity.{name} is {getattr(self, name)}: it must be at least {least}")

    @property
    def bodies(self) -> int:
        """Polygons and circles together."""
        return self.polygons + self.circles

    def holds(self, other: "Capacity") -> bool:
        """Whether a world of `other` fits into this capacity."""
        return all(getattr(self, f.name) >= getattr(other, f.name) for f in fields(self))


CAPACITIES = {"s": Capacity(5, 2, 1, 1), "m": Capacity(6, 3, 2, 2), "l": Capacity(12, 4, 6, 2)}
"""The published sizes (Kinetix, App. A)."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Joints:
    """Revolute and fixed joints between body `a` and body `b`. J joints."""

    a: Array
    """[J] int32 body index."""
    b: Array
    """[J] int32 body index."""
    anchor_a: Array
    """[2, J] m, in a's frame."""
    anchor_b: Array
    """[2, J] m, in b's frame."""
    active: Array
    """[J] bool."""
    fixed: Array
    """[J] bool: no relative rotation."""
    rest_angle: Array
    """[J] rad: relative rotation (b - a) that counts as zero."""
    limited: Array
    """[J] bool: whether `lower` and `upper` hold."""
    lower: Array
    """[J] rad."""
    upper: Array
    """[J] rad."""
    motor_on: Array
    """[J] bool."""
    motor_speed: Array
    """[J] multiple of `Physics.motor_speed`."""
    motor_power: Array
    """[J] multiple of `Physics.motor_power`."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Thrusters:
    """Forces fixed to bodies. T thrusters."""

    body: Array
    """[T] int32 body index."""
    anchor: Array
    """[2, T] m, in the body's frame."""
    angle: Array
    """[T] rad: direction of the force in the body's frame."""
    power: Array
    """[T] multiple of `Physics.thruster_power`."""
    active: Array
    """[T] bool."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Scene:
    """All that is fixed during an episode. N bodies of which the first P are polygons; C = N - P circles."""

    vertices: Array
    """[2, 4, P] m, in the body's frame, clockwise."""
    vertex_count: Array
    """[P] int32: 3 or 4."""
    radius: Array
    """[C] m."""
    inverse_mass: Array
    """[N] 1/kg; 0 is immovable."""
    inverse_inertia: Array
    """[N] 1/(kg m^2); 0 does not rotate."""
    density: Array
    """[N] kg/m^2."""
    friction: Array
    """[N]."""
    restitution: Array
    """[N]."""
    collision_mode: Array
    """[N] int32: 2 hits all, 1 hits 1 and 2, 0 hits only 2."""
    active: Array
    """[N] bool."""
    separable: Array
    """[N, N] bool: contact impulses act between i and j; false within one linkage of joints and on the diagonal."""
    joints: Joints
    thrusters: Thrusters
    gravity: Array
    """[2] m/s^2."""

    @property
    def capacity(self) -> Capacity:
        """The sizes these arrays have."""
        return Capacity(
            self.vertices.shape[2], self.radius.shape[0], self.joints.a.shape[0], self.thrusters.body.shape[0]
        )


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class State:
    """All that moves, and the impulses that warm-start the next solve."""

    position: Array
    """[2, N] m, of the body's frame origin (its centre of mass) in the world."""
    angle: Array
    """[N] rad, not wrapped."""
    velocity: Array
    """[2, N] m/s."""
    angular_velocity: Array
    """[N] rad/s."""
    contact_impulse: Array
    """[2, K] N s: accumulated normal and tangential impulse of each contact slot (order: `contact_slots`)."""
    joint_impulse: Array
    """[3, J]: accumulated linear (N s) and angular (N m s) impulse."""


@dataclass(frozen=True)
class Physics:
    """Constants of the solver (Jax2D `SimParams`; all published levels store these values)."""

    dt: float = 1 / 60
    """Seconds per physics step."""
    iterations: int = 10
    """Solver iterations per physics step."""
    batch: int = 16
    """Contacts solved at once (Jacobi) before their velocities are seen by the next (Gauss-Seidel)."""
    slop: float = 0.01
    """Penetration in m that is left alone."""
    contact_baumgarte: float = 0.2
    joint_baumgarte_velocity: float = 2.0
    joint_baumgarte_position: float = 0.7
    fixed_joint_baumgarte: float = 2.0
    joint_limit_baumgarte: float = 5.0
    joint_stiffness: float = 0.6
    max_position: float = 15.0
    """m, per component."""
    max_velocity: float = 100.0
    """m/s, per component."""
    max_angular_velocity: float = 50.0
    """rad/s."""
    motor_speed: float = 6.0
    """rad/s at joint `motor_speed` 1."""
    motor_power: float = 900.0
    motor_decay: float = 0.1
    motor_limit_margin: float = 0.1
    """rad before a joint limit over which a motor fades out."""
    thruster_power: float = 10.0
    """N at thruster `power` 1."""
    friction: float = 0.4
    """Coefficient of a body whose own `friction` is 1."""
    jax2d_quirks: bool = True
    """Reproduce the known defects of jax2d 1.0.x, on which published numbers rest; off, they are mended."""


def pairs(capacity: Capacity) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Body pairs that may touch: polygon-polygon [n, 2] (i < j, not both walls), circle-polygon, circle-circle (i < j).

    The order is that of Jax2D, on which its solver batches depend.
    """
    p, n = capacity.polygons, capacity.bodies
    poly = [(i, j) for i in range(p) for j in range(i + 1, p) if j >= WALLS]
    mixed = [(c, i) for c in range(p, n) for i in range(p)]
    circles = [(i, j) for i in range(p, n) for j in range(i + 1, n)]
    return tuple(np.array(x, np.int32).reshape(-1, 2) for x in (poly, mixed, circles))  # type: ignore[return-value]


def contact_slots(capacity: Capacity) -> int:
    """K: two slots per polygon-polygon pair (all first slots, then all second), one for every other pair."""
    poly, mixed, circles = pairs(capacity)
    return 2 * len(poly) + len(mixed) + len(circles)


def still(
    capacity: Capacity, position: Array, angle: Array, velocity: Any = None, angular_velocity: Any = None
) -> State:
    """A state without accumulated impulses. `position` [2, N, *W], `angle` [N, *W]; velocities default to zero."""
    worlds = angle.shape[1:]
    return State(
        position=position,
        angle=angle,
        velocity=jnp.zeros_like(position) if velocity is None else velocity,
        angular_velocity=jnp.zeros_like(angle) if angular_velocity is None else angular_velocity,
        contact_impulse=jnp.zeros((2, contact_slots(capacity), *worlds), jnp.float32),
        joint_impulse=jnp.zeros((3, capacity.joints, *worlds), jnp.float32),
    )
