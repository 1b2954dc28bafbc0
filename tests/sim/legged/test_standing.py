"""Robots that stand still on their feet, and drives too soft for it."""

import numpy as np
import pytest
from gambol.sim.legged.robot import RobotConfig
from gambol.sim.legged.standing import standing
from gambol.sim.legged.terrain import TerrainConfig
from gambol.sim.legged.world import build


def test_the_shipped_gains_hold_the_default_pose_for_ten_seconds(b1z1, placed, hold):
    data = placed(b1z1, height=0.52)
    heights = hold(b1z1, data, standing(b1z1), 10.0)
    assert heights.min() > 0.45
    assert heights.max() < 0.58
    np.testing.assert_allclose(data.qpos[b1z1.robot.qpos], b1z1.robot.default, atol=0.01)
    np.testing.assert_allclose(data.qpos[:2], 0, atol=0.02)


@pytest.mark.parametrize("led", [True, False], ids=["targets lead the pose", "targets are the pose"])
def test_the_published_gains_let_it_sink(placed, hold, led):
    world = build(RobotConfig(leg_kp=80.0, leg_kd=2.0), TerrainConfig())
    data = placed(world, height=0.52)
    targets = standing(world) if led else world.robot.default
    assert hold(world, data, targets, 10.0)[-1] < 0.30


def test_the_pose_as_target_is_not_enough(b1z1, placed, hold):
    data = placed(b1z1, height=0.52)
    assert hold(b1z1, data, b1z1.robot.default, 10.0)[-1] < 0.45


def test_knees_carry_the_weight_at_the_lever_of_the_calves(b1z1):
    robot, (kp, _) = b1z1.robot, b1z1.robot.config.gains
    knees = (kp * (standing(b1z1) - robot.default))[robot.legs].reshape(4, 3)[:, 2]
    foot, centre = 0.35 * np.sin(0.7), 0.2109 * np.sin(0.7) - 0.0049 * np.cos(0.7)
    carried = 9.81 * (57.987 * foot - 4 * 0.907 * centre)
    assert (knees > 0).all()
    assert knees.sum() == pytest.approx(carried, rel=0.03)


def test_another_robot_stands(quadruped, placed, hold):
    data = placed(quadruped, height=0.326)
    heights = hold(quadruped, data, standing(quadruped), 5.0)
    np.testing.assert_allclose(heights, 0.326, atol=0.01)
