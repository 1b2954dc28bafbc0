"""The drives of a robot: one actuator per joint, made a position drive that keeps the torque limit of its file."""

from collections.abc import Sequence

import mujoco
import numpy as np
from numpy.typing import NDArray

ON_JOINT = (mujoco.mjtTrn.mjTRN_JOINT, mujoco.mjtTrn.mjTRN_JOINTINPARENT)


def actuators(model: mujoco.MjModel, joints: NDArray) -> NDArray:
    """The actuator of each joint [J]. Raises ValueError for a joint that is no hinge or slide, or that has not exactly
    one actuator."""
    on_joint = np.isin(model.actuator_trntype, ON_JOINT)
    found = []
    for joint in joints:
        name = model.joint(joint).name
        if int(model.jnt_type[joint]) not in (mujoco.mjtJoint.mjJNT_HINGE, mujoco.mjtJoint.mjJNT_SLIDE):
            raise ValueError(f"robot.joints names {name!r}: it must be a hinge or a slide")
        here = np.flatnonzero(on_joint & (model.actuator_trnid[:, 0] == joint))
        if len(here) == 0:
            raise ValueError(f"robot.joints: no actuator drives {name!r} in the model")
        if len(here) > 1:
            raise ValueError(f"robot.joints: {len(here)} actuators drive {name!r} in the model: leave it one")
        found.append(here[0])
    return np.array(found)


def torque_limit(model: mujoco.MjModel, joint: int, actuator: int) -> float:
    """Largest torque at a joint either way, N m: the least that the model says anywhere.

    It may say so by the actuator's `forcerange`, the joint's `actuatorfrcrange`, or the `ctrlrange` of a plain motor.
    Raises ValueError if it does not.
    """
    gear = abs(model.actuator_gear[actuator, 0])
    shape = (model.actuator_gaintype, model.actuator_biastype, model.actuator_dyntype)
    motor = not any(kind[actuator] for kind in shape)
    limits = []
    if model.actuator_forcelimited[actuator]:
        limits.append(gear * model.actuator_forcerange[actuator])
    if model.jnt_actfrclimited[joint]:
        limits.append(model.jnt_actfrcrange[joint])
    if motor and model.actuator_ctrllimited[actuator]:
        limits.append(gear * model.actuator_gainprm[actuator, 0] * model.actuator_ctrlrange[actuator])
    least = float(np.abs(limits).min()) if limits else 0.0
    if least == 0:
        name = model.joint(joint).name
        raise ValueError(f'robot.joints: no torque limit for {name!r}: give its actuator a forcerange, like "-30 30"')
    return least


def drive(spec: mujoco.MjSpec, joints: Sequence[str], gains: tuple[NDArray, NDArray], torque: NDArray) -> None:
    """Make the actuators of joints [J] position drives: torque kp (u - q) - kd dq/dt, up to `torque` [J], N m.

    Nothing else is left of what they were: no gear, no limit of the target u.
    """
    by_joint = {actuator.target: actuator for actuator in spec.actuators if actuator.trntype in ON_JOINT}
    for name, kp, kd, limit in zip(joints, *gains, torque, strict=True):
        actuator = by_joint[name]
        actuator.set_to_position(kp=float(kp), kv=float(kd))
        actuator.trntype = mujoco.mjtTrn.mjTRN_JOINT
        actuator.gear = [1, 0, 0, 0, 0, 0]
        actuator.ctrllimited = mujoco.mjtLimited.mjLIMITED_FALSE
        actuator.forcelimited = mujoco.mjtLimited.mjLIMITED_TRUE
        actuator.forcerange = [-limit, limit]
