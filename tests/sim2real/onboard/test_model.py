"""MuJoCo's kinematics on the robot against those of the simulation, which are written in JAX."""

import jax.numpy as jnp
import mujoco
import numpy as np
import pytest
from gambol.envs.track.config import TrackConfig
from gambol.sim.legged import arm as arms
from gambol.sim.legged import rotation as batch
from gambol.sim.legged.terrain import TerrainConfig
from gambol.sim.legged.world import build
from gambol.sim2real.onboard import estimate, model, rotation


@pytest.fixture(scope="module")
def body(walker):
    return model.read(walker.files["robot.xml"], walker.contract)


@pytest.fixture(scope="module")
def world():
    return build(TrackConfig().robot, TerrainConfig())


def test_the_end_effector(body, world):
    chain = arms.read(world.model, world.robot)
    draw = np.random.default_rng(0)
    angles = draw.uniform(chain.lower, chain.upper, (20, 6))
    pose = arms.pose(chain, jnp.asarray(angles, jnp.float32))
    for i, own in enumerate(angles):
        found = model.end_effector(body, own)
        place = body.arm_place + rotation.rotate(body.arm_turn, np.asarray(pose.position[i], float))
        np.testing.assert_allclose(found.place, place, atol=2e-6)
        turn = rotation.multiply(body.arm_turn, np.asarray(pose.rotation[i], float))
        assert abs(found.turn @ turn) == pytest.approx(1, abs=1e-6)
        turned = np.array([rotation.rotate(body.arm_turn, row) for row in np.asarray(pose.jacobian[i][:3].T, float)]).T
        np.testing.assert_allclose(found.jacobian[:3], turned, atol=2e-6)


def test_the_torque_of_gravity(body, world):
    chain = arms.read(world.model, world.robot)
    draw = np.random.default_rng(1)
    angles, down = draw.uniform(chain.lower, chain.upper, (20, 6)), draw.normal(size=(20, 3))
    back = batch.conjugate(jnp.asarray(body.arm_turn, jnp.float32))
    wanted = arms.gravity_torque(chain, jnp.asarray(angles, jnp.float32), batch.rotate(back, jnp.asarray(down)))
    for i, own in enumerate(angles):
        np.testing.assert_allclose(model.gravity_torque(body, own, down[i]), wanted[i], atol=1e-4)


@pytest.mark.parametrize("tilt", [(0, 0), (0.2, -0.1), (-0.3, 0.25)])
def test_height_and_climb_of_a_robot_that_moves_over_feet_that_stand(body, walker, tilt):
    """The base is placed and moved; joint rates are those that keep all four feet where they are."""
    own, data = body.model, mujoco.MjData(body.model)
    contract = walker.contract
    data.qpos[body.base_qpos : body.base_qpos + 7] = [0.3, -0.2, 0.5, *rotation.from_euler(*tilt, 0.7)]
    data.qpos[body.qpos] = np.array(contract.default_joint_pos) + np.random.default_rng(2).uniform(-0.1, 0.1, 19)
    mujoco.mj_forward(own, data)
    jacobian = np.zeros((4, 3, own.nv))
    for rows, site in zip(jacobian, body.feet, strict=True):
        mujoco.mj_jacSite(own, data, rows, None, site)
    flat = jacobian.reshape(12, -1)
    base = np.array([0.1, -0.2, 0.3, 0.4, -0.3, 0.2])
    legs = body.qvel[:12]
    data.qvel[:6] = base
    data.qvel[legs] = np.linalg.solve(flat[:, legs], -flat[:, :6] @ base)
    lowest = data.site_xpos[body.feet][:, 2] - body.radius
    for foot in range(4):
        force = np.zeros(4)
        force[foot] = 100.0
        height, climb, speed = estimate.base_motion(
            body, data.qpos[3:7], data.qvel[3:6], data.qpos[body.qpos], data.qvel[body.qvel], force
        )
        assert height == pytest.approx(0.5 - lowest[foot], abs=1e-9)  # that foot is on the ground
        assert climb == pytest.approx(0.3, abs=1e-9) and speed == pytest.approx(np.hypot(0.1, 0.2), abs=1e-9)


def test_in_the_air_the_lowest_foot_counts(body, walker):
    joints, still = np.array(walker.contract.default_joint_pos), np.zeros(19)
    upright = np.array([1.0, 0, 0, 0])
    height, climb, speed = estimate.base_motion(body, upright, np.zeros(3), joints, still, np.zeros(4))
    assert height == pytest.approx(walker.contract.robot.standing_height, abs=0.01) and climb == speed == 0


def test_what_the_model_lacks_is_named(walker):
    xml = walker.files["robot.xml"]
    with pytest.raises(ValueError, match=r"robot.xml has no joint named 'FR_hip'"):
        model.read(xml.replace(b"FR_hip", b"FR_hop"), walker.contract)
    with pytest.raises(ValueError, match=r"robot.xml is not a model that MuJoCo takes"):
        model.read(b"<mujoco", walker.contract)
