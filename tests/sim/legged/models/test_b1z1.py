"""The B1 with its Z1 arm against the published figures: masses, limits, geometry; and a gripper that holds things."""

import mujoco
import numpy as np
import pytest
from gambol.sim.legged import terrain
from gambol.sim.legged.robot import LEGS, RobotConfig
from gambol.sim.legged.terrain import TerrainConfig
from gambol.sim.legged.world import assemble

LIMITS = {
    "hip": (-0.75, 0.75, 91.0035),
    "thigh": (-1.0, 3.5, 93.33),
    "calf": (-2.6, -0.6, 140.0),
    "z1_waist": (-2.61799388, 2.61799388, 30.0),
    "z1_shoulder": (0.0, 3.14159265, 60.0),
    "z1_elbow": (-4.78220215, 0.0, 30.0),
    "z1_wrist_angle": (-1.74532925, 1.57079633, 30.0),
    "z1_forearm_roll": (-1.72787596, 1.72787596, 30.0),
    "z1_wrist_rotate": (-2.7925268, 2.7925268, 30.0),
    "z1_gripper": (-1.57079633, 0.0, 30.0),
}
"""Published: lower and upper limit, rad, and effort, N m."""
TRUNK = (25.0, (0.008987, 0.002243, 0.003013), (0.183142146, 0.756327752, 0.783777558))
IMU = (0.001, (0, 0, 0), (1e-4, 1e-6, 1e-4))
Z1_BASE = (0.47247481, (-0.00334984 + 0.3, -0.00013615, 0.02495843 + 0.09), (0.00037937, 0.00053066, 0.00041521))
CALF = (0.857, (0.005237, 0, -0.202805), (0.015011003, 0.015159462, 0.000375749))
FOOT = (0.05, (0, 0, -0.35), (3.2e-5, 3.2e-5, 3.2e-5))
"""Published links that are fused with another here: mass, kg; centre of mass in the body, m; inertia about the body's
x, y and z, kg m^2 (that of the arm's base is published in a frame turned by 90 degrees about x)."""
ALONE = {
    "hip": 2.1,
    "thigh": 3.934,
    "z1_link01": 0.67332551,
    "z1_link02": 1.19132258,
    "z1_link03": 0.83940874,
    "z1_link04": 0.56404563,
    "z1_link05": 0.38938492,
    "z1_link06": 0.28875807 + 0.52603655 + 0.001,
    "z1_mover": 0.27621302,
}
"""Published mass of the other links, kg; the last of the arm with the fixed finger and the end effector's frame."""
HIGH = {"z1_elbow": -1.5, "z1_wrist_angle": 0.0, "z1_gripper": -1.57}
"""What the published pose for picking changes in the default pose."""


def angles(robot, **changed):
    """The default pose with some angles changed."""
    pose = robot.default.copy()
    for name, angle in changed.items():
        pose[robot.names.index(name)] = angle
    return pose


def from_base(world, data, site):
    """Place of a site in the frame of the base."""
    base = world.robot.base
    return data.xmat[base].reshape(3, 3).T @ (data.site(site).xpos - data.xpos[base])


def test_masses_are_the_published_ones(b1z1):
    model = b1z1.model
    for leg in LEGS:
        assert model.body(f"{leg}_calf").mass[0] == pytest.approx(CALF[0] + FOOT[0])
        for part in ("hip", "thigh"):
            assert model.body(f"{leg}_{part}").mass[0] == pytest.approx(ALONE[part])
    for body in ALONE:
        if body.startswith("z1"):
            assert model.body(body).mass[0] == pytest.approx(ALONE[body], rel=1e-6)
    assert model.body("trunk").mass[0] == pytest.approx(TRUNK[0] + IMU[0] + Z1_BASE[0])
    assert model.body_mass.sum() == pytest.approx(57.987, abs=5e-4)


@pytest.mark.parametrize(("body", "links"), [("trunk", (TRUNK, IMU, Z1_BASE)), ("FL_calf", (CALF, FOOT))])
def test_fused_bodies_have_the_centre_and_inertia_of_their_links(b1z1, body, links):
    mass, centre, inertia = (np.array(column) for column in zip(*links, strict=True))
    middle = mass @ centre / mass.sum()
    lever = centre - middle
    steiner = mass[:, None] * ((lever**2).sum(1, keepdims=True) - lever**2)
    fused, frame = b1z1.model.body(body), np.zeros(9)
    mujoco.mju_quat2Mat(frame, fused.iquat)
    frame = frame.reshape(3, 3)
    np.testing.assert_allclose(fused.ipos, middle, atol=1e-7)
    np.testing.assert_allclose(np.diag(frame @ np.diag(fused.inertia) @ frame.T), (inertia + steiner).sum(0), atol=1e-6)


