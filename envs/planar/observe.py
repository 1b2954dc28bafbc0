"""What a policy sees of a planar world: one flat vector, sets of entities, or pictures.

Features and their order are those of kinetix-env 3.0.2, so policies trained on either see the same numbers. The
functions take a level and a state with a trailing world axis [W] and return arrays with the worlds first.
"""

from collections.abc import Iterable
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from gymnasium.spaces import Box, Dict, Space
from jax import Array

from ...sim.planar.scene import MAX_VERTICES, WALLS, Capacity, State
from ..contract import ObservationTerm, PyTree
from . import pixels
from .level import Level
from .level_format import MOTORS, THRUSTERS

ObservationKind = Literal["flat", "entity", "pixels"]

MOVES = np.inf
"""Stands where the motion of a body belongs; every other entry is finite."""
MOTION = ("x", "y", "velocity_x", "velocity_y", "tanh_of_tenth_of_spin", "sin_angle", "cos_angle")
"""Entries that move."""
CLIP = 10.0
"""Bound of every entry of the flat vector."""
WALL_NAMES = ("floor", "left_wall", "right_wall", "ceiling")
SHAPE = (
    *("x", "y", "velocity_x", "velocity_y", "inverse_mass", "inverse_inertia", "density", "tanh_of_tenth_of_spin"),
    *("neutral", "green", "blue", "red", "sin_angle", "cos_angle", "friction", "restitution"),
)
"""Entries that all bodies have. m, m/s, 1/kg, 1/(kg m^2), kg/m^2, rad/s."""
CIRCLE = (*SHAPE, "radius", "is_circle")
POLYGON = (*SHAPE, "is_circle", *(f"{axis}_{i}" for i in range(MAX_VERTICES) for axis in "xy"), "is_triangle")
"""Vertices in the body's frame; those a triangle lacks are -1."""
JOINT = (
    *("active", "fixed", "from_x", "from_y", "to_x", "to_y", "sin_rest", "cos_rest"),
    *("motor_speed", "motor_power", "motor_on", "limited", *(f"motor_{k}" for k in range(MOTORS))),
    *("sin_lower", "cos_lower", "sin_upper", "cos_upper", "rest_to_lower", "rest_to_upper"),
)
"""Anchors in the frames of the two bodies; all from the motor on are 0 for a fixed joint."""
THRUSTER = ("active", "x", "y", *(f"thruster_{k}" for k in range(THRUSTERS)), "sin_angle", "cos_angle", "power")
GRAVITY = "tenth_of_gravity_y"
"""Last entry of every body of an entity observation. m/s^2."""
ATTENTION = ("all", "same_linkage", "jointed", "touching")
"""Relations between bodies that the entity transformer attends along."""


def observe(kind: ObservationKind, level: Level, state: State, touching: Array) -> PyTree:
    """The observation of `kind`; numbers of a broken state are replaced by 0. `touching` is [N, N, W] bool."""
    return look(kind, level.scene.capacity, prepare(kind, level), state, touching)


def prepare(kind: ObservationKind, level: Level) -> PyTree:
    """What does not move in the observation of L levels: arrays [L, ...], with `MOVES` where a body's motion belongs.

    An env prepares its bank once; a world's part is then one row of each array.
    """
    match kind:
        case "flat":
            return _flat_rows(level)
        case "entity":
            return _entity_rows(level)
        case "pixels":
            return jax.tree.map(lambda x: jnp.moveaxis(x, -1, 0), level)


def look(kind: ObservationKind, capacity: Capacity, rows: PyTree, state: State, touching: Array) -> PyTree:
    """The observation of W worlds whose rows [W, ...] come from `prepare`."""
    match kind:
        case "flat":
            return _fill(rows, _flat_columns(capacity), jnp.clip(_motion(state), -CLIP, CLIP))
        case "entity":
            p, n, motion = capacity.polygons, capacity.bodies, _motion(state)
            return rows | {
                "circles": _fill(rows["circles"], _columns(range(p, n), n, (*CIRCLE, GRAVITY)), motion),
                "polygons": _fill(rows["polygons"], _columns(range(p), n, (*POLYGON, GRAVITY)), motion),
                "attention_mask": rows["attention_mask"].at[:, -1].min(jnp.moveaxis(touching, -1, 0)),
            }
        case "pixels":
            return pixels.pixels(jax.tree.map(lambda x: jnp.moveaxis(x, 0, -1), rows), state)


