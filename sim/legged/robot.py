"""A legged robot: its description, and what is read from its model by name.

`RobotConfig` is all that a robot needs besides its MJCF file; the default is a Unitree B1 with a Z1 arm. `read` looks
up everything else in the compiled model, once.
"""

from dataclasses import dataclass
from math import isfinite
from pathlib import Path

import mujoco
import numpy as np
from numpy.typing import NDArray

from .drives import actuators, torque_limit

MODELS = Path(__file__).parent / "models"
LEGS = ("FR", "FL", "RR", "RL")
GAINS = ("leg_kp", "leg_kd", "arm_kp", "arm_kd", "gripper_kp", "gripper_kd")


@dataclass(frozen=True)
class RobotConfig:
    """A robot in the words of its MJCF file. Joints are driven by one actuator each. Raises ValueError, in one line."""

    model: str = "b1z1"
    """A model that Gambol ships (`b1z1`), or the path of an MJCF file."""
    base: str = "trunk"
    """The body with the free joint."""
    leg_joints: tuple[str, ...] = tuple(f"{leg}_{part}" for leg in LEGS for part in ("hip", "thigh", "calf"))
    """Joints of the legs, leg by leg, in the order of actions and observations."""
    arm_joints: tuple[str, ...] = (
        "z1_waist",
        "z1_shoulder",
        "z1_elbow",
        "z1_wrist_angle",
        "z1_forearm_roll",
        "z1_wrist_rotate",
    )
    """Joints of the arm from its base on; none for a robot without one."""
    gripper_joints: tuple[str, ...] = ("z1_gripper",)
    """Joints of the gripper."""
    feet: tuple[str, ...] = tuple(f"{leg}_foot" for leg in LEGS)
    """One geom and one site of the same name per leg, in the order of the legs."""
    bumpers: tuple[str, ...] = ("trunk", *(f"{leg}_{part}" for leg in LEGS for part in ("thigh", "calf")))
    """Geoms that should touch nothing."""
    arm_base: str = "arm_base"
    """Site that the arm stands on; not looked at without an arm."""
    end_effector: str = "ee"
    """Site that is to reach goals; not looked at without an arm."""
    default_pose: tuple[float, ...] = (
        *(-0.2, 0.8, -1.5, 0.2, 0.8, -1.5, -0.2, 0.8, -1.5, 0.2, 0.8, -1.5),
        *(0.0, 1.48, -0.63, -0.84, 0.0, 1.57),
        -0.785,
    )
    """Joint angles that actions are relative to, rad: legs, arm, gripper."""
    leg_kp: float = 150.0
    """Stiffness of the legs' position drives, N m / rad. Published: 80, at which the default pose is not stable."""
    leg_kd: float = 4.5
    """Damping of the legs' drives, N m s / rad. Published: 2."""
    arm_kp: float = 400.0
    """Stiffness of the arm's drives, N m / rad."""
    arm_kd: float = 40.0
    """Damping of the arm's drives, N m s / rad."""
    gripper_kp: float = 5.0
    """Stiffness of the gripper's drives, N m / rad. Published: 400 for tracking, 2 to 5 for picking; a stiffer drive
    squeezes light objects out of the fingers."""
    gripper_kd: float = 2.5
    """Damping of the gripper's drives, N m s / rad. Published: 40 for tracking, 2.5 for picking."""
    leg_action_scale: tuple[float, ...] = (0.4, 0.45, 0.45)
    """Radians per unit of action for the joints of one leg."""
    arm_action_scale: float = 0.3
    """Radians per unit of action of the arm, where the policy drives it."""
    leg_speed: tuple[float, ...] = (19.69, 23.32, 15.55)
    """Largest rate of the joints of one leg, rad/s. Not of the simulation: a robot that exceeds it is stopped."""
    arm_speed: float = 10.0
    """Largest rate of the arm's joints, rad/s, likewise."""
    gripper_speed: float = 10.0
    """Largest rate of the gripper's joints, rad/s, likewise."""
    standing_height: float = 0.52
    """Height of the base over the ground in the default pose, m."""

    def __post_init__(self):
        joints = self.leg_joints + self.arm_joints + self.gripper_joints
        count = len(joints)
        if len(set(joints)) != count:
            raise ValueError("robot: a joint is named twice in leg_joints, arm_joints and gripper_joints")
        if len(self.default_pose) != count:
            raise ValueError(f"robot.default_pose has {len(self.default_pose)} angles: give {count}, one per joint")
        per_leg = len(self.leg_action_scale)
        if not self.feet or len(self.leg_joints) != per_leg * len(self.feet):
            raise ValueError(
                f"robot.leg_joints names {len(self.leg_joints)} joints: with {len(self.feet)} feet and "
                f"{per_leg} leg_action_scale they must be {per_leg * len(self.feet)}"
            )
        if len(self.leg_speed) != per_leg:
            raise ValueError(f"robot.leg_speed has {len(self.leg_speed)} rates: give {per_leg}, as leg_action_scale")
        for name in (*GAINS, "arm_speed", "gripper_speed", "standing_height"):
            value = getattr(self, name)
            if not (value > 0 and isfinite(value)):
                raise ValueError(f"robot.{name} is {value}: it must be a finite number above 0")

    @property
    def joints(self) -> tuple[str, ...]:
        """Every driven joint: legs, arm, gripper."""
        return self.leg_joints + self.arm_joints + self.gripper_joints

    @property
    def gains(self) -> tuple[NDArray, NDArray]:
        """kp and kd of every driven joint [J]."""
        counts = [len(self.leg_joints), len(self.arm_joints), len(self.gripper_joints)]
        return (
            np.repeat([self.leg_kp, self.arm_kp, self.gripper_kp], counts),
            np.repeat([self.leg_kd, self.arm_kd, self.gripper_kd], counts),
        )

    @property
    def speeds(self) -> NDArray:
        """Largest rate of every driven joint [J], rad/s."""
        arm, gripper = len(self.arm_joints), len(self.gripper_joints)
        return np.array([*self.leg_speed * len(self.feet), *[self.arm_speed] * arm, *[self.gripper_speed] * gripper])


