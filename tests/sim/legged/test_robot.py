"""Descriptions of robots, and what is read of them from a model."""

from dataclasses import replace

import numpy as np
import pytest
from gambol.sim.legged.robot import RobotConfig, model_path


def test_joints_come_leg_by_leg_then_arm_then_gripper(b1z1):
    robot, model = b1z1.robot, b1z1.model
    assert robot.names[:3] == ("FR_hip", "FR_thigh", "FR_calf")
    assert [name[:2] for name in robot.names[robot.legs]] == ["FR"] * 3 + ["FL"] * 3 + ["RR"] * 3 + ["RL"] * 3
    parts = ("waist", "shoulder", "elbow", "wrist_angle", "forearm_roll", "wrist_rotate")
    assert robot.names[robot.arm] == tuple(f"z1_{part}" for part in parts)
    assert robot.names[-1] == "z1_gripper"
    assert [model.joint(name).qposadr[0] for name in robot.names] == robot.qpos.tolist()
    np.testing.assert_array_equal(robot.action_scale, [0.4, 0.45, 0.45] * 4 + [0.3] * 6 + [0])


@pytest.mark.parametrize("name", ["b1z1", "quadruped"])
def test_mirrored_angles_put_the_robot_at_its_mirror_image(request, placed, name):
    world = request.getfixturevalue(name)
    robot, flip = world.robot, np.diag([1.0, -1.0, 1.0])
    np.testing.assert_array_equal(robot.mirror[robot.mirror], np.arange(len(robot.names)))
    pose = np.random.default_rng(0).uniform(robot.lower, robot.upper)
    other = np.zeros_like(pose)
    other[robot.mirror] = robot.mirror_sign * pose
    here, there = placed(world, pose), placed(world, other)
    for leg in range(len(robot.feet)):
        joint = robot.mirror[3 * leg]
        assert joint != 3 * leg
        place, image = here.geom_xpos[robot.feet[leg]], there.geom_xpos[robot.feet[joint // 3]]
        np.testing.assert_allclose(image, flip @ place, atol=1e-9)
    if robot.has_arm:
        assert abs(here.site("ee").xpos[1]) > 0.05
        np.testing.assert_allclose(there.site("ee").xpos, flip @ here.site("ee").xpos, atol=1e-9)
        turn, image = (data.site("ee").xmat.reshape(3, 3) for data in (here, there))
        np.testing.assert_allclose(image, flip @ turn @ flip, atol=1e-9)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"default_pose": (0.0,) * 18}, "robot.default_pose has 18 angles: give 19, one per joint"),
        ({"arm_joints": ("z1_waist", "FR_hip")}, "robot: a joint is named twice"),
        ({"gripper_joints": (), "default_pose": (0.0,) * 18, "feet": ("FR_foot",)}, "robot.leg_joints names 12 joints"),
        ({"leg_kp": 0.0}, "robot.leg_kp is 0.0: it must be a finite number above 0"),
        ({"gripper_kd": float("nan")}, "robot.gripper_kd is nan: it must be a finite number above 0"),
        ({"standing_height": -1.0}, "robot.standing_height is -1.0"),
    ],
)
def test_descriptions_that_cannot_work_are_refused_in_one_line(changes, complaint):
    with pytest.raises(ValueError, match=r"^[^\n]+$") as error:
        replace(RobotConfig(), **changes)
    assert str(error.value).startswith(complaint)


@pytest.mark.parametrize("name", ["b1z2", "no/such/file.xml", "."])
def test_a_model_that_is_not_there_is_refused_with_what_is(name):
    with pytest.raises(ValueError, match=r"^robot.model is .*: give the path of an MJCF file, or one of b1z1$"):
        model_path(RobotConfig(model=name))
