"""Settings of whole-body tracking, checked when they are made. Published values: VBC (Liu et al. 2024), its code."""

from dataclasses import dataclass, field, fields
from math import inf, isfinite, pi
from typing import Literal, get_args, get_origin, get_type_hints

from ...sim.legged.robot import RobotConfig
from ...sim.legged.terrain import TerrainConfig

Range = tuple[float, float]
"""Lowest and highest value of a uniform draw."""


@dataclass(frozen=True)
class CommandConfig:
    """Where the base is told to go, in its own heading."""

    forward: Range = (-0.8, 0.8)
    """m/s."""
    yaw: Range = (-1.0, 1.0)
    """rad/s."""
    period: float = 3.0
    """Seconds between two draws."""
    least_forward: float = 0.2
    """A command is zero unless it is faster than this, m/s, ..."""
    least_yaw: float = 0.5
    """... or turns faster than this, rad/s."""
    standing: float = 0.1
    """Share of draws that are zero besides."""
    acceleration: float = 2.0
    """The forward speed moves to its draw this fast, m/s^2, as a rider's stick or a planner would have it; 0: at
    once."""
    yaw_acceleration: float = 4.0
    """And the turning rate, rad/s^2."""


@dataclass(frozen=True)
class GoalConfig:
    """Where the end effector is told to go: from pose to pose on paths that are straight in spherical coordinates.

    The sphere stands over the arm's base, at a fixed height over the ground, and turns with the heading of the robot
    but not with its tilt.
    """

    height: float = 0.7
    """Of the centre over the ground, m."""
    radius: Range = (0.4, 0.95)
    """m."""
    pitch: Range = (-0.4 * pi, pi / 3)
    """Elevation, rad; up is positive."""
    yaw: Range = (-1.2, 1.2)
    """rad."""
    turn: float = 0.5
    """Largest roll, pitch and yaw away from pointing outward, rad."""
    lift: float = 0.38
    """Pitch by which the gripper looks up from pointing outward, rad."""
    roll: float = pi / 2
    """Of the gripper about where it points, rad."""
    travel: Range = (1.0, 3.0)
    """Seconds from pose to pose."""
    hold: Range = (0.5, 2.0)
    """Seconds at a pose."""
    body: tuple[float, ...] = (-0.8, 0.1, -0.2, 0.2, -0.7, -0.05)
    """Box around the centre that paths keep out of: x from, to, y from, to, z from, to, m."""
    floor: float = -0.7
    """Paths stay over this, m from the centre."""


@dataclass(frozen=True)
class GaitConfig:
    """The clock of the legs."""

    frequency: float = 2.0
    """Hz, while told to move."""
    offsets: tuple[float, ...] = (0.0, 0.5, 0.5, 0.0)
    """Phase of each foot, in cycles: a trot."""
    stance: float = 0.55
    """Share of a cycle on the ground."""
    clearance: float = 0.08
    """Height of a foot over the ground in mid-swing, m."""
    step_above: float = 0.4
    """A robot that is told to stand and moves faster than this, m/s, was pushed: it takes steps; 0: it never does."""
    rest_below: float = 0.2
    """Until it is slower than this, m/s."""


@dataclass(frozen=True)
class RewardConfig:
    """Weight of each reward term (`reward.py` says what each is), per second. Zero leaves a term out."""

    forward: float = 3.0
    yaw: float = 1.5
    ee_position: float = 1.0
    ee_rotation: float = 0.5
    gait: float = 2.0
    clearance: float = -10.0
    slip: float = -0.1
    height: float = -10.0
    sway: float = -0.5
    tilt_rate: float = -0.05
    bounce: float = -1.0
    torque: float = -2e-5
    power: float = -2e-4
    acceleration: float = -1e-6
    action_rate: float = -0.02
    hip: float = -0.3
    joint_limits: float = -5.0
    collision: float = -1.0
    fall: float = -50.0
    """Per fall, not per second times dt: multiplied by the control step."""
    lowest: float = 0.4
    """Height of the base below which `height` starts, m."""
    forward_widths: tuple[float, ...] = (0.5, 0.15)
    """m/s off that cost 63 % of an equal part of `forward`: a wide part tells the way, a narrow one asks for all of
    it."""
    yaw_widths: tuple[float, ...] = (0.5, 0.2)
    """rad/s off, likewise of `yaw`."""


