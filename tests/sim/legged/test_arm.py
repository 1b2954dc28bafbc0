"""The kinematics of the arm against MuJoCo's."""

from dataclasses import replace
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest
from gambol.sim.legged import arm as arms
from scipy.spatial.transform import Rotation

WORLDS, JOINTS = 16, 6
QUICK = {"xla_backend_optimization_level": 0}
"""Compiles in half the time."""


@pytest.fixture(scope="module")
def both(b1z1):
    """The arm at random angles on a base that stands anyhow, as MuJoCo has it and as we have it: [W, ...] each."""
    model, robot = b1z1.model, b1z1.robot
    random = np.random.default_rng(0)
    angles = random.uniform(robot.lower[robot.arm], robot.upper[robot.arm], (WORLDS, JOINTS))
    base = model.site(robot.config.arm_base).id
    tip = model.site(robot.config.end_effector).id
    dofs = robot.qvel[robot.arm]
    data = mujoco.MjData(model)
    theirs: dict[str, list] = {"position": [], "turn": [], "jacobian": [], "load": [], "gravity": []}
    for own in angles:
        data.qpos[robot.qpos] = robot.default
        data.qpos[robot.qpos[robot.arm]] = own
        data.qpos[:7] = *random.normal(size=3), *Rotation.random(rng=random).as_quat(scalar_first=True)
        mujoco.mj_forward(model, data)
        frame = Rotation.from_matrix(data.site_xmat[base].reshape(3, 3))
        rows = np.zeros((2, 3, model.nv))
        mujoco.mj_jacSite(model, data, rows[0], rows[1], tip)
        theirs["position"].append(frame.inv().apply(data.site_xpos[tip] - data.site_xpos[base]))
        theirs["turn"].append((frame.inv() * Rotation.from_matrix(data.site_xmat[tip].reshape(3, 3))).as_matrix())
        theirs["jacobian"].append(np.concatenate([frame.inv().as_matrix() @ part[:, dofs] for part in rows]))
        theirs["load"].append(data.qfrc_bias[dofs].copy())
        theirs["gravity"].append(frame.inv().apply(model.opt.gravity))
    expected = SimpleNamespace(**{name: np.array(values) for name, values in theirs.items()})
    arm = arms.read(model, robot)

    def compute(angles, gravity):
        return arms.pose(arm, angles), arms.gravity_torque(arm, angles, gravity)

    pose, load = jax.jit(compute, compiler_options=QUICK)(
        angles.astype(np.float32), expected.gravity.astype(np.float32)
    )
    return expected, pose, load


def test_the_end_effector_is_where_mujoco_has_it(both):
    expected, pose, _ = both
    np.testing.assert_allclose(pose.position, expected.position, atol=2e-6)
    turn = Rotation.from_quat(pose.rotation, scalar_first=True).as_matrix()
    np.testing.assert_allclose(turn, expected.turn, atol=5e-6)


def test_it_moves_with_the_joints_as_mujoco_says(both):
    expected, pose, _ = both
    np.testing.assert_allclose(pose.jacobian, expected.jacobian, atol=5e-6)


def test_gravity_asks_of_the_joints_what_mujoco_says(both):
    """The gripper at its default, whatever way down is."""
    expected, _, load = both
    assert np.abs(expected.load).max() > 5
    np.testing.assert_allclose(load, expected.load, atol=1e-4)


def test_an_arm_that_is_no_chain_is_refused(b1z1):
    config = b1z1.robot.config
    for joints in (config.arm_joints[::-1], ("FR_hip", *config.arm_joints[1:])):
        robot = replace(b1z1.robot, config=replace(config, arm_joints=joints, leg_joints=chosen(config, joints)))
        with pytest.raises(ValueError, match=r"^robot\.arm_joints must be hinges at the origins of a chain of bodies"):
            arms.read(b1z1.model, robot)


def chosen(config, arm: tuple[str, ...]) -> tuple[str, ...]:
    """The legs' joints, with the arm's first one in the place of a joint that went to the arm."""
    return tuple(config.arm_joints[0] if name in arm else name for name in config.leg_joints)


def test_a_whole_subtree_is_found(b1z1):
    model = b1z1.model
    names = {model.body(body).name for body in arms.subtree(model, model.body("z1_link05").id)}
    assert names == {"z1_link05", "z1_link06", "z1_mover"}


@pytest.mark.parametrize("size", [1, 6])
def test_equations_are_solved_as_numpy_solves_them(size):
    random = np.random.default_rng(size)
    root, right = random.normal(size=(50, size, size)), random.normal(size=(50, size))
    matrix = root @ root.transpose(0, 2, 1) + 0.1 * np.eye(size)
    ours = jax.jit(arms.solve, compiler_options=QUICK)(jnp.float32(matrix), jnp.float32(right))
    np.testing.assert_allclose(ours, np.linalg.solve(matrix, right[..., None])[..., 0], rtol=2e-3, atol=2e-4)


def test_damped_steps_are_the_least_squares_of_error_and_step(both):
    """As the regularised problem that they solve: |J x - error|^2 + damping^2 |x|^2 at its least."""
    jacobian, damped = both[0].jacobian, jax.jit(arms.damped, compiler_options=QUICK)
    error = np.random.default_rng(1).normal(size=(WORLDS, 6)) * 0.1
    for damping in (0.01, 0.05, 0.5):
        ours = np.asarray(damped(jnp.float32(jacobian), jnp.float32(error), damping))
        for own, block, off in zip(ours, jacobian, error, strict=True):
            stacked = np.concatenate([block, damping * np.eye(JOINTS)])
            expected = np.linalg.lstsq(stacked, np.concatenate([off, np.zeros(JOINTS)]), rcond=None)[0]
            np.testing.assert_allclose(own, expected, rtol=0.01, atol=0.01 * np.abs(expected).max())