def test_limits_and_efforts_are_the_published_ones(b1z1):
    robot = b1z1.robot
    for i, name in enumerate(robot.names):
        lower, upper, effort = LIMITS[name if name.startswith("z1") else name[3:]]
        assert (robot.lower[i], robot.upper[i], robot.torque[i]) == pytest.approx((lower, upper, effort))
        forces = b1z1.model.actuator_forcerange[robot.actuator[i]]
        assert forces == pytest.approx((-effort, effort))


@pytest.mark.parametrize(
    ("changed", "place"), [({}, (0.760, 0, 0.413)), (HIGH, (0.3 + 0.49, 0, 0.09 + 0.52))], ids=["tracking", "picking"]
)
def test_published_poses_put_the_end_effector_where_published(b1z1, placed, changed, place):
    data = placed(b1z1, angles(b1z1.robot, **changed))
    np.testing.assert_allclose(from_base(b1z1, data, "ee"), place, atol=6e-3 if changed else 5e-4)
    np.testing.assert_allclose(from_base(b1z1, data, "arm_base"), (0.3, 0, 0.09), atol=1e-12)
    assert data.ncon == 0, "the robot touches itself"


def test_feet_are_where_measured_in_the_default_pose(b1z1, placed):
    data = placed(b1z1)
    for leg, x, y in (("FR", 0.320, -0.298), ("FL", 0.320, 0.298), ("RR", -0.371, -0.298), ("RL", -0.371, 0.298)):
        np.testing.assert_allclose(from_base(b1z1, data, f"{leg}_foot"), (x, y, -0.476), atol=5e-4)
        np.testing.assert_allclose(data.geom(f"{leg}_foot").xpos, data.site(f"{leg}_foot").xpos, atol=1e-12)
        assert b1z1.model.geom(f"{leg}_foot").size[0] == 0.04


def test_the_stretched_arm_reaches_as_far_as_its_links(b1z1, placed):
    robot, reach = b1z1.robot, 0.0
    data = placed(b1z1)
    elbow, wrist = (robot.names.index(name) for name in ("z1_elbow", "z1_wrist_angle"))
    for a in np.linspace(robot.lower[elbow], robot.upper[elbow], 80):
        for b in np.linspace(robot.lower[wrist], robot.upper[wrist], 40):
            data.qpos[robot.qpos[[elbow, wrist]]] = a, b
            mujoco.mj_kinematics(b1z1.model, data)
            reach = max(reach, np.linalg.norm(data.site("ee").xpos - data.joint("z1_shoulder").xanchor))
    links = 0.35 + np.hypot(0.218, 0.057) + (0.07 + 0.0492 + 0.051 + 0.135)
    assert links == pytest.approx(0.88, abs=5e-3)
    assert links - 2e-3 < reach <= links + 1e-9


def test_armature_and_damping_are_those_of_the_page(b1z1):
    robot, model = b1z1.robot, b1z1.model
    np.testing.assert_allclose(model.dof_armature[robot.qvel], [0.02] * 12 + [0.1] * 6 + [0.01])
    np.testing.assert_allclose(model.dof_damping[robot.qvel], [1.0] * 13 + [2.0] + [1.0] * 5)
    assert not model.dof_frictionloss.any()


def test_cameras_sites_and_sensors_exist_by_name(b1z1):
    model = b1z1.model
    for name in ("front", "wrist"):
        assert model.camera(name).fovy[0] == pytest.approx(42.27)
    np.testing.assert_allclose(model.camera("front").pos, (0.425, 0.04, 0.12))
    assert model.body(model.camera("wrist").bodyid[0]).name == "z1_link06"
    for name in ("imu", "arm_base", "ee", *(f"{leg}_foot" for leg in LEGS)):
        assert model.site(name).name == name
    assert model.sensor("imu_gyro").dim[0] == 3


def test_cameras_look_ahead(b1z1, placed):
    data = placed(b1z1)
    for name in ("front", "wrist"):
        ahead = -data.camera(name).xmat.reshape(3, 3)[:, 2]
        to_fingers = data.site("ee").xpos - data.camera(name).xpos
        assert ahead @ to_fingers > 0.5 * np.linalg.norm(to_fingers)