@dataclass(frozen=True)
class RandomConfig:
    """What differs from world to world, drawn anew for every episode. (0, 0) or (1, 1) turns a draw off."""

    friction: Range = (0.65, 2.0)
    """Of the feet on the ground. MuJoCo takes the feet's alone (priority); the published 0.3 to 3.0 was averaged with
    the ground's 1.0 by PhysX, which gives this range."""
    base_mass: Range = (0.0, 15.0)
    """Added to the base, kg; its inertia grows in proportion."""
    base_centre: Range = (-0.15, 0.15)
    """Shift of the base's centre of mass along each axis, m."""
    gripper_mass: Range = (0.0, 0.1)
    """Added to the last link of the arm, kg."""
    leg_strength: Range = (0.7, 1.3)
    """Factor on stiffness and damping of each leg drive."""
    arm_strength: Range = (0.7, 1.3)
    """Factor on stiffness and damping of each arm drive."""
    push_period: float = 8.0
    """Seconds between pushes; 0 turns them off."""
    push: float = 0.5
    """A push sets the horizontal velocity of the base to a draw up to this, m/s, each way ..."""
    push_standing: float = 2.5
    """... times this while told to stand."""
    action_delay: float = 0.5
    """Share of episodes in which actions come one control step late."""
    observation_delay: float = 0.5
    """Share of episodes in which the robot sees itself one control step late."""
    noise: float = 1.0
    """Factor on the noise of the observation terms."""
    start_joints: Range = (0.8, 1.2)
    """Factor on the leg angles at the start."""
    start_velocity: float = 0.1
    """Largest base velocity at the start, m/s and rad/s."""
    start_place: float = 0.5
    """Largest distance from the middle of the ground at the start, each way, m; on rough ground anywhere within its
    margin."""
    start_yaw: float = pi
    """Largest heading at the start, rad."""


@dataclass(frozen=True)
class CurriculumConfig:
    """How the task grows with training: pushes and all else in `random` from what changes nothing to their ranges."""

    steps: int = 0
    """Control steps, summed over worlds, until the task is what it is to be; 0: from the start."""
    start: float = 0.2
    """Share of it at first."""

    def __post_init__(self):
        if self.steps < 0:
            raise ValueError(f"env.curriculum.steps is {self.steps}: it must be 0 (no curriculum) or a number of steps")
        if not 0 <= self.start <= 1:
            raise ValueError(f"env.curriculum.start is {self.start}: it must be between 0 and 1")