def flat(level: Level, state: State) -> Array:
    """[W, 26 (P-3) + 18 C + J (22 + 2 N) + T (8 + N) + 1] float32: rows of the floor and all other polygons, circles,
    joints with their two bodies, thrusters with their body, and gravity. Rows of what is inactive are zero."""
    return look("flat", level.scene.capacity, prepare("flat", level), state, state.angle)


def entities(level: Level, state: State, touching: Array) -> dict[str, Array]:
    """Rows of features, masks of the active ones, relations, and whom joints and thrusters belong to.

    circles [W, C, 19], polygons [W, P, 27], joints [W, 2 J, 22] (all from b to a, then all from a to b), thrusters
    [W, T, 8]; *_mask bool; attention_mask [W, 4, N, N] bool in the order of `ATTENTION`; joint_indexes [W, 2 J, 2] and
    thruster_indexes [W, T] int32, in the common index of bodies.
    """
    return observe("entity", level, state, touching)


def _motion(state: State) -> Array:
    """[W, 7 N] in the order of `MOTION`, N of each; what is not finite is 0."""
    spin, angle = jnp.tanh(state.angular_velocity / 10), state.angle
    motion = jnp.concatenate([*state.position, *state.velocity, spin, jnp.sin(angle), jnp.cos(angle)])
    return jnp.where(jnp.isfinite(motion), motion, 0.0).T


def _columns(bodies: Iterable[int], count: int, entries: tuple[str, ...]) -> np.ndarray:
    """[bodies, entries] int: which column of `_motion` an entry shows; -1 for those that do not move."""
    rows = ([MOTION.index(e) * count + body if e in MOTION else -1 for e in entries] for body in bodies)
    return np.array(list(rows))


def _fill(rows: Array, columns: np.ndarray, motion: Array) -> Array:
    """`rows` [W, ...] with `motion` [W, 7 N] where they say `MOVES`."""
    return jnp.where(rows == MOVES, motion[:, np.maximum(columns, 0)], rows)


def _flat_columns(capacity: Capacity) -> np.ndarray:
    """[D], see `_columns`."""
    n, p = capacity.bodies, capacity.polygons
    polygons = _columns((0, *range(WALLS, p)), n, POLYGON)
    moving = np.concatenate([polygons.ravel(), _columns(range(p, n), n, CIRCLE).ravel()])
    size = sum(term.size for term in observation_terms("flat", capacity)["policy"])
    return np.pad(moving, (0, size - len(moving)), constant_values=-1)


def _flat_rows(level: Level) -> Array:
    """[L, D], see `flat`."""
    scene, p = level.scene, level.scene.capacity.polygons
    bodies = scene.capacity.bodies
    seen = np.r_[0, WALLS:p]
    joint = [_joints(level, flipped=True), _one_hot(scene.joints.b, bodies), _one_hot(scene.joints.a, bodies)]
    thruster = [_thrusters(level), _one_hot(scene.thrusters.body, bodies)]
    parts = (
        (_polygons(level)[:, seen], scene.active[seen]),
        (_circles(level), scene.active[p:]),
        (jnp.concatenate(joint), scene.joints.active),
        (jnp.concatenate(thruster), scene.thrusters.active),
    )
    worlds = scene.gravity.shape[-1]
    rows = [jnp.where(active, x, 0.0).swapaxes(0, 1).reshape(-1, worlds) for x, active in parts]
    vector = jnp.concatenate([*rows, scene.gravity[1:] / 10]).T
    return jnp.where(vector == MOVES, MOVES, jnp.nan_to_num(jnp.clip(vector, -CLIP, CLIP)))


def _entity_rows(level: Level) -> dict[str, Array]:
    """By name, [L, ...], see `entities`."""
    scene, joints, p = level.scene, level.scene.joints, level.scene.capacity.polygons
    to_b, to_a = (jnp.where(joints.active, jnp.stack(ends), 0) for ends in ((joints.a, joints.b), (joints.b, joints.a)))
    features = {
        "circles": _with_gravity(_circles(level), level),
        "polygons": _with_gravity(_polygons(level), level),
        "joints": jnp.concatenate([_joints(level, flipped=True), _joints(level, flipped=False)], axis=1),
        "thrusters": _thrusters(level),
    }
    masks = {
        "circle_mask": scene.active[p:],
        "polygon_mask": scene.active[:p],
        "joint_mask": jnp.concatenate([joints.active, joints.active]),
        "thruster_mask": scene.thrusters.active,
        "attention_mask": _attention(level),
        "joint_indexes": jnp.concatenate([to_a, to_b], axis=1).swapaxes(0, 1),
        "thruster_indexes": scene.thrusters.body,
    }
    rows = {name: _clean(x).swapaxes(0, 1) for name, x in features.items()}
    return {name: jnp.moveaxis(x, -1, 0) for name, x in (rows | masks).items()}


