"""Levels: a scene, its initial state, and what each thing means to the task; read from and written to JSON files."""

import hashlib
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ...sim.planar.bodies import recompute_mass, separable
from ...sim.planar.scene import MAX_VERTICES, WALLS, Capacity, Joints, Scene, State, Thrusters, contact_slots
from ...sim.planar.vectors import rotate
from ..files import write_atomically
from .level_checks import check_content
from .level_json import Columns, Content, LevelError, read_content, read_file, write_content

__all__ = ["Level", "LevelError", "grow", "level_hash", "parse_level", "read_level", "stack", "write_level"]

BODY = ("inverse_mass", "inverse_inertia", "density", "friction", "restitution", "collision_mode", "active")
"""What a body's object in the file and `Scene` call the same."""
MOTION = {name: name for name in ("position", "velocity", "angular_velocity")} | {"rotation": "angle"}
"""Names in the file, and in `State`."""
JOINT = {
    "a_index": "a",
    "b_index": "b",
    "a_relative_pos": "anchor_a",
    "b_relative_pos": "anchor_b",
    "active": "active",
    "is_fixed_joint": "fixed",
    "rotation": "rest_angle",
    "motor_has_joint_limits": "limited",
    "min_rotation": "lower",
    "max_rotation": "upper",
    "motor_on": "motor_on",
    "motor_speed": "motor_speed",
    "motor_power": "motor_power",
}
"""Names in the file, and in `Joints`."""
THRUSTER = {
    "object_index": "body",
    "relative_position": "anchor",
    "rotation": "angle",
    "power": "power",
    "active": "active",
}
"""Names in the file, and in `Thrusters`."""
EARTH = (0.0, -9.81)
"""m/s^2: the gravity of every world of the published simulator, whatever the file says."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Level:
    """One task. N bodies, J joints, T thrusters; a bank of levels has one more axis [L] at the end of every array."""

    scene: Scene
    state: State
    """At the start of an episode; no impulses."""
    role: Array
    """[N] int32: 0 none, 1 green (to be brought into touch with blue), 2 blue, 3 red (must not touch green)."""
    highlighted: Array
    """[N] bool: a mark of the published editor."""
    motor_binding: Array
    """[J] int32: which action drives the motor."""
    motor_auto: Array
    """[J] bool: the motor runs by itself."""
    thruster_binding: Array
    """[T] int32: which action drives the thruster."""


def read_level(path: str | Path, capacity: Capacity | None = None, quirks: bool = True) -> Level:
    """Read one level file of the published format.

    `capacity`: grow the level to it. `quirks`: as the published loader, take masses from the file and gravity as
    9.81 m/s^2 whatever the file says; without, honour its gravity and compute masses, inertias and centres of mass from
    shapes and densities. Which bodies may touch is always computed; contacts, impulses and settings of the task in the
    file are dropped. Raises LevelError: `FILE: field.path: reason`.
    """
    return parse_level(read_file(Path(path)), str(path), capacity, quirks)


def parse_level(text: str | bytes, source: str, capacity: Capacity | None = None, quirks: bool = True) -> Level:
    """Read one level from JSON text; `source` names it in errors. See `read_level`."""
    content = read_content(text, source)
    check_content(content, source)
    for field in fields(Capacity) if capacity else ():
        has, most = getattr(content.capacity, field.name), getattr(capacity, field.name)
        if has > most:
            problem = f"is {has}: more than the asked {most}; ask for a larger size"
            raise LevelError(f"{source}: static_env_params.num_{field.name}: {problem}")
    level = assemble(content)
    if quirks:
        level = replace(level, scene=replace(level.scene, gravity=np.array(EARTH, np.float32)))
    else:
        level = with_masses(level, source)
    return jax.tree.map(jnp.asarray, level if capacity is None else grow(level, capacity))


def write_level(level: Level, path: str | Path) -> None:
    """Write one level so that `read_level` and the published loader give it back.

    Masses and gravity are written as they are, so a level read with `quirks` is to be read with them again. Raises
    LevelError, and writes nothing, if the level could not be read back; OSError if the file cannot be written.
    """
    level = jax.tree.map(np.asarray, level)
    if level.role.ndim != 1:
        raise LevelError(f"{path}: role: has shape {level.role.shape}: write the levels of a bank one by one")
    text = write_content(disassemble(level), level.scene.separable)
    parse_level(text, str(path))
    write_atomically(Path(path), text.encode())


def assemble(content: Content) -> Level:
    """The level that a file's content describes, as NumPy arrays."""
    polygon, circle, joint, thruster = content.polygon, content.circle, content.joint, content.thruster
    body: Columns = {name: np.concatenate([polygon[name], circle[name]], axis=-1) for name in polygon}
    joints = Joints(**{ours: joint[theirs] for theirs, ours in JOINT.items()})
    scene = Scene(
        vertices=polygon["vertices"],
        vertex_count=polygon["n_vertices"],
        radius=circle["radius"],
        **{name: body[name] for name in BODY},
        separable=separable(joints, content.capacity),
        joints=joints,
        thrusters=Thrusters(**{ours: thruster[theirs] for theirs, ours in THRUSTER.items()}),
        gravity=content.gravity,
    )
    motion = {ours: body[theirs] for theirs, ours in MOTION.items()}
    return Level(
        scene=scene,
        state=State(**motion, **no_impulses(content.capacity)),
        role=body["role"],
        highlighted=body["highlighted"],
        motor_binding=joint["motor_binding"],
        motor_auto=content.motor_auto,
        thruster_binding=thruster["thruster_binding"],
    )


