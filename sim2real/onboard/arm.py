"""The arm's own controller on the robot: see `envs/track/reach.py`, which trained beside the policy.

Written anew on MuJoCo's kinematics, because that one is for thousands of worlds at once and needs JAX; the recorded
ticks of every bundle hold the two together.
"""

import numpy as np
from numpy.typing import NDArray

from ..contract import Contract
from . import rotation
from .model import Body, end_effector, gravity_torque
from .observe import goal_pose
from .words import Memory, Readings


def advance(
    contract: Contract, body: Body, readings: Readings, goal_next: NDArray, memory: Memory
) -> tuple[NDArray, NDArray, NDArray]:
    """Drive targets [K] of the arm for the next tick, rad, then the reference [K] and the integral [K] to keep."""
    arm, dt = contract.arm, contract.control_dt
    assert arm is not None
    place, turn = goal_pose(contract, body, goal_next, float(readings.height))
    turned = arm.foresight * dt * readings.rate * (1.0, 1.0, 0.0)
    tilt = rotation.multiply(rotation.tilt(readings.turn), rotation.from_vector(turned))
    back = rotation.conjugate(tilt)
    place = rotation.rotate(back, place - (0.0, 0.0, dt * float(readings.climb)))
    turn = rotation.multiply(back, turn)

    error = memory.reference - readings.joints[body.arm]
    integral = np.clip(memory.integral + arm.integral * dt * error, -arm.most_integral, arm.most_integral)
    reference = memory.reference
    for _ in range(arm.solves):
        reference = solve(contract, body, reference, place, turn)
    down = rotation.rotate(rotation.conjugate(readings.turn), np.array([0.0, 0.0, -arm.gravity]))
    kp, kd = (np.array(gains)[body.arm] for gains in (contract.kp, contract.kd))
    torque = gravity_torque(body, reference, down) + kd * (reference - memory.reference) / dt
    return reference + torque / kp + integral, reference, integral


def solve(contract: Contract, body: Body, reference: NDArray, place: NDArray, turn: NDArray) -> NDArray:
    """Joint angles [K] one step of damped least squares nearer to a place [3] and rotation [4], base frame, within
    limits. A joint that would go on into its stop is left out."""
    arm = contract.arm
    assert arm is not None
    lower, upper = body.lower[body.arm], body.upper[body.arm]
    weights = np.array([1.0] * 3 + [arm.turning] * 3)
    pose = end_effector(body, reference)
    off = rotation.to_vector(rotation.multiply(turn, rotation.conjugate(pose.turn)))
    error, jacobian = weights * np.concatenate([place - pose.place, off]), weights[:, None] * pose.jacobian
    pull = jacobian.T @ error
    stopped = ((reference <= lower) & (pull < 0)) | ((reference >= upper) & (pull > 0))
    jacobian = np.where(stopped, 0.0, jacobian)
    change = jacobian.T @ np.linalg.solve(jacobian @ jacobian.T + arm.damping**2 * np.eye(6), error)
    return np.clip(reference + np.clip(change, -arm.most_turn, arm.most_turn), lower, upper)