@dataclass(frozen=True, eq=False)
class Robot:
    """What a compiled model says of a robot. J joints in the order of `names`: legs, arm, gripper."""

    config: RobotConfig
    names: tuple[str, ...]
    """Of the joints."""
    base: int
    """Id of the base body."""
    qpos: NDArray
    """[J] place of each joint in `qpos`."""
    qvel: NDArray
    """[J] place of each joint in `qvel`."""
    actuator: NDArray
    """[J] actuator that drives each joint."""
    base_qpos: int
    """First of the base's 7 places in `qpos`: position (world, m), then quaternion w-x-y-z."""
    base_qvel: int
    """First of the base's 6 places in `qvel`: linear velocity (world frame, m/s), angular (base frame, rad/s)."""
    default: NDArray
    """[J] rad."""
    lower: NDArray
    """[J] rad; minus infinity for a joint without limits."""
    upper: NDArray
    """[J] rad; infinity for a joint without limits."""
    torque: NDArray
    """[J] largest torque either way, N m."""
    action_scale: NDArray
    """[J] rad per unit of action; 0 for the gripper."""
    mirror: NDArray
    """[J] the joint on the other side of the robot; itself on the middle plane."""
    mirror_sign: NDArray
    """[J] by which the angle of that joint is multiplied, so that the pose is mirrored at the x-z plane."""
    feet: NDArray
    """[F] geoms of the feet."""

    @property
    def legs(self) -> slice:
        """The joints of the legs."""
        return slice(0, len(self.config.leg_joints))

    @property
    def arm(self) -> slice:
        """The joints of the arm."""
        first = len(self.config.leg_joints)
        return slice(first, first + len(self.config.arm_joints))

    @property
    def has_arm(self) -> bool:
        """Whether it can reach for anything."""
        return bool(self.config.arm_joints)


def model_path(config: RobotConfig) -> Path:
    """The MJCF file of a robot. Raises ValueError if there is none."""
    path = MODELS / f"{config.model}.xml" if "/" not in config.model and "." not in config.model else Path(config.model)
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in MODELS.glob("*.xml")))
        raise ValueError(f"robot.model is {config.model!r}: give the path of an MJCF file, or one of {known}")
    return path


