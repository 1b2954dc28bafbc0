"""Meshes for pictures of the B1 with the Z1: those of the package `robosuite-models`, where it is installed.

Physics never need them: they touch nothing and weigh nothing. Without them the primitives are shown.
"""

from importlib.util import find_spec
from pathlib import Path

import mujoco

PACKAGE = "robosuite_models"
B1 = "robots/b1/meshes"
Z1 = "robots/z1/meshes/z1_Link"
GRIPPER = "grippers/meshes/z1_gripper/z1_Gripper"
HIDDEN = 3
"""The group that primitives move to: MuJoCo does not draw it unless asked."""
AS_IS = (1.0, 0.0, 0.0, 0.0)
UPRIGHT = (0.5**0.5, 0.5**0.5, 0.0, 0.0)
"""From a file whose y axis points up."""
HIPS = {"FL": AS_IS, "FR": (0.0, 1.0, 0.0, 0.0), "RL": (0.0, 0.0, 1.0, 0.0), "RR": (0.0, 0.0, 0.0, 1.0)}
"""One mesh serves all hips: turned by half a turn about x, y or z."""
BODY, ARM, FINGERS = (0.32, 0.33, 0.36, 1.0), (0.75, 0.75, 0.77, 1.0), (0.2, 0.2, 0.22, 1.0)
"""Colours."""

Part = tuple[str, str, tuple[float, ...], tuple[float, ...], tuple[float, ...]]
"""Body, file, place (m) and quaternion in the body, colour."""


def parts() -> list[Part]:
    """Every mesh of the robot."""
    origin = (0.0, 0.0, 0.0)
    found: list[Part] = [
        ("trunk", f"{B1}/trunk.obj", origin, AS_IS, BODY),
        ("trunk", f"{Z1}00.obj", (0.3, 0.0, 0.09), AS_IS, ARM),
        ("z1_link06", f"{GRIPPER}Stator.obj", (0.051, 0.0, 0.0), UPRIGHT, FINGERS),
        ("z1_mover", f"{GRIPPER}Mover.obj", origin, UPRIGHT, FINGERS),
    ]
    for leg, turn in HIPS.items():
        side = "" if leg.endswith("L") else "_mirror"
        found.append((f"{leg}_hip", f"{B1}/hip.obj", origin, turn, BODY))
        found.append((f"{leg}_thigh", f"{B1}/thigh{side}.obj", origin, AS_IS, BODY))
        found.append((f"{leg}_calf", f"{B1}/calf.obj", origin, AS_IS, BODY))
    return found + [(f"z1_link{i:02}", f"{Z1}{i:02}.obj", origin, AS_IS, ARM) for i in range(1, 7)]


def folder() -> Path | None:
    """Where the package keeps its files; None if it is not installed. Does not import it."""
    package = find_spec(PACKAGE)
    if package is None or not package.submodule_search_locations:
        return None
    return Path(package.submodule_search_locations[0]) / "assets"


def dress(spec: mujoco.MjSpec) -> bool:
    """Put meshes on the robot and hide the primitives of the bodies that got one.

    For the spec of a picture (`world.assemble`): its joints stay those of the world that moves. Returns whether it was
    done: not without the package, and not for another robot.
    """
    assets, every = folder(), parts()
    if assets is None or not all(spec.body(body) and (assets / file).is_file() for body, file, *_ in every):
        return False
    dressed = {body for body, *_ in every}
    for geom in spec.geoms:
        if geom.parent.name in dressed:
            geom.group = HIDDEN
    for body, file, place, turn, colour in every:
        name = f"mesh/{Path(file).stem}"
        if spec.mesh(name) is None:
            spec.add_mesh(name=name, file=str(assets / file))
        geom = spec.body(body).add_geom(
            type=mujoco.mjtGeom.mjGEOM_MESH, meshname=name, pos=place, quat=turn, rgba=colour
        )
        geom.contype, geom.conaffinity, geom.mass = 0, 0, 0
    return True
