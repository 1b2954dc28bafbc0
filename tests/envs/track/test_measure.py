"""What is seen of a state is what MuJoCo says of it."""

from types import SimpleNamespace

import mujoco
import numpy as np
import pytest
from gambol.envs.track.measure import measure
from gambol.sim.legged.physics import Outcome, State
from scipy.spatial.transform import Rotation

WORLDS = 6


@pytest.fixture(scope="module")
def both(env, quick):
    """Random states, as MuJoCo's data (a list) and as seen."""
    world, random = env.world, np.random.default_rng(0)
    model, robot = world.model, world.robot
    qpos, qvel = np.tile(model.qpos0, (WORLDS, 1)), random.normal(size=(WORLDS, model.nv))
    qpos[:, :3] = random.uniform([-1, -1, 1], [1, 1, 3], (WORLDS, 3))
    turns = Rotation.from_euler("xyz", random.uniform(-1, 1, (WORLDS, 3)) * [0.8, 0.8, 3])
    qpos[:, 3:7] = 1.5 * turns.as_quat(scalar_first=True)
    qpos[:, robot.qpos] = robot.default + random.uniform(-0.3, 0.3, (WORLDS, len(robot.names)))
    every = []
    for place, speed in zip(qpos, qvel, strict=True):
        data = mujoco.MjData(model)
        data.qpos, data.qvel, data.ctrl[:] = place, speed, random.normal(size=model.nu)
        mujoco.mj_forward(model, data)
        every.append(data)

    def stacked(name):
        return np.array([getattr(data, name) for data in every], np.float32)

    outcome = Outcome(stacked("sensordata"), stacked("actuator_force"), np.zeros(WORLDS, bool))
    seen = quick(lambda state, outcome: measure(world, env.places, state, outcome))(
        State(qpos.astype(np.float32), qvel.astype(np.float32)), outcome
    )
    return SimpleNamespace(data=every, seen=seen, turns=turns, robot=robot, model=model, config=robot.config)


def heading(turn: Rotation) -> Rotation:
    """The turn about the vertical that is left when roll and pitch are taken away."""
    return Rotation.from_euler("z", turn.as_euler("xyz")[2])


def test_tilt_and_heading_make_up_the_turn_of_the_base(both):
    roll, pitch, _ = both.turns.as_euler("xyz").T
    np.testing.assert_allclose(both.seen.roll, roll, atol=1e-5)
    np.testing.assert_allclose(both.seen.pitch, pitch, atol=1e-5)
    for turn, tilt, gravity in zip(both.turns, both.seen.tilt, both.seen.gravity, strict=True):
        expected = (heading(turn).inv() * turn).as_matrix()
        np.testing.assert_allclose(Rotation.from_quat(tilt, scalar_first=True).as_matrix(), expected, atol=1e-5)
        np.testing.assert_allclose(gravity, turn.inv().apply([0, 0, -1]), atol=1e-5)


def test_velocities_are_those_of_the_base_in_their_frames(both):
    for data, seen, rate, turn in zip(both.data, both.seen.velocity, both.seen.rate, both.turns, strict=True):
        world, local = np.zeros(6), np.zeros(6)
        mujoco.mj_objectVelocity(both.model, data, mujoco.mjtObj.mjOBJ_XBODY, both.robot.base, world, 0)
        mujoco.mj_objectVelocity(both.model, data, mujoco.mjtObj.mjOBJ_XBODY, both.robot.base, local, 1)
        np.testing.assert_allclose(seen, heading(turn).inv().apply(world[3:]), atol=1e-5)
        np.testing.assert_allclose(rate, local[:3], atol=1e-5)
        np.testing.assert_allclose(rate, data.sensor("imu_gyro").data, atol=1e-5)


def test_feet_are_where_their_soles_are(both):
    for i, data in enumerate(both.data):
        np.testing.assert_allclose(both.seen.height[i], data.qpos[2], atol=1e-5)
        for j, foot in enumerate(both.config.feet):
            radius = both.model.geom(foot).size[0]
            np.testing.assert_allclose(both.seen.feet_height[i, j], data.geom(foot).xpos[2] - radius, atol=1e-5)
            velocity = np.zeros(6)
            kind, site = mujoco.mjtObj.mjOBJ_SITE, both.model.site(foot).id
            mujoco.mj_objectVelocity(both.model, data, kind, site, velocity, 0)
            np.testing.assert_allclose(both.seen.feet_velocity[i, j], velocity[3:], atol=1e-4)


def test_joints_and_torques_are_in_the_order_of_the_names(both):
    for i, data in enumerate(both.data):
        for j, name in enumerate(both.robot.names):
            np.testing.assert_allclose(both.seen.joints[i, j], data.joint(name).qpos[0], atol=1e-6)
            np.testing.assert_allclose(both.seen.joint_rates[i, j], data.joint(name).qvel[0], atol=1e-6)
            np.testing.assert_allclose(both.seen.torque[i, j], data.joint(name).qfrc_actuator[0], rtol=1e-5)


def test_the_end_effector_is_seen_from_the_heading_frame(both):
    for data, place, turn, base in zip(both.data, both.seen.ee_place, both.seen.ee_turn, both.turns, strict=True):
        site, back = data.site(both.config.end_effector), heading(base).inv()
        np.testing.assert_allclose(place, back.apply(site.xpos - data.qpos[:3]), atol=1e-5)
        expected = back.as_matrix() @ site.xmat.reshape(3, 3)
        np.testing.assert_allclose(Rotation.from_quat(turn, scalar_first=True).as_matrix(), expected, atol=1e-5)