def disassemble(level: Level) -> Content:
    """The reverse of `assemble`. What a level does not keep is zero: vertices of discs, radii of polygons, impulses."""
    scene, state, capacity = level.scene, level.state, level.scene.capacity
    body = {name: getattr(scene, name) for name in BODY} | {
        theirs: getattr(state, ours) for theirs, ours in MOTION.items()
    }
    body |= {"role": level.role, "highlighted": level.highlighted}
    polygon = {name: array[..., : capacity.polygons] for name, array in body.items()}
    circle = {name: array[..., capacity.polygons :] for name, array in body.items()}
    polygon |= {"vertices": scene.vertices, "n_vertices": scene.vertex_count, "radius": np.zeros(capacity.polygons)}
    circle |= {"vertices": np.zeros((2, MAX_VERTICES, capacity.circles)), "radius": scene.radius}
    circle["n_vertices"] = np.zeros(capacity.circles, np.int32)
    joint = {theirs: getattr(scene.joints, ours) for theirs, ours in JOINT.items()}
    joint |= {"motor_binding": level.motor_binding, "acc_r_impulse": np.zeros(capacity.joints)}
    joint |= {"acc_impulse": np.zeros((2, capacity.joints))}
    joint["global_position"] = in_world(state, scene.joints.a, scene.joints.anchor_a)
    thruster = {theirs: getattr(scene.thrusters, ours) for theirs, ours in THRUSTER.items()}
    thruster["thruster_binding"] = level.thruster_binding
    thruster["global_position"] = in_world(state, scene.thrusters.body, scene.thrusters.anchor)
    return Content(capacity, polygon, circle, joint, thruster, level.motor_auto, scene.gravity)


def in_world(state: State, body: Any, anchor: Any) -> Any:
    """Where points fixed to bodies are: [2, n] m, NumPy or JAX. `body` [n] index, `anchor` [2, n] m."""
    return state.position[:, body] + rotate(anchor, state.angle[body])


def with_masses(level: Level, source: str) -> Level:
    """The level with masses computed from shapes and densities. Raises LevelError where a density gives none."""
    scene, state = recompute_mass(level.scene, level.state, quirks=False)
    usable = np.isfinite(scene.inverse_mass) & np.isfinite(scene.inverse_inertia)
    usable &= (level.scene.inverse_mass == 0) | ~scene.active | (level.scene.density > 0)
    if not usable.all():
        i, polygons = int(np.argmin(usable)), scene.capacity.polygons
        thing = f"polygon.{i}" if i < polygons else f"circle.{i - polygons}"
        value = level.scene.density[i]
        raise LevelError(f"{source}: env_state.{thing}.density: is {value:g}: a body that moves needs a mass")
    return replace(level, scene=scene, state=state)


def no_impulses(capacity: Capacity) -> dict[str, Any]:
    """The impulses of a state at rest."""
    contact = np.zeros((2, contact_slots(capacity)), np.float32)
    return {"contact_impulse": contact, "joint_impulse": np.zeros((3, capacity.joints), np.float32)}


