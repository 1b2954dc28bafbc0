"""Random planar scenes for tests and benchmarks: every kind of body, joint and thruster, crowded or apart.

They are drawn to be awkward, not pretty: overlapping starts, open joints, limits that are already violated or narrower
than a motor's margin, loops of joints, bodies that are switched off, values left over in unused places.
"""

from collections.abc import Sequence
from dataclasses import replace

import jax
import numpy as np
from gambol.envs.planar.level import Level, stack
from gambol.sim.planar.bodies import separable
from gambol.sim.planar.build import Joint, Shape, Thruster, box, build
from gambol.sim.planar.scene import WALLS, Capacity, Scene, State
from gambol.sim.planar.vectors import rotate

ROLES = 4
"""Neutral, green, blue, red."""


def random_levels(count: int, capacity: Capacity, seed: int = 0) -> Level:
    """A bank of `count` random levels; every array ends in [count]."""
    rng = np.random.default_rng(seed)
    return stack([random_level(rng, capacity) for _ in range(count)])


def random_level(rng: np.random.Generator, capacity: Capacity) -> Level:
    """One random level with at least two bodies beside the walls."""
    room = capacity.polygons - WALLS
    polygons = rng.integers(1, room + 1)
    circles = rng.integers(min(1, capacity.circles), capacity.circles + 1)
    spread = rng.choice([0.25, 0.8, 2.0])
    centre = rng.uniform((1.0, 0.7), (4.0, 3.0))
    places = np.clip(centre + spread * rng.uniform(-1, 1, (polygons + circles, 2)), 0.3, 4.7)
    ends = [rng.choice(len(places), 2, replace=False) for _ in range(rng.integers(0, capacity.joints + 1))]
    for a, b in ends:  # a long arm on a small body blows up, in every engine
        places[b] = places[a] + rng.uniform(-0.3, 0.3, 2)
    shapes = [random_shape(rng, place, round_=k >= polygons) for k, place in enumerate(places)]
    joints = [random_joint(rng, int(a), int(b), places) for a, b in ends]
    thrusters = [
        Thruster(
            body=int(rng.integers(len(shapes))),
            angle=rng.uniform(-np.pi, np.pi),
            anchor=tuple(rng.uniform(-0.3, 0.3, 2)),
            power=rng.uniform(0, 2),
        )
        for _ in range(rng.integers(0, capacity.thrusters + 1))
    ]
    gravity = [(0.0, -9.81), (0.0, -9.81), (0.0, 0.0), tuple(rng.uniform(-10, 10, 2))][rng.integers(4)]
    scene, state = build(shapes, joints, thrusters, capacity, gravity)
    scene, state = jax.tree.map(np.array, (scene, state))
    return as_level(unsettle(rng, scene, state), state, rng.integers(0, ROLES, capacity.bodies))


def random_shape(rng: np.random.Generator, place: np.ndarray, round_: bool) -> Shape:
    """A circle, or a box or other convex polygon of three or four corners."""
    kind = {"radius": rng.uniform(0.05, 0.4)} if round_ else {"vertices": random_corners(rng)}
    hasty = 40.0 if rng.random() < 0.05 else 2.0
    return Shape(
        tuple(place),
        angle=0.0 if rng.random() < 0.3 else rng.uniform(-4, 4),
        velocity=tuple(hasty * rng.normal(size=2)) if rng.random() < 0.8 else (0.0, 0.0),
        angular_velocity=hasty * rng.normal(),
        density=10 ** rng.uniform(-0.7, 0.7),
        friction=rng.choice([0.0, 1.0, rng.uniform(0, 2)]),
        restitution=rng.choice([0.0, 1.0, rng.uniform(0, 1)]),
        immovable=bool(rng.random() < 0.15),
        collision_mode=int(rng.choice([0, 1, 1, 1, 2])),
        **kind,
    )


