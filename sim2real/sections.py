"""Sections of a contract that are of a robot: what may be asked of it, what it is, when to stop."""

from dataclasses import dataclass

Numbers = tuple[float, ...]
Names = tuple[str, ...]


@dataclass(frozen=True)
class CommandRange:
    """What an operator may ask for."""

    names: Names
    lower: Numbers
    upper: Numbers
    unit: Names
    rate: Numbers
    """How fast the policy was used to see it change, per second; 0: at once."""


@dataclass(frozen=True)
class Gait:
    """The clock that the policy sees: sine and cosine of its phase while it runs, else zeros. It runs while told to
    move, and after a push."""

    frequency: float
    """Hz."""
    step_above: float
    """Speed over the ground, m/s, from which a robot that is told to stand takes steps; 0: it never does."""
    rest_below: float
    """Speed, m/s, below which the cycle is its last."""


@dataclass(frozen=True)
class Arm:
    """The arm's own controller: damped least squares on the place and rotation of a goal (`onboard/arm.py`)."""

    joint_names: Names
    base: str
    """Site that the arm stands on."""
    end_effector: str
    """Site that is to reach the goal."""
    goal_height: float
    """Of the centre of the goal's sphere over the ground, m; it stands over the arm's base."""
    goal_roll: float
    """Of a goal that is not turned, about where it points, rad."""
    goal_lift: float
    """Pitch by which it looks up from pointing outward, rad."""
    damping: float
    """m."""
    turning: float
    """What a radian off counts for, m."""
    most_turn: float
    """A joint's largest step of one solve, rad."""
    solves: int
    """Per tick."""
    foresight: float
    """Share of the tilt that the gyroscope foretells for the next tick."""
    integral: float
    """Gain, 1/s."""
    most_integral: float
    """rad."""
    gravity: float
    """m/s^2."""


@dataclass(frozen=True)
class Robot:
    """Which robot it is for."""

    name: str
    mjcf: str
    """File of the bundle."""
    mjcf_sha256: str
    base: str
    """Body with the free joint."""
    feet: Names
    """Sites, in the order of the observation."""
    contact_force: float
    """Normal force above which a foot is on the ground, N."""
    standing_height: float
    """Of the base over the ground in the default pose, m."""


@dataclass(frozen=True)
class Safety:
    """When to stop."""

    max_tilt_rad: float
    max_action_delta: float
    """Largest change of a drive target in a tick, rad."""
    stale_ms: float
    """Largest age of a reading."""
    kp_scale_start: float
    """Share of the stiffness with which standing up begins."""
    joint_margin: float
    """Targets keep so far from the joints' limits, rad."""
    max_joint_speed: float
    """Of a joint, as a multiple of `joint_vel_limits`: a foot that lands drives its motors faster than they can go."""
    max_torque: float
    """That a target may ask of a drive, as a multiple of `torque_limits`, to which drives keep by themselves."""
    max_base_speed: float
    """Turning rate of the base, rad/s."""
    min_height: float
    """Of the base over the ground, m."""
    damping: Numbers
    """Of the drives after a fault, N m s / rad, one per joint."""
    max_misses: int
    """Ticks in a row without an answer of the policy."""
    max_frozen: int
    """Ticks in a row after which a gyroscope that says the same to the last bit is broken."""
