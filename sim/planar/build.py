"""Scenes from a short description: shapes, joints and thrusters as plain data."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from .bodies import circle_mass, polygon_mass, separable
from .scene import MAX_VERTICES, WALLS, Capacity, Joints, Scene, State, Thrusters, still
from .vectors import rotate

FLOOR_TOP = 0.4
"""m: y of the floor's surface in the published world of 5 x 5 m."""
WORLD = 5.0
"""m: side of the world."""


@dataclass(frozen=True)
class Shape:
    """A circle (`radius`) or a convex polygon (`vertices`, clockwise, 3 or 4, relative to `position`).

    Raises ValueError unless it is one of the two, with a density above 0.
    """

    position: tuple[float, float]
    """m, of the shape's origin; a polygon's frame is moved to its centroid."""
    radius: float = 0.0
    vertices: Sequence[tuple[float, float]] = ()
    angle: float = 0.0
    velocity: tuple[float, float] = (0.0, 0.0)
    angular_velocity: float = 0.0
    density: float = 1.0
    friction: float = 1.0
    restitution: float = 0.0
    immovable: bool = False
    collision_mode: int = 1

    def __post_init__(self):
        if (self.radius > 0) == bool(self.vertices) or len(self.vertices) not in (0, 3, MAX_VERTICES):
            raise ValueError(
                f"shape has radius {self.radius} and {len(self.vertices)} vertices: "
                "give a radius above 0, or 3 or 4 vertices"
            )
        if not self.density > 0:
            raise ValueError(f"density is {self.density}: it must be above 0")


@dataclass(frozen=True)
class Joint:
    """Ties shape `a` to shape `b` (indices into the list of shapes) at a point of the world."""

    a: int
    b: int
    point: tuple[float, float]
    fixed: bool = False
    limits: tuple[float, float] | None = None
    """rad of b relative to a, zero as built."""
    motor_speed: float | None = None
    """None: no motor."""
    motor_power: float = 1.0


@dataclass(frozen=True)
class Thruster:
    """A force on shape `body`, at `anchor` m and along `angle` rad in the shape's frame."""

    body: int
    angle: float
    anchor: tuple[float, float] = (0.0, 0.0)
    power: float = 1.0


def box(width: float, height: float) -> tuple[tuple[float, float], ...]:
    """Vertices of a rectangle about its centre, m."""
    x, y = width / 2, height / 2
    return ((x, y), (x, -y), (-x, -y), (-x, y))


def walls() -> list[Shape]:
    """Floor, left wall, right wall and ceiling of the published world."""
    tall, mid = WORLD + 0.2, WORLD / 2
    level, side = box(WORLD, 2 * tall), box(WORLD, WORLD)
    places = ((mid, FLOOR_TOP - tall), (-mid, mid), (WORLD + mid, mid), (mid, WORLD + tall))
    outlines = (level, side, side, level)
    return [Shape(p, vertices=v, immovable=True, collision_mode=2) for p, v in zip(places, outlines, strict=True)]