def random_corners(rng: np.random.Generator) -> Sequence[tuple[float, float]]:
    """Three or four corners, clockwise, on an ellipse; or a rectangle."""
    width, height = rng.uniform(0.1, 0.9, 2)
    if rng.random() < 0.4:
        return box(width, height)
    count = int(rng.integers(3, 5))
    turns = -(np.arange(count) + rng.uniform(-0.3, 0.3, count)) * 2 * np.pi / count
    return tuple(zip(width / 2 * np.cos(turns), height / 2 * np.sin(turns), strict=True))


def random_joint(rng: np.random.Generator, a: int, b: int, places: np.ndarray) -> Joint:
    """A joint between two shapes, somewhere between their centres."""
    low, high = rng.uniform(-1, 0.2), rng.uniform(-0.2, 1)
    share = rng.choice([0.0, 0.5, rng.uniform(0, 1)])
    return Joint(
        a,
        b,
        tuple(places[a] + share * (places[b] - places[a])),
        fixed=bool(rng.random() < 0.3),
        limits=(min(low, high), max(low, high)) if rng.random() < 0.5 else None,
        motor_speed=rng.uniform(-3, 3) if rng.random() < 0.6 else None,
        motor_power=rng.uniform(0.0, 2),
    )


def unsettle(rng: np.random.Generator, scene: Scene, state: State) -> Scene:
    """What `build` never makes but level files hold; NumPy arrays, changed in place."""
    joints, thrusters, bodies = scene.joints, scene.thrusters, scene.capacity.bodies
    joints.anchor_a[:] += rng.choice([0.0, 0.02]) * rng.normal(size=joints.anchor_a.shape)  # open joints
    joints.active[:] &= rng.random(joints.active.shape) > 0.1
    wall, to_wall = rng.integers(0, WALLS, joints.a.shape), rng.random(joints.a.shape) < 0.1
    point = state.position[:, joints.a] + rotate(joints.anchor_a, state.angle[joints.a])
    joints.anchor_a[:] = np.where(to_wall, point - state.position[:, wall], joints.anchor_a)
    joints.a[:] = np.where(to_wall, wall, joints.a)
    thrusters.active[:] &= rng.random(thrusters.active.shape) > 0.1
    scene.active[:] &= rng.random(bodies) > np.where(np.arange(bodies) < WALLS, 0.02, 0.1)
    scene.inverse_inertia[:] *= rng.random(bodies) > 0.05  # slides but does not turn
    spare = scene.vertex_count == 3
    scene.vertices[:, 3] = np.where(spare, rng.normal(size=(2, len(spare))), scene.vertices[:, 3])
    return replace(scene, separable=np.asarray(separable(joints, scene.capacity)))


def as_level(scene: Scene, state: State, role: np.ndarray) -> Level:
    """A level of which nothing is bound to an action."""
    capacity = scene.capacity
    return Level(
        scene=scene,
        state=state,
        role=role.astype(np.int32),
        highlighted=np.zeros(capacity.bodies, bool),
        motor_binding=np.zeros(capacity.joints, np.int32),
        motor_auto=np.zeros(capacity.joints, bool),
        thruster_binding=np.zeros(capacity.thrusters, np.int32),
    )


def join(*banks: Level) -> Level:
    """Several banks of one capacity as one."""
    return jax.tree.map(lambda *x: np.concatenate(x, axis=-1), *banks)


def random_controls(rng: np.random.Generator, capacity: Capacity, worlds: int) -> tuple[np.ndarray, np.ndarray]:
    """Motors [J, W] in [-1, 1] and thrusters [T, W] in [0, 1]; a third each none, full and in between."""

    def draw(count: int, low: float) -> np.ndarray:
        kind, shape = rng.integers(0, 3, (count, worlds)), (count, worlds)
        full = rng.choice([low or 1.0, 1.0], shape)
        return np.select([kind == 0, kind == 1], [np.zeros(shape), full], rng.uniform(low, 1, shape))

    return draw(capacity.joints, -1.0).astype(np.float32), draw(capacity.thrusters, 0.0).astype(np.float32)