def _clean(x: Array) -> Array:
    """What is not finite becomes 0; `MOVES` stays."""
    return jnp.where(jnp.isfinite(x) | (x == MOVES), x, 0.0)


def observation_space(kind: ObservationKind, capacity: Capacity) -> Space:
    """The space of one world's observation."""
    c, p, j, t, n = capacity.circles, capacity.polygons, capacity.joints, capacity.thrusters, capacity.bodies
    if kind == "flat":
        size = sum(term.size for term in observation_terms("flat", capacity)["policy"])
        return Box(-CLIP, CLIP, (size,), np.float32)
    if kind == "pixels":
        image = Box(0.0, 1.0, (pixels.PIXELS, pixels.PIXELS, 3), np.float32)
        return Dict({"image": image, "global_info": _anything(1)})
    shapes = {"circles": (c, (*CIRCLE, GRAVITY)), "polygons": (p, (*POLYGON, GRAVITY))}
    rows = shapes | {"joints": (2 * j, JOINT), "thrusters": (t, THRUSTER)}
    masks = {"circle": c, "polygon": p, "joint": 2 * j, "thruster": t}
    spaces: dict[str, Space] = {name: _anything(count, len(entries)) for name, (count, entries) in rows.items()}
    spaces |= {f"{name}_mask": _flags(count) for name, count in masks.items()}
    spaces["attention_mask"] = _flags(len(ATTENTION), n, n)
    spaces["joint_indexes"] = Box(0, n - 1, (2 * j, 2), np.int32)
    spaces["thruster_indexes"] = Box(0, n - 1, (t,), np.int32)
    return Dict(spaces)


def observation_terms(kind: ObservationKind, capacity: Capacity) -> dict[str, tuple[ObservationTerm, ...]]:
    """Terms of each array, one per row."""
    c, p, j, t, n = capacity.circles, capacity.polygons, capacity.joints, capacity.thrusters, capacity.bodies
    bodies = (*WALL_NAMES, *(f"polygon_{i}" for i in range(WALLS, p)), *(f"circle_{i}" for i in range(c)))
    joints, thrusters = tuple(f"joint_{i}" for i in range(j)), tuple(f"thruster_{i}" for i in range(t))
    gravity = ObservationTerm("gravity_y", 1, unit="m/s^2", scale=0.1, names=("gravity_y",))
    if kind == "pixels":
        return {"image": (ObservationTerm("image", 3 * pixels.PIXELS**2),), "global_info": (gravity,)}
    if kind == "flat":
        ends = tuple(f"{end}_{body}" for end in ("from", "to") for body in bodies)
        seen = (bodies[0], *bodies[WALLS:p])
        parts = ((seen, POLYGON), (bodies[p:], CIRCLE), (joints, (*JOINT, *ends)))
        parts = (*parts, (thrusters, (*THRUSTER, *(f"on_{body}" for body in bodies))))
        rows = (term for names, entries in parts for term in _rows(names, entries, (-CLIP, CLIP)))
        return {"policy": (*rows, gravity)}
    ways = tuple(f"{name}_from_{end}" for end in "ba" for name in joints)
    return {
        "circles": _rows(bodies[p:], (*CIRCLE, GRAVITY)),
        "polygons": _rows(bodies[:p], (*POLYGON, GRAVITY)),
        "joints": _rows(ways, JOINT),
        "thrusters": _rows(thrusters, THRUSTER),
        "circle_mask": _rows(("active",), bodies[p:]),
        "polygon_mask": _rows(("active",), bodies[:p]),
        "joint_mask": _rows(("active",), ways),
        "thruster_mask": _rows(("active",), thrusters),
        "attention_mask": tuple(ObservationTerm(name, n * n) for name in ATTENTION),
        "joint_indexes": _rows(ways, ("from", "to")),
        "thruster_indexes": _rows(("body",), thrusters),
    }


