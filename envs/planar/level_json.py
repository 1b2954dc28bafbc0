"""Level files as JSON: the strict reading of one by the tables of `level_format`, and the writing.

Arrays are objects keyed "0", "1", ... in the files. Here a list of things becomes one array per field with the *things
last*: 12 polygons give `vertices` [2, 4, 12].
"""

import difflib
import json
import math
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...sim.planar.scene import Capacity, pairs
from . import level_format as form
from .level_format import Field

MAX_BYTES = 16 * 2**20
"""A larger file is refused unread; the largest published level has 62 kB."""
NAMES = {bool: "true or false", int: "an integer", float: "a number"}
DTYPES = {bool: np.bool_, int: np.int32, float: np.float32}


class LevelError(ValueError):
    """A level that cannot be used. The message is one line: `FILE: field.path: reason`."""


Columns = dict[str, Any]
"""A list of things as one NumPy array per field, the things last."""


class Content(NamedTuple):
    """What a file says, field by field."""

    capacity: Capacity
    polygon: Columns
    circle: Columns
    joint: Columns
    thruster: Columns
    motor_auto: Any
    """[J] bool."""
    gravity: Any
    """[2] m/s^2."""


def read_file(path: Path) -> bytes:
    """The bytes of a level file. Raises LevelError where it is missing, unreadable, too big, or no regular file."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise LevelError(f"{path}: is not a regular file")
        if status.st_size > MAX_BYTES:
            raise LevelError(f"{path}: has {status.st_size} bytes: a level has at most {MAX_BYTES}")
        return path.read_bytes()
    except OSError as error:
        raise LevelError(f"{path}: {error.strerror}") from None


def read_content(text: str | bytes, source: str) -> Content:
    """What the JSON `text` says, every member checked by the tables. Raises LevelError, naming `source`."""
    document = members(parse_json(text, source), form.SECTIONS, f"{source}: level")
    path = f"{source}: static_env_params"
    static = members(document["static_env_params"], (*form.COUNTS, *form.STATIC_PHYSICS, *form.STATIC_TASK), path)
    capacity = Capacity(*(checked(static[name], field, f"{path}.{name}") for name, field in form.COUNTS.items()))
    check_settings(static, form.STATIC_PHYSICS, form.STATIC_TASK, path)
    path = f"{source}: env_params"
    check_settings(members(document["env_params"], (*form.PHYSICS, *form.TASK), path), form.PHYSICS, form.TASK, path)
    path = f"{source}: env_state"
    state = members(document["env_state"], (*form.STATE, form.MOTOR_AUTO), path, optional=(form.MOTOR_AUTO,))
    manual = {str(i): False for i in range(capacity.joints)}
    auto = checked(state.get(form.MOTOR_AUTO, manual), Field(bool, (capacity.joints,)), f"{path}.{form.MOTOR_AUTO}")
    content = Content(
        capacity,
        columns(state["polygon"], form.BODY, f"{path}.polygon", capacity.polygons),
        columns(state["circle"], form.BODY, f"{path}.circle", capacity.circles),
        columns(state["joint"], form.JOINT, f"{path}.joint", capacity.joints),
        columns(state["thruster"], form.THRUSTER, f"{path}.thruster", capacity.thrusters),
        np.array(auto),
        np.array(checked(state["gravity"], form.VECTOR, f"{path}.gravity"), np.float32),
    )
    checked(state["collision_matrix"], Field(bool, (capacity.bodies, capacity.bodies)), f"{path}.collision_matrix")
    for name in form.MANIFOLDS:
        columns(state[name], form.MANIFOLD, f"{path}.{name}")
    return content


def parse_json(text: str | bytes, source: str) -> Any:
    """JSON text as Python values. Raises LevelError naming `source`."""
    try:
        return json.loads(text.decode("utf-8") if isinstance(text, bytes) else text)
    except UnicodeDecodeError as error:
        raise LevelError(f"{source}: byte {error.start} is not UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise LevelError(f"{source}: line {error.lineno} column {error.colno} is not JSON: {error.msg}") from None
    except ValueError:
        raise LevelError(f"{source}: is not JSON: an integer has too many digits") from None
    except RecursionError:
        raise LevelError(f"{source}: is nested too deeply: a level has 6 layers") from None


def members(value: Any, names: Iterable[str], path: str, optional: tuple[str, ...] = ()) -> dict[str, Any]:
    """`value`, if it is an object with just these members; else LevelError."""
    if type(value) is not dict:
        raise LevelError(f"{path}: is {shown(value)}: must be an object")
    names = tuple(names)
    for name in names:
        if name not in value and name not in optional:
            raise LevelError(f"{path}.{name}: is missing")
    if len(value) > len(names):
        extra = next(name for name in value if name not in names)
        near = difflib.get_close_matches(extra[:80], names, n=1)
        raise LevelError(f"{path}.{extra[:40]!a}: is unknown" + (f"; did you mean {near[0]}?" if near else ""))
    return value


def checked(value: Any, field: Field, path: str, depth: int = 0) -> Any:
    """`value` as a scalar or nested lists, if it is what `field` says; else LevelError."""
    if depth < len(field.shape):
        keys = tuple(map(str, range(field.shape[depth])))
        inner = members(value, keys, path)
        return [checked(inner[key], field, f"{path}.{key}", depth + 1) for key in keys]
    if type(value) is not field.kind and not (field.kind is float and type(value) is int):
        raise LevelError(f"{path}: is {shown(value)}: must be {NAMES[field.kind]}")
    if field.kind is not bool and not field.least <= value <= field.most:
        raise LevelError(f"{path}: is {shown(value)}: must be from {field.least:g} to {field.most:g}")
    return value


def columns(value: Any, fields: Mapping[str, Field], path: str, count: int | None = None) -> Columns:
    """A list of objects as one array per field, things last. LevelError unless there are `count` of them."""
    if type(value) is not list:
        raise LevelError(f"{path}: is {shown(value)}: must be a list")
    if count is not None and len(value) != count:
        raise LevelError(f"{path}: has {len(value)} entries: static_env_params says {count}")
    optional = tuple(form.DEFAULTS)
    rows = []
    for i, item in enumerate(value):
        row = form.DEFAULTS | members(item, fields, f"{path}.{i}", optional)
        rows.append({name: checked(row[name], field, f"{path}.{i}.{name}") for name, field in fields.items()})
    return {name: np.array([row[name] for row in rows], DTYPES[field.kind]).T for name, field in fields.items()}


def check_settings(value: dict[str, Any], physics: Mapping[str, Any], task: Mapping[str, Any], path: str) -> None:
    """Raise LevelError if a physical constant is not ours, or a setting of the task is malformed."""
    for name, ours in physics.items():
        if not math.isclose(checked(value[name], Field(type(ours)), f"{path}.{name}"), ours, rel_tol=1e-5):
            raise LevelError(f"{path}.{name}: is {shown(value[name])}: only {ours} is supported")
    for name, ours in task.items():
        checked(value[name], Field(float, (len(ours),) if type(ours) is dict else ()), f"{path}.{name}")


def shown(value: Any) -> str:
    """A JSON value for an error message: short, on one line, however deep or long it is."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    return json.dumps(value)[:40]


