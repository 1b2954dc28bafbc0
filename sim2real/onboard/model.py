"""The robot's own model of itself: kinematics and gravity from the MJCF of the bundle, by MuJoCo.

The base stands at the origin of the world of this model, so that places are from the base.
"""

from dataclasses import dataclass
from typing import NamedTuple

import mujoco
import numpy as np
from numpy.typing import NDArray

from ..contract import Contract


class Pose(NamedTuple):
    """Of the end effector."""

    place: NDArray
    """[3] m."""
    turn: NDArray
    """[4]"""
    jacobian: NDArray
    """[6, K] of place and rotation in the arm's joints."""


@dataclass(frozen=True, eq=False)
class Body:
    """A model and the places of things in it."""

    model: mujoco.MjModel
    data: mujoco.MjData
    qpos: NDArray
    """[J] of each joint of the contract."""
    qvel: NDArray
    """[J]"""
    base_qpos: int
    base_qvel: int
    feet: list[int]
    """Sites."""
    radius: NDArray
    """[F] from the site of a foot to its sole, m."""
    arm: NDArray
    """[K] joints of the arm, among those of the contract; none without one."""
    arm_base: int
    """Site; -1 without an arm."""
    end_effector: int
    """Site; -1 without an arm."""
    default: NDArray
    """[J] rad."""
    lower: NDArray
    """[J] least angles, as the contract has them: the model's file has but six digits."""
    upper: NDArray
    """[J]"""

    @property
    def arm_place(self) -> NDArray:
        """[3] of the arm's base from the base, m."""
        return self.model.site_pos[self.arm_base]

    @property
    def arm_turn(self) -> NDArray:
        """[4] of the arm's base in the base."""
        return self.model.site_quat[self.arm_base]


def read(xml: bytes, contract: Contract) -> Body:
    """The body of a contract's robot. Raises ValueError, naming it, for what the model lacks."""
    robot, arm = contract.robot, contract.arm
    if robot is None:
        raise ValueError(f"policy {contract.policy_name} is not for a robot")
    try:
        model = mujoco.MjModel.from_xml_string(xml.decode())
    except (ValueError, UnicodeDecodeError) as error:
        raise ValueError(f"{robot.mjcf} is not a model that MuJoCo takes: {' '.join(str(error).split())}") from None

    def find(kind: str, name: str) -> int:
        found = mujoco.mj_name2id(model, getattr(mujoco.mjtObj, f"mjOBJ_{kind.upper()}"), name)
        if found < 0:
            raise ValueError(f"{robot.mjcf} has no {kind} named {name!r}")
        return found

    joints = [find("joint", name) for name in contract.joint_names]
    base = find("body", robot.base)
    free = model.body_jntadr[base]
    if free < 0 or model.jnt_type[free] != mujoco.mjtJoint.mjJNT_FREE:
        raise ValueError(f"{robot.mjcf}: body {robot.base!r} has no free joint")
    index = contract.index
    return Body(
        model=model,
        data=mujoco.MjData(model),
        qpos=model.jnt_qposadr[joints],
        qvel=model.jnt_dofadr[joints],
        base_qpos=int(model.jnt_qposadr[free]),
        base_qvel=int(model.jnt_dofadr[free]),
        feet=[find("site", name) for name in robot.feet],
        radius=np.array([model.geom_rbound[find("geom", name)] for name in robot.feet]),
        arm=np.array([index[name] for name in arm.joint_names] if arm else [], int),
        arm_base=find("site", arm.base) if arm else -1,
        end_effector=find("site", arm.end_effector) if arm else -1,
        default=np.array(contract.default_joint_pos),
        lower=np.array(contract.joint_pos_limits)[:, 0],
        upper=np.array(contract.joint_pos_limits)[:, 1],
    )


def end_effector(body: Body, angles: NDArray) -> Pose:
    """Of the arm's joints at `angles` [K], in the base frame."""
    _place(body, angles)
    model, data, site = body.model, body.data, body.end_effector
    mujoco.mj_comPos(model, data)
    jacobian, turn = np.zeros((6, model.nv)), np.zeros(4)
    mujoco.mj_jacSite(model, data, jacobian[:3], jacobian[3:], site)
    mujoco.mju_mat2Quat(turn, data.site_xmat[site])
    return Pose(data.site_xpos[site].copy(), turn, jacobian[:, body.qvel[body.arm]])


def gravity_torque(body: Body, angles: NDArray, gravity: NDArray) -> NDArray:
    """[K] N m that hold the arm still at `angles` [K]; `gravity` [3] m/s^2 in the base frame."""
    _place(body, angles)
    model, data, torque = body.model, body.data, np.zeros(body.model.nv)
    model.opt.gravity[:] = gravity
    mujoco.mj_comPos(model, data)
    mujoco.mj_comVel(model, data)
    mujoco.mj_rne(model, data, 0, torque)
    return torque[body.qvel[body.arm]]


def soles(body: Body, joints: NDArray, joint_rates: NDArray) -> tuple[NDArray, NDArray]:
    """Places [F, 3] (m) and velocities [F, 3] (m/s) of the feet's sites from the base, base frame, as the joints alone
    have them."""
    model, data = body.model, body.data
    _at_origin(body)
    data.qpos[body.qpos] = joints
    mujoco.mj_kinematics(model, data)
    mujoco.mj_comPos(model, data)
    places, speeds, jacobian = [], [], np.zeros((3, model.nv))
    for site in body.feet:
        mujoco.mj_jacSite(model, data, jacobian, None, site)
        places.append(data.site_xpos[site].copy())
        speeds.append(jacobian[:, body.qvel] @ joint_rates)
    return np.array(places), np.array(speeds)


def _place(body: Body, angles: NDArray) -> None:
    """The base at the origin, the arm at its angles, all else at its default."""
    _at_origin(body)
    body.data.qpos[body.qpos] = body.default
    body.data.qpos[body.qpos[body.arm]] = angles
    mujoco.mj_kinematics(body.model, body.data)


def _at_origin(body: Body) -> None:
    body.data.qpos[body.base_qpos : body.base_qpos + 7] = [0, 0, 0, 1, 0, 0, 0]
    body.data.qvel[:] = 0
