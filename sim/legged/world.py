"""A model made ready for training: robot, gains, ground, sensors."""

from dataclasses import dataclass

import mujoco

from . import terrain as terrains
from .robot import Robot, RobotConfig, model_path, read
from .terrain import Terrain, TerrainConfig

OFF = ("ISLAND", "WARMSTART", "MIDPHASE", "AUTORESET")
"""MuJoCo's parts that are slower here than doing without, and the one that would hide a world that blew up by setting
it to its default pose. Without warm start a state is positions and velocities, nothing else."""
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
    and m/s); per bumper `<bumper>/touch` (N). Raises ValueError for a file that MuJoCo refuses or names it lacks.
    """
    path = model_path(robot)
    try:
        spec = mujoco.MjSpec.from_file(str(path))
    except ValueError as error:
        raise ValueError(f"robot.model is {str(path)!r}: {' '.join(str(error).split())}") from None
    spec.option.timestep = timestep
    for flag in OFF:
        spec.option.disableflags |= getattr(mujoco.mjtDisableBit, f"mjDSBL_{flag}")
    read(spec.copy().compile(), robot)
    ground = terrains.make(terrain)
    terrains.add(spec, ground)
    drive(spec, robot)
    for foot in robot.feet:
        add_sensors(spec, foot)
    for bumper in robot.bumpers:
        add_bumper(spec, bumper)
    model = spec.compile()
    return World(model, read(model, robot), ground)


def drive(spec: mujoco.MjSpec, robot: RobotConfig) -> None:
    """Make every actuator of the robot a position drive with the description's gains: torque kp (u - q) - kd dq/dt."""
    by_joint = {actuator.target: actuator for actuator in spec.actuators}
    for name, kp, kd in zip(robot.joints, *robot.gains, strict=True):
        by_joint[name].set_to_position(kp=float(kp), kv=float(kd))


def add_sensors(spec: mujoco.MjSpec, foot: str) -> None:
    """What is felt and seen at the site of a foot."""
    for kind, name in (("TOUCH", "touch"), ("FRAMEPOS", "position"), ("FRAMELINVEL", "velocity")):
        spec.add_sensor(
            name=f"{foot}/{name}",
            type=getattr(mujoco.mjtSensor, f"mjSENS_{kind}"),
            objtype=mujoco.mjtObj.mjOBJ_SITE,
            objname=foot,
        )


def add_bumper(spec: mujoco.MjSpec, name: str) -> None:
    """A touch sensor around a geom. Raises ValueError if there is no such geom."""
    geom = spec.geom(name)
    if geom is None:
        raise ValueError(f"robot.bumpers names {name!r}: the model has no geom of that name")
    site = geom.parent.add_site(name=f"{name}/bumper", type=geom.type, size=geom.size + BUMPER_MARGIN, group=4)
    site.pos, site.quat, site.fromto = geom.pos, geom.quat, geom.fromto
    spec.add_sensor(
        name=f"{name}/touch",
        type=mujoco.mjtSensor.mjSENS_TOUCH,
        objtype=mujoco.mjtObj.mjOBJ_SITE,
        objname=site.name,
    )