def _shapes(level: Level) -> Array:
    """[16, N, W] in the order of `SHAPE`."""
    scene = level.scene
    moves = jnp.full_like(scene.density, MOVES)
    mass = [scene.inverse_mass, scene.inverse_inertia, scene.density]
    role = level.role[None] == np.arange(4)[:, None, None]
    rest = [moves, moves, scene.friction, scene.restitution]
    return jnp.concatenate([jnp.stack([*[moves] * 4, *mass, moves]), role, jnp.stack(rest)])


def _circles(level: Level) -> Array:
    """[18, C, W] in the order of `CIRCLE`."""
    radius = level.scene.radius
    return jnp.concatenate([_shapes(level)[:, -radius.shape[0] :], jnp.stack([radius, jnp.ones_like(radius)])])


def _polygons(level: Level) -> Array:
    """[26, P, W] in the order of `POLYGON`."""
    vertices, count = level.scene.vertices, level.scene.vertex_count
    exists = np.arange(MAX_VERTICES)[:, None, None] < count
    corners = jnp.where(exists, vertices, -1.0).swapaxes(0, 1).reshape(2 * MAX_VERTICES, *count.shape)
    shapes = _shapes(level)[:, : count.shape[0]]
    return jnp.concatenate([shapes, jnp.zeros_like(shapes[:1]), corners, (count <= 3)[None]])


def _joints(level: Level, flipped: bool) -> Array:
    """[22, J, W] in the order of `JOINT`, from body a to b, or `flipped`."""
    joints = level.scene.joints
    anchors = [joints.anchor_b, joints.anchor_a] if flipped else [joints.anchor_a, joints.anchor_b]
    head = [jnp.stack([joints.active, joints.fixed]), *anchors, _sin_cos(joints.rest_angle)]
    motor = [joints.motor_speed, joints.motor_power, joints.motor_on, joints.limited]
    room = [joints.lower - joints.rest_angle, joints.upper - joints.rest_angle]
    limits = jnp.concatenate([_sin_cos(joints.lower), _sin_cos(joints.upper), jnp.stack(room)]) * joints.limited
    turning = jnp.concatenate([jnp.stack(motor), _one_hot(level.motor_binding, MOTORS), limits]) * ~joints.fixed
    return jnp.concatenate([*head, turning])


def _thrusters(level: Level) -> Array:
    """[8, T, W] in the order of `THRUSTER`."""
    thrusters = level.scene.thrusters
    binding = _one_hot(level.thruster_binding, THRUSTERS)
    parts = [thrusters.active[None], thrusters.anchor, binding, _sin_cos(thrusters.angle), thrusters.power[None]]
    return jnp.concatenate(parts)


def _attention(level: Level) -> Array:
    """[4, N, N, W] bool in the order of `ATTENTION`, between active bodies; the last as if all bodies touched."""
    scene, joints, bodies = level.scene, level.scene.joints, level.scene.capacity.bodies
    a, b = (_one_hot(x, bodies) & joints.active for x in (joints.a, joints.b))
    jointed = (a[:, None] & b[None]).any(axis=2)
    both = scene.active[:, None] & scene.active[None]
    anything = jnp.ones_like(both)
    return jnp.stack([anything, ~scene.separable, jointed | jointed.swapaxes(0, 1), anything]) & both


def _one_hot(index: Array, count: int) -> Array:
    """[count, n, W] bool."""
    return index[None] == np.arange(count)[:, None, None]


def _sin_cos(angle: Array) -> Array:
    """[2, n, W]."""
    return jnp.stack([jnp.sin(angle), jnp.cos(angle)])


def _with_gravity(features: Array, level: Level) -> Array:
    """One more entry per row: a tenth of the vertical gravity."""
    gravity = jnp.broadcast_to(level.scene.gravity[1] / 10, features[:1].shape)
    return jnp.concatenate([features, gravity])


def _anything(*shape: int) -> Box:
    return Box(-np.inf, np.inf, shape, np.float32)


def _flags(*shape: int) -> Box:
    return Box(0, 1, shape, np.bool_)  # pyright: ignore[reportArgumentType, reportCallIssue]  (its stubs forget bool)


def _rows(names: tuple[str, ...], entries: tuple[str, ...], clip: tuple[float, float] | None = None):
    """One term per row, each with the same entries."""
    return tuple(ObservationTerm(name, len(entries), unit="mixed", clip=clip, names=entries) for name in names)
