"""Worlds built from a description: Gambol's robot, and another one that comes with no code."""

from dataclasses import replace
from pathlib import Path

import mujoco
import numpy as np
import pytest
from gambol.sim.legged import terrain
from gambol.sim.legged.physics import sensor
from gambol.sim.legged.robot import RobotConfig
from gambol.sim.legged.standing import standing
from gambol.sim.legged.terrain import GROUND, TerrainConfig
from gambol.sim.legged.world import assemble, build

WEIGHT = 57.987 * 9.81
FLAT = TerrainConfig()
FILE = "robot.model is '{}'"
TORSO = '<geom name="torso" class="shape" type="box" size="0.22 0.08 0.05" mass="6"/>'


def felt(world, data, *names):
    """Values of sensors, one row each."""
    return data.sensordata[sensor(world.model, *names)]


def test_feet_feel_the_weight_and_bumpers_nothing_while_it_stands(b1z1, placed, hold):
    config, data = b1z1.robot.config, placed(b1z1, height=0.52)
    hold(b1z1, data, standing(b1z1), 1.0)
    touch = felt(b1z1, data, *(f"{foot}/touch" for foot in config.feet))
    assert touch.shape == (4, 1)
    assert touch.sum() == pytest.approx(WEIGHT, rel=0.02)
    assert touch.min() > 0.1 * WEIGHT
    assert not felt(b1z1, data, *(f"{bumper}/touch" for bumper in config.bumpers)).any()


def test_the_trunk_feels_the_weight_while_the_robot_lies_on_it(b1z1, placed, hold):
    folded = b1z1.robot.default.copy()
    folded[b1z1.robot.legs] = (0.0, 3.0, -2.6) * 4
    data = placed(b1z1, folded, height=0.08)
    hold(b1z1, data, folded, 1.0)
    assert felt(b1z1, data, "trunk/touch") == pytest.approx(WEIGHT, rel=0.02)


def test_sensors_say_where_feet_are_and_how_they_move(b1z1, placed):
    data, feet = placed(b1z1), b1z1.robot.config.feet
    data.qvel[:] = np.random.default_rng(0).normal(size=b1z1.model.nv)
    mujoco.mj_forward(b1z1.model, data)
    before = data.geom_xpos[b1z1.robot.feet].copy()
    np.testing.assert_allclose(felt(b1z1, data, *(f"{foot}/position" for foot in feet)), before)
    velocity = felt(b1z1, data, *(f"{foot}/velocity" for foot in feet))
    mujoco.mj_integratePos(b1z1.model, data.qpos, data.qvel, 1e-6)
    mujoco.mj_kinematics(b1z1.model, data)
    np.testing.assert_allclose(velocity, (data.geom_xpos[b1z1.robot.feet] - before) / 1e-6, atol=1e-4)


def test_gains_and_time_step_are_those_asked_for():
    config = RobotConfig(leg_kp=80, leg_kd=2, arm_kp=300, arm_kd=30, gripper_kp=4, gripper_kd=3)
    world = build(config, FLAT, timestep=0.002)
    model, robot = world.model, world.robot
    assert model.opt.timestep == 0.002
    kp, kd = np.array([80] * 12 + [300] * 6 + [4]), np.array([2] * 12 + [30] * 6 + [3])
    np.testing.assert_array_equal(model.actuator_gainprm[robot.actuator, 0], kp)
    np.testing.assert_array_equal(model.actuator_biasprm[robot.actuator, 1:3], np.stack([-kp, -kd], 1))
    assert not model.actuator_ctrllimited.any()


def test_things_put_into_an_assembled_world_lie_on_its_ground(small):
    spec = assemble(small, terrain.make(FLAT))
    body = spec.worldbody.add_body(name="ball", pos=(2, 0, 0.2))
    body.add_freejoint()
    body.add_geom(size=[0.1, 0, 0], mass=0.3)
    model = spec.compile()
    data = mujoco.MjData(model)
    mujoco.mj_step(model, data, 200)
    assert model.body("ball").mass[0] == pytest.approx(0.3)
    assert data.body("ball").xpos[2] == pytest.approx(0.1, abs=5e-3)


def test_another_robot_needs_a_description_and_no_code(quadruped, small):
    robot, model = quadruped.robot, quadruped.model
    assert robot.names == small.leg_joints
    assert not robot.has_arm
    assert [model.actuator(i).trnid[0] for i in robot.actuator] == [model.joint(name).id for name in robot.names]
    assert robot.actuator.tolist() == list(range(11, -1, -1)), "its file names actuators from the last to the first"
    np.testing.assert_array_equal(robot.torque, [20, 24, 30] * 4)
    np.testing.assert_array_equal(model.actuator_forcerange[robot.actuator, 1], robot.torque)
    np.testing.assert_array_equal(model.actuator_gainprm[:, 0], 40)
    assert not (model.actuator_gear - [1, 0, 0, 0, 0, 0]).any()
    np.testing.assert_array_equal(robot.lower, [-0.8, -1.5, -2.6] * 4)
    assert robot.mirror.tolist() == [3, 4, 5, 0, 1, 2, 9, 10, 11, 6, 7, 8]
    np.testing.assert_array_equal(robot.mirror_sign, [-1, 1, 1] * 4)


def test_a_joint_without_limits_has_infinite_ones(changed):
    robot = build(*changed(('"upper"><joint range="-1.5 2.5"/>', '"upper"><joint/>'))).robot
    assert robot.lower[1] == -np.inf
    assert robot.upper[1] == np.inf
    assert robot.lower[2] == -2.6