def write_content(content: Content, collides: Any) -> str:
    """The JSON text of `content`, with no contacts and the published settings of the task. `collides` [N, N] bool."""
    capacity = content.capacity
    polygon_pairs, mixed_pairs, circle_pairs = pairs(capacity)
    contacts = 2 * len(polygon_pairs), len(mixed_pairs), len(circle_pairs)
    counts = capacity.polygons, capacity.circles, capacity.joints, capacity.thrusters
    state = {
        "polygon": rows(content.polygon),
        "circle": rows(content.circle),
        "joint": rows(content.joint),
        "thruster": rows(content.thruster),
        "collision_matrix": keyed(collides.tolist()),
        "gravity": keyed(content.gravity.tolist()),
        form.MOTOR_AUTO: keyed(content.motor_auto.tolist()),
    }
    nothing = {name: keyed(np.zeros(field.shape, DTYPES[field.kind]).tolist()) for name, field in form.MANIFOLD.items()}
    state |= {name: [nothing] * count for name, count in zip(form.MANIFOLDS, contacts, strict=True)}
    static = dict(zip(form.COUNTS, counts, strict=True)) | form.STATIC_PHYSICS | form.STATIC_TASK
    sections = (state, form.PHYSICS | form.TASK, static)
    return json.dumps(dict(zip(form.SECTIONS, sections, strict=True)))


def rows(things: Columns) -> list[dict[str, Any]]:
    """The reverse of `columns`."""
    lists = {name: array.T.tolist() for name, array in things.items()}
    return [{name: keyed(values[i]) for name, values in lists.items()} for i in range(len(lists["active"]))]


def keyed(value: Any) -> Any:
    """Nested lists as objects keyed "0", "1", ..."""
    return {str(i): keyed(inner) for i, inner in enumerate(value)} if isinstance(value, list) else value
