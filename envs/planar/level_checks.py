"""What must hold between the fields of a level file, beyond the type and range of each."""

from typing import Any

import numpy as np

from ...sim.planar.scene import WALLS
from .level_format import MOTORS, THRUSTERS
from .level_json import Columns, Content, LevelError

MIN_AREA = 1e-8
"""m^2: a polygon or disc below has no usable mass."""


def check_content(content: Content, source: str) -> None:
    """Raise LevelError, naming `source` and the field, unless the content makes a world that can be stepped.

    What is inactive takes no part, so only its indices must be sound.
    """
    path = f"{source}: env_state"
    check_shapes(content, path)
    check_links(content, path)


def require(holds: Any, things: Columns, path: str, field: str, reason: str) -> None:
    """Raise LevelError, with the field's value, for the first thing that does not hold. `holds` [count] bool."""
    if not holds.all():
        i = int(np.argmin(holds))
        raise LevelError(f"{path}.{i}.{field}: is {things[field][i].item():g}: {reason}")


def check_shapes(content: Content, path: str) -> None:
    """Active polygons are convex and clockwise, active discs have a size, and the walls do not move."""
    polygon, circle = content.polygon, content.circle
    fixed = (polygon["inverse_mass"] == 0) | (np.arange(content.capacity.polygons) >= WALLS)
    require(fixed, polygon, f"{path}.polygon", "inverse_mass", f"the first {WALLS} polygons are walls, with 0")
    counted = ~polygon["active"] | (polygon["n_vertices"] >= 3)
    require(counted, polygon, f"{path}.polygon", "n_vertices", "must be 3 or 4")
    for i in np.flatnonzero(polygon["active"]):
        corner = polygon["vertices"][:, : polygon["n_vertices"][i], i].astype(np.float64)
        edge = np.roll(corner, -1, axis=1) - corner
        after = np.roll(edge, -1, axis=1)
        turn = edge[0] * after[1] - edge[1] * after[0]
        area = (corner[1] * edge[0] - corner[0] * edge[1]).sum() / 2
        if area < MIN_AREA or (turn >= 0).any():
            raise LevelError(f"{path}.polygon.{i}.vertices: must make a convex polygon, clockwise, with an area")
    sized = ~circle["active"] | (np.pi * circle["radius"] ** 2 >= MIN_AREA)
    require(sized, circle, f"{path}.circle", "radius", "must be above 0.1 mm")


def check_links(content: Content, path: str) -> None:
    """Joints and thrusters sit on bodies that are there, obey actions that are there, and have limits in order."""
    joint, thruster = content.joint, content.thruster
    check_bodies(content, joint, f"{path}.joint", "a_index")
    check_bodies(content, joint, f"{path}.joint", "b_index")
    check_bodies(content, thruster, f"{path}.thruster", "object_index")
    idle = ~joint["active"]
    apart = idle | (joint["a_index"] != joint["b_index"])
    require(apart, joint, f"{path}.joint", "b_index", "must be another body than a_index")
    ordered = idle | ~joint["motor_has_joint_limits"] | (joint["min_rotation"] <= joint["max_rotation"])
    require(ordered, joint, f"{path}.joint", "min_rotation", "must not be above max_rotation")
    check_binding(joint, f"{path}.joint", "motor_binding", MOTORS)
    check_binding(thruster, f"{path}.thruster", "thruster_binding", THRUSTERS)


def check_bodies(content: Content, things: Columns, path: str, field: str) -> None:
    """The field is the index of a body; of an active body where the thing itself is active."""
    index, last = things[field], content.capacity.bodies - 1
    require((index >= 0) & (index <= last), things, path, field, f"must be a body, 0 to {last}")
    active = np.concatenate([content.polygon["active"], content.circle["active"]])
    require(~things["active"] | active[index], things, path, field, "must be a body that is active")


def check_binding(things: Columns, path: str, field: str, count: int) -> None:
    """The field is one of `count` actions, where the thing is active."""
    right = ~things["active"] | (things[field] >= 0) & (things[field] < count)
    require(right, things, path, field, f"must be an action, 0 to {count - 1}")