def grow(level: Level, capacity: Capacity) -> Level:
    """The same level with room for more, inactive and zero; circles move behind the added polygons, impulses are reset.

    Raises ValueError if the level does not fit.
    """
    old, level = level.scene.capacity, jax.tree.map(np.asarray, level)
    if not capacity.holds(old):
        raise ValueError(f"the level has {old}: it does not fit into {capacity}")
    room = {field.name: getattr(capacity, field.name) - getattr(old, field.name) for field in fields(Capacity)}
    polygon, circle, joint, thruster = (partial(padded, at=[getattr(old, name)] * n) for name, n in room.items())
    body = partial(padded, at=[old.polygons] * room["polygons"] + [old.bodies] * room["circles"])
    scene, state = level.scene, level.state
    joints, thrusters = jax.tree.map(joint, scene.joints), jax.tree.map(thruster, scene.thrusters)
    moved = {
        name: index + room["polygons"] * (index >= old.polygons) for name, index in (("a", joints.a), ("b", joints.b))
    }
    joints = replace(joints, **moved)
    carrier = thrusters.body + room["polygons"] * (thrusters.body >= old.polygons)
    grown = Level(
        scene=replace(
            scene,
            vertices=polygon(scene.vertices),
            vertex_count=polygon(scene.vertex_count),
            radius=circle(scene.radius),
            **{name: body(getattr(scene, name)) for name in BODY},
            separable=separable(joints, capacity),
            joints=joints,
            thrusters=replace(thrusters, body=carrier),
        ),
        state=State(**{name: body(getattr(state, name)) for name in MOTION.values()}, **no_impulses(capacity)),
        role=body(level.role),
        highlighted=body(level.highlighted),
        motor_binding=joint(level.motor_binding),
        motor_auto=joint(level.motor_auto),
        thruster_binding=thruster(level.thruster_binding),
    )
    return jax.tree.map(jnp.asarray, grown)


def padded(array: Any, at: Sequence[int]) -> Any:
    """`array` with zeros put before the given places of its last axis."""
    return np.insert(array, np.array(at, int), 0, axis=-1)


def stack(levels: Sequence[Level]) -> Level:
    """A bank: every array with one more axis [L] at the end. Raises ValueError unless all have one capacity."""
    capacities = {level.scene.capacity for level in levels}
    if len(capacities) != 1:
        raise ValueError(f"a bank needs levels of one capacity, not {len(capacities)}: grow them first")
    return jax.tree.map(lambda *leaves: jnp.asarray(np.stack(leaves, axis=-1)), *levels)


def level_hash(level: Level) -> str:
    """SHA-256, in hex, of what takes part in a level: the same at any capacity and however its file was formatted."""
    level = jax.tree.map(np.asarray, level)
    scene, state, joints, thrusters = level.scene, level.state, level.scene.joints, level.scene.thrusters
    live, polygons = scene.active, scene.capacity.polygons
    rank = np.cumsum(live) - 1
    counted = np.arange(MAX_VERTICES)[:, None] < scene.vertex_count
    polygon = [live[:WALLS], (scene.vertices * counted)[..., live[:polygons]], scene.vertex_count[live[:polygons]]]
    body = [getattr(scene, name) for name in BODY] + [getattr(state, name) for name in MOTION.values()]
    body = [array[..., live] for array in (*body, level.role, level.highlighted)]
    joint = replace(joints, a=rank[joints.a], b=rank[joints.b])
    joint = [array[..., joints.active] for array in (*astuple(joint), level.motor_binding, level.motor_auto)]
    thruster = replace(thrusters, body=rank[thrusters.body])
    thruster = [array[..., thrusters.active] for array in (*astuple(thruster), level.thruster_binding)]
    digest = hashlib.sha256()
    for array in (*polygon, scene.radius[live[polygons:]], *body, *joint, *thruster, scene.gravity):
        # Adding zero makes -0.0 and 0.0 one.
        plain = array.astype("<f4") + 0 if array.dtype.kind == "f" else array.astype("<i4")
        digest.update(f"{plain.shape}".encode() + plain.tobytes())
    return digest.hexdigest()