def read(model: mujoco.MjModel, config: RobotConfig) -> Robot:
    """Look a robot up in a model. Raises ValueError naming what the model lacks or what does not fit it."""
    names = config.joints
    joint = np.array([find(model, "joint", name, "joints") for name in names])
    base = find(model, "body", config.base, "base")
    free = model.body_jntadr[base]
    if free < 0 or model.jnt_type[free] != mujoco.mjtJoint.mjJNT_FREE:
        raise ValueError(f"robot.base is {config.base!r}: that body has no free joint")
    actuator = actuators(model, joint)
    mirror, sign = mirrored(model, base, joint)
    limited = model.jnt_limited[joint].astype(bool)
    if config.arm_joints:
        find(model, "site", config.arm_base, "arm_base")
        find(model, "site", config.end_effector, "end_effector")
    for bumper in config.bumpers:
        find(model, "geom", bumper, "bumpers")
    for foot in config.feet:
        find(model, "site", foot, "feet")
    robot = Robot(
        config=config,
        names=names,
        base=base,
        qpos=model.jnt_qposadr[joint],
        qvel=model.jnt_dofadr[joint],
        actuator=actuator,
        base_qpos=int(model.jnt_qposadr[free]),
        base_qvel=int(model.jnt_dofadr[free]),
        default=np.array(config.default_pose),
        lower=np.where(limited, model.jnt_range[joint, 0], -np.inf),
        upper=np.where(limited, model.jnt_range[joint, 1], np.inf),
        torque=np.array([torque_limit(model, i, k) for i, k in zip(joint, actuator, strict=True)]),
        action_scale=np.concatenate(
            [
                np.tile(config.leg_action_scale, len(config.feet)),
                np.full(len(config.arm_joints), config.arm_action_scale),
                np.zeros(len(config.gripper_joints)),
            ]
        ),
        mirror=mirror,
        mirror_sign=sign,
        feet=np.array([find(model, "geom", name, "feet") for name in config.feet]),
    )
    check_pose(model, robot)
    return robot


def find(model: mujoco.MjModel, kind: str, name: str, field: str) -> int:
    """Id of a named object. Raises ValueError, saying which field of the robot named it."""
    found = mujoco.mj_name2id(model, getattr(mujoco.mjtObj, f"mjOBJ_{kind.upper()}"), name)
    if found < 0:
        raise ValueError(f"robot.{field} names {name!r}: the model has no {kind} of that name")
    return found


def check_pose(model: mujoco.MjModel, robot: Robot) -> None:
    """Raises ValueError if the default pose is outside the joints' limits, if a foot is not on its leg, or if the feet
    are not where the standing height says."""
    config = robot.config
    outside = (robot.default < robot.lower - 1e-6) | (robot.default > robot.upper + 1e-6)
    for i in np.flatnonzero(outside):
        raise ValueError(
            f"robot.default_pose: {robot.names[i]!r} is {robot.default[i]:g}, "
            f"outside its limits {robot.lower[i]:g} to {robot.upper[i]:g}"
        )
    per_leg = len(config.leg_action_scale)
    for i, foot in enumerate(robot.feet):
        body, last = model.geom_bodyid[foot], config.leg_joints[per_leg * (i + 1) - 1]
        while body and body != model.joint(last).bodyid[0]:
            body = model.body_parentid[body]
        if not body:
            raise ValueError(f"robot.feet: {config.feet[i]!r} is not on the leg of {last!r}: order feet as the legs")
    data = mujoco.MjData(model)
    data.qpos[robot.qpos] = robot.default
    mujoco.mj_kinematics(model, data)
    height = data.xpos[robot.base, 2] - (data.geom_xpos[robot.feet, 2] - model.geom_rbound[robot.feet]).min()
    if abs(height - config.standing_height) > 0.2 * height:
        raise ValueError(
            f"robot.standing_height is {config.standing_height:g}: in the default pose the feet reach {height:.3f} m "
            "below the base"
        )


def mirrored(model: mujoco.MjModel, base: int, joints: NDArray) -> tuple[NDArray, NDArray]:
    """For each joint [J] its partner across the x-z plane of the base, and the sign of the partner's angle.

    Read from the geometry at zero angles: the partner is where the anchor is mirrored to, with a parallel axis
    (mirrored as an axial vector). Raises ValueError for a joint without a partner within 1 mm.
    """
    data = mujoco.MjData(model)
    data.qpos[:] = 0
    data.qpos[model.jnt_qposadr[model.body_jntadr[base]] + 3] = 1
    mujoco.mj_kinematics(model, data)
    anchor, axis = data.xanchor[joints] - data.xpos[base], data.xaxis[joints]
    partners, signs = [], []
    for name, place, direction in zip(joints, anchor * (1, -1, 1), axis * (-1, 1, -1), strict=True):
        along = axis @ direction
        distance = np.where(np.abs(along) > 0.99, np.linalg.norm(anchor - place, axis=1), np.inf)
        if distance.min() > 1e-3:
            raise ValueError(f"robot: joint {model.joint(name).name!r} has no partner on the other side")
        partners.append(distance.argmin())
        signs.append(np.sign(along[partners[-1]]))
    return np.array(partners), np.array(signs)