def build(
    shapes: Sequence[Shape],
    joints: Sequence[Joint] = (),
    thrusters: Sequence[Thruster] = (),
    capacity: Capacity | None = None,
    gravity: tuple[float, float] = (0.0, -9.81),
) -> tuple[Scene, State]:
    """A scene inside the four walls and its initial state, without world axis.

    Raises:
        ValueError: more shapes, joints or thrusters than `capacity` holds.
    """
    polygons = [i for i, s in enumerate(shapes) if s.vertices]
    circles = [i for i, s in enumerate(shapes) if not s.vertices]
    need = Capacity(WALLS + max(1, len(polygons)), max(1, len(circles)), max(1, len(joints)), max(1, len(thrusters)))
    capacity = capacity or need
    if not capacity.holds(need):
        raise ValueError(f"capacity is {capacity}: this scene needs {need}")
    unused = Shape((0.0, 0.0), vertices=box(0.2, 0.2), immovable=True)
    framed = walls() + [shapes[i] for i in polygons]
    flat = framed + [unused] * (capacity.polygons - len(framed))
    discs = [shapes[i] for i in circles] + [Shape((0.0, 0.0), 0.1, immovable=True)] * (capacity.circles - len(circles))
    body = {i: WALLS + k for k, i in enumerate(polygons)} | {i: capacity.polygons + k for k, i in enumerate(circles)}
    active = np.arange(capacity.bodies) < capacity.polygons + len(circles)
    active[len(framed) : capacity.polygons] = False
    bodies = flat + discs

    count: Any = np.array([len(s.vertices) for s in flat], np.int32)
    padded = [[*s.vertices, *[s.vertices[0]] * (MAX_VERTICES - len(s.vertices))] for s in flat]
    corners: Any = np.array(padded, np.float32).transpose(2, 1, 0)
    density = _column(bodies, "density")
    movable = np.array([not s.immovable for s in bodies])
    mass, inertia, centre = polygon_mass(corners, count, density[: capacity.polygons], quirks=False)
    radius = _column(discs, "radius")
    disc_mass, disc_inertia = circle_mass(radius, density[capacity.polygons :], quirks=False)
    mass, inertia = np.concatenate([mass, disc_mass]), np.concatenate([inertia, disc_inertia])
    angle = _column(bodies, "angle")
    centre: Any = np.concatenate([centre, np.zeros((2, capacity.circles))], axis=1)
    position = _column(bodies, "position").T + rotate(centre, angle)

    hinges = _joints(joints, body, position, angle, capacity)
    scene = Scene(
        vertices=jnp.asarray(corners - centre[:, None, : capacity.polygons], jnp.float32),
        vertex_count=jnp.asarray(count),
        radius=jnp.asarray(radius),
        inverse_mass=jnp.asarray(movable / mass, jnp.float32),
        inverse_inertia=jnp.asarray(movable / inertia, jnp.float32),
        density=jnp.asarray(density),
        friction=jnp.asarray(_column(bodies, "friction")),
        restitution=jnp.asarray(_column(bodies, "restitution")),
        collision_mode=jnp.asarray([s.collision_mode for s in bodies], jnp.int32),
        active=jnp.asarray(active),
        separable=jnp.asarray(separable(hinges, capacity)),
        joints=hinges,
        thrusters=_thrusters(thrusters, body, capacity),
        gravity=jnp.asarray(gravity, jnp.float32),
    )
    velocity, spin = _column(bodies, "velocity").T, _column(bodies, "angular_velocity")
    state = still(capacity, *(jnp.asarray(x, jnp.float32) for x in (position, angle, velocity, spin)))
    return scene, state


def _column(shapes: Sequence[Shape], name: str) -> Any:
    return np.array([getattr(s, name) for s in shapes], np.float32)


def _joints(joints: Sequence[Joint], body: dict[int, int], position: Any, angle: Any, capacity: Capacity) -> Joints:
    """Joint arrays; unused joints are inactive and tie body 0 to itself."""

    def fill(values: list, kind: type, zero: Any = 0) -> jnp.ndarray:
        return jnp.asarray(np.array(values + [zero] * (capacity.joints - len(joints)), kind).T)

    ends = [(body[j.a], body[j.b]) for j in joints]

    def anchor(side: int) -> jnp.ndarray:
        local = [
            rotate(np.array(j.point) - position[:, e[side]], -angle[e[side]]) for j, e in zip(joints, ends, strict=True)
        ]
        return fill(local, np.float32, np.zeros(2))

    limits = [j.limits or (0.0, 0.0) for j in joints]
    return Joints(
        a=fill([e[0] for e in ends], np.int32),
        b=fill([e[1] for e in ends], np.int32),
        anchor_a=anchor(0),
        anchor_b=anchor(1),
        active=fill([True] * len(joints), np.bool_),
        fixed=fill([j.fixed for j in joints], np.bool_),
        rest_angle=fill([angle[e[1]] - angle[e[0]] for e in ends], np.float32),
        limited=fill([j.limits is not None for j in joints], np.bool_),
        lower=fill([low for low, _ in limits], np.float32),
        upper=fill([high for _, high in limits], np.float32),
        motor_on=fill([j.motor_speed is not None for j in joints], np.bool_),
        motor_speed=fill([j.motor_speed or 0.0 for j in joints], np.float32),
        motor_power=fill([j.motor_power for j in joints], np.float32),
    )


def _thrusters(thrusters: Sequence[Thruster], body: dict[int, int], capacity: Capacity) -> Thrusters:
    spare = capacity.thrusters - len(thrusters)
    return Thrusters(
        body=jnp.asarray([body[t.body] for t in thrusters] + [0] * spare, jnp.int32),
        anchor=jnp.asarray([t.anchor for t in thrusters] + [(0.0, 0.0)] * spare, jnp.float32).T,
        angle=jnp.asarray([t.angle for t in thrusters] + [0.0] * spare, jnp.float32),
        power=jnp.asarray([t.power for t in thrusters] + [0.0] * spare, jnp.float32),
        active=jnp.asarray([True] * len(thrusters) + [False] * spare),
    )
