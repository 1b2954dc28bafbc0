"""A model made ready for training: robot, gains, ground, sensors."""

from dataclasses import dataclass

import mujoco
import numpy as np

from . import terrain as terrains
from .drives import drive
from .robot import Robot, RobotConfig, model_path, read
from .terrain import Terrain, TerrainConfig

OFF = ("ISLAND", "WARMSTART", "MIDPHASE", "AUTORESET")
"""MuJoCo's parts that are slower here than doing without, and the one that would hide a world that blew up by setting
it to its default pose. Without warm start a state is positions and velocities, nothing else."""
GROUNDS = (mujoco.mjtGeom.mjGEOM_PLANE, mujoco.mjtGeom.mjGEOM_HFIELD)
BUMPER_MARGIN = 0.005
"""By which the volume that feels contacts is larger than a bumper, m."""


@dataclass(frozen=True, eq=False)
class World:
    """One robot on its ground. Every engine steps many copies of it."""

    model: mujoco.MjModel
    robot: Robot
    terrain: Terrain


def build(robot: RobotConfig, terrain: TerrainConfig, timestep: float = 0.005) -> World:
    """Compile a robot's model with the gains of its description, the ground, and the sensors that tasks read.

    Sensors added, by name: per foot `<foot>/touch` (normal force, N), `<foot>/position` and `<foot>/velocity` (world, m
    and m/s); per bumper `<bumper>/touch` (N). Raises ValueError for a file that MuJoCo refuses, or that does not fit.
    """
    ground = terrains.make(terrain)
    model = compiled(assemble(robot, ground, timestep), robot)
    return World(model, read(model, robot), ground)


def assemble(robot: RobotConfig, ground: Terrain, timestep: float = 0.005) -> mujoco.MjSpec:
    """What `build` compiles, where more is to be put into the world. Raises ValueError as `build` does."""
    path = model_path(robot)
    try:
        spec = mujoco.MjSpec.from_file(str(path))
    except ValueError as error:
        raise refused(robot, error) from None
    spec.option.timestep = timestep
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    for flag in OFF:
        spec.option.disableflags |= getattr(mujoco.mjtDisableBit, f"mjDSBL_{flag}")
    bare = compiled(spec.copy(), robot)
    if np.isin(bare.geom_type, GROUNDS).any() or spec.geom(terrains.GROUND) is not None:
        raise ValueError(f"robot.model is {robot.model!r}: it has a ground of its own: take that out, one is added")
    known = read(bare, robot)
    drive(spec, known.names, robot.gains, known.torque)
    for foot in robot.feet:
        add_sensors(spec, foot)
    for bumper in robot.bumpers:
        add_bumper(spec, bare, bumper)
    terrains.add(spec, ground)
    return spec


def compiled(spec: mujoco.MjSpec, robot: RobotConfig) -> mujoco.MjModel:
    """The model of a description. Raises ValueError, in one line, if MuJoCo refuses it."""
    try:
        return spec.compile()
    except ValueError as error:
        raise refused(robot, error) from None


def refused(robot: RobotConfig, error: ValueError) -> ValueError:
    """MuJoCo's complaint about a robot's file, in one line."""
    return ValueError(f"robot.model is {robot.model!r}: {' '.join(str(error).split())}")


def add_sensors(spec: mujoco.MjSpec, foot: str) -> None:
    """What is felt and seen at the site of a foot."""
    for kind, name in (("TOUCH", "touch"), ("FRAMEPOS", "position"), ("FRAMELINVEL", "velocity")):
        spec.add_sensor(
            name=f"{foot}/{name}",
            type=getattr(mujoco.mjtSensor, f"mjSENS_{kind}"),
            objtype=mujoco.mjtObj.mjOBJ_SITE,
            objname=foot,
        )


def add_bumper(spec: mujoco.MjSpec, bare: mujoco.MjModel, name: str) -> None:
    """A touch sensor around a geom, whose place and shape are taken from the compiled model; around a mesh a box."""
    geom = bare.geom(name)
    kind, size, place, turn = geom.type[0], geom.size, geom.pos.copy(), geom.quat
    if kind == mujoco.mjtGeom.mjGEOM_MESH:
        kind, size, offset = mujoco.mjtGeom.mjGEOM_BOX, bare.geom_aabb[geom.id, 3:], np.zeros(3)
        mujoco.mju_rotVecQuat(offset, bare.geom_aabb[geom.id, :3], turn)
        place += offset
    site = spec.geom(name).parent.add_site(
        name=f"{name}/bumper", type=mujoco.mjtGeom(kind), size=size + BUMPER_MARGIN, pos=place, quat=turn, group=4
    )
    spec.add_sensor(
        name=f"{name}/touch",
        type=mujoco.mjtSensor.mjSENS_TOUCH,
        objtype=mujoco.mjtObj.mjOBJ_SITE,
        objname=site.name,
    )