FINGERS = [(f"z1_mover_{a}", f"z1_stator_{b}") for a in ("back", "bend", "tip") for b in ("back", "bend", "tip")]


def gap(world, data, angle):
    """Smallest distance of the fingers, m, at an angle of the gripper, rad."""
    data.joint("z1_gripper").qpos = angle
    mujoco.mj_kinematics(world.model, data)
    pairs = [[world.model.geom(name).id for name in pair] for pair in FINGERS]
    return min(mujoco.mj_geomDistance(world.model, data, *pair, 1.0, np.zeros(6)) for pair in pairs)


def test_fingers_meet_without_overlap_and_open_wide(b1z1, placed):
    data = placed(b1z1)
    assert 0 < gap(b1z1, data, 0.0) < 2e-3
    data.joint("z1_gripper").qpos = -1.5707
    mujoco.mj_kinematics(b1z1.model, data)
    tips = [b1z1.model.geom(f"z1_{finger}_tip").id for finger in ("mover", "stator")]
    assert mujoco.mj_geomDistance(b1z1.model, data, *tips, 1.0, np.zeros(6)) > 0.09


@pytest.fixture(scope="module")
def hanging():
    """The robot without its free joint and without gravity; a cube of a size (m) between its open fingers, on the fixed
    one; the wrist turned by some angle (rad)."""

    def make(size: float, roll: float):
        spec = assemble(RobotConfig(), terrain.make(TerrainConfig()))
        spec.delete(spec.joint("base"))
        spec.body("trunk").pos = 0, 0, 2
        pose = dict(zip(RobotConfig().joints, RobotConfig().default_pose, strict=True))
        pose |= HIGH | {"z1_wrist_rotate": roll, "z1_gripper": -1.0}
        body = spec.worldbody.add_body(name="cube")
        body.add_freejoint(name="cube")
        body.add_geom(type=mujoco.mjtGeom.mjGEOM_BOX, size=[size / 2] * 3, mass=0.1)
        spec.option.gravity = 0, 0, 0
        model = spec.compile()
        data = mujoco.MjData(model)
        for name, angle in pose.items():
            data.joint(name).qpos = data.actuator(name).ctrl = angle
        mujoco.mj_kinematics(model, data)
        turn = data.site("ee").xmat.reshape(3, 3)
        place = data.site("ee").xpos + turn @ (0, 0, size / 2 - 0.01)
        quat = np.zeros(4)
        mujoco.mju_mat2Quat(quat, data.site("ee").xmat)
        data.joint("cube").qpos = (*place, *quat)
        return model, data

    return make


def walking(options):
    """The solver's settings in the file."""


def carrying(options):
    """Those that docs/robots.md names for tasks that carry things."""
    options.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    options.impratio, options.iterations, options.ls_iterations = 10, 20, 50


@pytest.mark.parametrize("size", [0.04, 0.05, 0.06])
@pytest.mark.parametrize("roll", [0.0, 1.57], ids=["above", "beside"])
@pytest.mark.parametrize(("solver", "creep"), [(walking, 0.015), (carrying, 0.003)])
def test_the_gripper_holds_a_cube_against_gravity(hanging, size, roll, solver, creep):
    model, data = hanging(size, roll)
    solver(model.opt)
    data.ctrl[model.actuator("z1_gripper").id] = 0
    mujoco.mj_step(model, data, 300)
    cube, fingers = data.body("cube"), data.site("ee")
    held = fingers.xmat.reshape(3, 3).T @ (cube.xpos - fingers.xpos)
    model.opt.gravity[:] = 0, 0, -9.81
    mujoco.mj_step(model, data, 400)
    moved = fingers.xmat.reshape(3, 3).T @ (cube.xpos - fingers.xpos) - held
    assert np.linalg.norm(moved) < creep, "slipped in 2 s"
    assert 1 < data.actuator("z1_gripper").force[0] < 5
    assert all(contact.dist > -2e-3 for contact in data.contact), "the fingers are in the cube"


def test_an_open_gripper_lets_the_cube_fall(hanging):
    model, data = hanging(0.05, 1.57)
    model.opt.gravity[:] = 0, 0, -9.81
    mujoco.mj_step(model, data, 100)
    assert data.body("cube").xpos[2] < data.site("ee").xpos[2] - 0.5
