from pathlib import Path

import mujoco
import numpy as np
import pytest
from gambol.sim.legged.robot import RobotConfig
from gambol.sim.legged.terrain import TerrainConfig
from gambol.sim.legged.world import World, build

FLAT = TerrainConfig()
LEGS = ("LF", "RF", "LH", "RH")


@pytest.fixture(scope="session")
def b1z1() -> World:
    """The robot that Gambol ships, on a plane."""
    return build(RobotConfig(), FLAT)


@pytest.fixture(scope="session")
def small() -> RobotConfig:
    """A description of the quadruped in this folder: all that a user writes to train another robot."""
    return RobotConfig(
        model=str(Path(__file__).with_name("quadruped.xml")),
        base="torso",
        leg_joints=tuple(f"{leg}_{part}" for leg in LEGS for part in ("abduct", "upper", "lower")),
        arm_joints=(),
        gripper_joints=(),
        feet=tuple(f"{leg}_foot" for leg in LEGS),
        bumpers=("torso", *(f"{leg}_upper" for leg in LEGS)),
        default_pose=(0.0, 0.7, -1.4) * 4,
        leg_kp=40.0,
        leg_kd=1.0,
        standing_height=0.326,
    )


@pytest.fixture(scope="session")
def quadruped(small) -> World:
    """That quadruped, on a plane."""
    return build(small, FLAT)


@pytest.fixture
def placed():
    """MuJoCo's data of a world: base at a height (m), joints at some angles [J] (rad), all forces computed."""

    def place(world: World, angles=None, height: float = 2.0) -> mujoco.MjData:
        data = mujoco.MjData(world.model)
        first = world.robot.base_qpos
        data.qpos[first : first + 3] = 0, 0, height
        data.qpos[world.robot.qpos] = world.robot.default if angles is None else angles
        mujoco.mj_forward(world.model, data)
        return data

    return place


@pytest.fixture
def hold():
    """Step a world for some seconds under fixed targets [J] (rad); the base's height at every step, m."""

    def run(world: World, data: mujoco.MjData, targets, seconds: float):
        heights = []
        data.ctrl[world.robot.actuator] = targets
        for _ in range(round(seconds / world.model.opt.timestep)):
            mujoco.mj_step(world.model, data)
            heights.append(data.xpos[world.robot.base, 2])
        return np.array(heights)

    return run