def test_a_bumper_may_be_a_mesh(changed, placed, hold):
    corners = [f"{x} {y} {z}" for x in (-0.22, 0.22) for y in (-0.08, 0.08) for z in (0, 0.1)]
    mesh = f'<asset><mesh name="shell" vertex="{" ".join(corners)}"/></asset><worldbody>'
    geom = '<geom name="torso" class="shape" type="mesh" mesh="shell" pos="0 0 -0.05" mass="6"/>'
    robot, ground = changed(("<worldbody>", mesh), (TORSO, geom))
    world = build(robot, ground)
    site = world.model.site("torso/bumper")
    np.testing.assert_allclose(np.sort(site.size), [0.055, 0.085, 0.225], atol=1e-6)
    stretched = np.array((0.0, -1.5, -0.2) * 4)
    data = placed(world, stretched, height=0.05)
    np.testing.assert_allclose(data.site("torso/bumper").xpos, data.body("torso").xpos, atol=1e-6)
    hold(world, data, stretched, 1.0)
    assert felt(world, data, "torso/touch") == pytest.approx(9.81 * world.model.body_mass.sum(), rel=0.02)


@pytest.fixture
def changed(small, tmp_path):
    """The quadruped and a plane, with words of its file replaced."""

    def change(*words: tuple[str, str]) -> tuple[RobotConfig, TerrainConfig]:
        text = Path(small.model).read_text()
        for old, new in words:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "changed.xml"
        path.write_text(text)
        return replace(small, model=str(path)), FLAT

    return change


def named(small, old, new):
    """The names of its leg joints with one exchanged."""
    return tuple(new if name == old else name for name in small.leg_joints)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (
            lambda r: {"leg_joints": named(r, "LF_upper", "knee")},
            "robot.joints names 'knee': the model has no joint",
        ),
        (lambda r: {"base": "trunk"}, "robot.base names 'trunk': the model has no body of that name"),
        (lambda r: {"base": "LF_upper"}, "robot.base is 'LF_upper': that body has no free joint"),
        (lambda r: {"default_pose": (0.0, 0.7, -2.7) * 4}, "robot.default_pose: 'LF_lower' is -2.7, outside its"),
        (lambda r: {"feet": (*r.feet[:3], "paw")}, "robot.feet names 'paw': the model has no site of that name"),
        (lambda r: {"feet": r.feet[::-1]}, "robot.feet: 'RH_foot' is not on the leg of 'LF_lower'"),
        (lambda r: {"bumpers": ("belly",)}, "robot.bumpers names 'belly': the model has no geom of that name"),
        (lambda r: {"standing_height": 0.52}, "robot.standing_height is 0.52: in the default pose the feet reach 0.3"),
    ],
)
def test_a_description_that_does_not_fit_its_file_is_refused_in_one_line(small, change, complaint):
    with pytest.raises(ValueError, match=r"^[^\n]+$") as error:
        build(replace(small, **change(small)), FLAT)
    assert str(error.value).startswith(complaint)


def test_an_arm_needs_its_sites(small):
    legs, arm = small.leg_joints, ("RH_abduct", "RH_upper", "RH_lower")
    three = replace(small, leg_joints=legs[:9], feet=small.feet[:3], arm_joints=arm)
    with pytest.raises(ValueError, match=r"^robot\.arm_base names 'arm_base': the model has no site of that name$"):
        build(three, FLAT)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('<motor joint="LH_lower"/>', "", "robot.joints: no actuator drives 'LH_lower' in the model"),
        (' actuatorfrcrange="-30 30"', "", "robot.joints: no torque limit for 'LF_lower': give its actuator a force"),
        ('<site name="LF_foot" class="foot" pos="0 0 -0.2"/>', "", "robot.feet names 'LF_foot': the model has no site"),
        ('<geom name="LF_foot"', "<geom", "robot.feet names 'LF_foot': the model has no geom of that name"),
        ("<freejoint/>", "", "robot.base is 'torso': that body has no free joint"),
        ('pos="-0.2 -0.06 0"', 'pos="-0.2 -0.09 0"', "robot: joint 'LH_abduct' has no partner on the other side"),
        ("<worldbody>", '<worldbody><geom type="plane" size="1 1 1"/>', f"{FILE}: it has a ground of its own"),
        ("<worldbody>", f'<worldbody><geom name="{GROUND}" size="1"/>', f"{FILE}: it has a ground of its own"),
        ("</mujoco>", "", f"{FILE}: XML parse error"),
        ("<worldbody>", "<world>", f"{FILE}: XML parse error"),
        ("<actuator>", "<actuators>", f"{FILE}: XML parse error"),
        ("<compiler ", "<compiling ", f"{FILE}: XML Error: Schema violation"),
        ('type="box"', 'type="mesh" mesh="shell"', f"{FILE}: Error: mesh 'shell' not found"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_in_one_line(changed, old, new, complaint):
    robot, ground = changed((old, new))
    with pytest.raises(ValueError, match=r"^[^\n]+$") as error:
        build(robot, ground)
    assert str(error.value).startswith(complaint.format(robot.model))


@pytest.mark.parametrize("text", ["", "a robot", "<html/>"])
def test_a_file_that_is_no_mjcf_is_refused_in_one_line(small, tmp_path, text):
    path = tmp_path / "robot.xml"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"^robot[^\n]+$"):
        build(replace(small, model=str(path)), FLAT)


def test_a_missing_file_is_refused_in_one_line(small):
    with pytest.raises(
        ValueError, match=r"^robot.model is 'no/robot.xml': give the path of an MJCF file, or one of b1z1$"
    ):
        build(replace(small, model="no/robot.xml"), FLAT)