@dataclass(frozen=True)
class TrackConfig:
    """Everything that defines the task. Raises ValueError, in one line, for a setting that cannot work."""

    task: Literal["track"] = "track"
    """Which task this is."""
    robot: RobotConfig = field(default_factory=RobotConfig)
    """Who does it."""
    terrain: TerrainConfig = field(default_factory=TerrainConfig)
    """On what."""
    engine: Literal["auto", "batch", "mjx", "warp"] = "auto"
    """Physics: MuJoCo's C code, JAX or Warp; auto picks what is fastest here."""
    timestep: float = 0.005
    """Of the physics, s."""
    decimation: int = 4
    """Physics steps per control step."""
    episode_seconds: float = 10.0
    """After which an episode is truncated."""
    history: int = 0
    """Frames of what was seen that the policy is shown besides, the present one included; 0: none."""
    arm: Literal["ik", "policy"] = "ik"
    """Who drives the arm: damped least squares on the goal, or the policy."""
    command: CommandConfig = field(default_factory=CommandConfig)
    """Where the base goes."""
    goal: GoalConfig = field(default_factory=GoalConfig)
    """Where the end effector goes."""
    gait: GaitConfig = field(default_factory=GaitConfig)
    """How the legs move."""
    reward: RewardConfig = field(default_factory=RewardConfig)
    """What is wanted."""
    random: RandomConfig = field(default_factory=RandomConfig)
    """What differs from world to world."""
    curriculum: CurriculumConfig = field(default_factory=CurriculumConfig)
    """How it grows with training."""
    most_tilt: float = 0.8
    """Roll or pitch of the base that ends an episode, rad."""
    least_height: float = 0.2
    """Height of the base over the ground that ends an episode, m."""

    def __post_init__(self):
        for name, kind in get_type_hints(type(self)).items():
            choices, value = get_args(kind), getattr(self, name)
            if get_origin(kind) is Literal and value not in choices:
                raise ValueError(f"env.{name} is {value!r}: use {' or '.join(map(repr, choices))}")
        for part in ("command", "goal", "random"):
            section = getattr(self, part)
            for f in fields(section):
                value = getattr(section, f.name)
                if f.type == Range and not (len(value) == 2 and value[0] <= value[1]):
                    raise ValueError(f"env.{part}.{f.name} is {list(value)}: give two numbers, the lower one first")
        for name in ("timestep", "episode_seconds", "most_tilt"):
            value = getattr(self, name)
            if not (value > 0 and isfinite(value)):
                raise ValueError(f"env.{name} is {value}: it must be a finite number above 0")
        if self.decimation < 1:
            raise ValueError(f"env.decimation is {self.decimation}: it must be at least 1")
        if self.max_steps < 1:
            raise ValueError(
                f"env.episode_seconds is {self.episode_seconds}: an episode needs a control step, {self.control_dt} s"
            )
        for name in ("acceleration", "yaw_acceleration"):
            value = getattr(self.command, name)
            if not value >= 0:
                raise ValueError(f"env.command.{name} is {value}: it must be 0 (at once) or above")
        for f in fields(self.random):
            value = getattr(self.random, f.name)
            if isinstance(value, float) and not 0 <= value < inf:
                raise ValueError(f"env.random.{f.name} is {value}: it must be a finite number, 0 or above")
        for f in fields(self.reward):
            value = getattr(self.reward, f.name)
            if isinstance(value, float) and not isfinite(value):
                raise ValueError(f"env.reward.{f.name} is {value}: it must be a finite number")
        if self.history < 0:
            raise ValueError(f"env.history is {self.history}: it must be 0 (none) or a number of frames")
        for part, name in (("goal", "travel"), ("random", "friction"), ("random", "leg_strength")):
            if getattr(getattr(self, part), name)[0] <= 0:
                raise ValueError(f"env.{part}.{name} is {list(getattr(getattr(self, part), name))}: start above 0")
        for name in ("forward_widths", "yaw_widths"):
            widths = getattr(self.reward, name)
            if not (widths and all(width > 0 for width in widths)):
                raise ValueError(f"env.reward.{name} is {list(widths)}: give one or more numbers above 0")
        if self.gait.step_above and not 0 < self.gait.rest_below <= self.gait.step_above:
            raise ValueError(
                f"env.gait.rest_below is {self.gait.rest_below}: it must be above 0 and at most step_above, "
                f"{self.gait.step_above}"
            )
        if len(self.gait.offsets) != len(self.robot.feet):
            raise ValueError(f"env.gait.offsets has {len(self.gait.offsets)} phases: give one per foot of the robot")
        if len(self.goal.body) != 6:
            raise ValueError(f"env.goal.body has {len(self.goal.body)} numbers: give 6")
        if self.arm == "policy" and not self.robot.arm_joints:
            raise ValueError("env.arm is 'policy': the robot has no arm_joints; use 'ik', which leaves it out")

    @property
    def control_dt(self) -> float:
        """Seconds between actions."""
        return self.timestep * self.decimation

    @property
    def max_steps(self) -> int:
        """Control steps of an episode."""
        return round(self.episode_seconds / self.control_dt)
