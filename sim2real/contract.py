"""What a bundle promises: `contract.json` as types.

Angles in rad, otherwise SI units; quaternions w-x-y-z; numbers in full precision. Other programs check it against
`contract.schema.json`, which is made from these types (`schema.py`).
"""

import json
from dataclasses import dataclass
from typing import Any, Literal

from ..configs.typed import from_mapping, to_mapping
from .coherent import check

FILE = "contract.json"
Numbers = tuple[float, ...]
Names = tuple[str, ...]


@dataclass(frozen=True)
class Tensor:
    """An input or an output of a graph. The first axis is the batch, of any length, and not in `shape`."""

    name: str
    shape: tuple[int, ...]
    """Of one element of the batch."""
    dtype: str
    """NumPy's name, like float32."""


@dataclass(frozen=True)
class Memory:
    """A number that one tick leaves for the next: an output that comes back as an input. It starts at zero."""

    input: str
    output: str


@dataclass(frozen=True)
class Graph:
    """An ONNX file: observation and memory in, action and memory out. The normaliser is inside."""

    file: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    memory: tuple[Memory, ...]
    opset: int


@dataclass(frozen=True)
class Term:
    """A run of consecutive entries of the observation: `clip((raw - offset) * scale)`."""

    name: str
    dim: int
    slice: tuple[int, ...]
    """First entry and the one after the last, in a frame."""
    scale: Numbers
    """One for each entry; so is the offset."""
    offset: Numbers
    clip: Numbers | None
    """Least and largest value."""
    history: int
    """Frames of it; 1: the present alone."""
    unit: str
    """Of the raw value."""
    frame: str
    """In which the raw value is given."""
    names: Names
    """Of the entries, where they have names."""


@dataclass(frozen=True)
class Observation:
    """What the policy sees, made from what the robot says."""

    input: dict[str, str]
    """Which input of the graph each named array of the observation is."""
    order: dict[str, tuple[Term, ...]]
    """The terms of each, side by side, in order; none where the array is not a vector of terms."""
    normalizer: Literal["baked"]
    """Inside the graph."""
    history_layout: Literal["frame_major"]
    """A history is [frames, entries of a frame]."""
    oldest_first: bool


@dataclass(frozen=True)
class Action:
    """What the policy does: drive targets `clip(output) * scale + offset`, or, for type "raw", what the task takes."""

    output: str
    """Of the graph."""
    type: Literal["joint_pos_target", "raw"]
    joint_names: Names
    scale: Numbers
    offset: Numbers
    clip: tuple[Numbers, ...]
    """Least and largest output of each entry; the graph keeps to them."""
    filter: Literal["none"]


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


@dataclass(frozen=True)
class Selftest:
    """Recorded ticks. Whoever loads the bundle must reproduce them before any torque."""

    file: str
    count: int
    obs: str
    """Prefix of the arrays that go into the graph; `action` that of what comes out."""
    action: str
    raw: bool
    """Whether the readings are there too that the observations were made from."""
    batched: bool
    """Whether the graph does the same with many at once; with inputs quantised on the fly it does not quite."""
    atol: float
    """Largest difference of an output from what was recorded, from the recorded input."""
    readings_atol: float
    """The same from readings: where they are rounded in between, the last digit may turn a rounding over."""


@dataclass(frozen=True)
class Contract:
    """See the module. Raises ValueError, in one line, where fields do not go together."""

    schema_version: str
    policy_name: str
    git_sha: str
    framework_versions: dict[str, str]
    created_utc: str
    task_id: str
    control_dt: float
    """Seconds between ticks."""
    sim_dt: float
    """Seconds of a physics step in training."""
    decimation: int
    """Physics steps per tick in training."""
    graph: Graph
    obs: Observation
    action: Action
    commands: dict[str, CommandRange]
    recurrent: dict[str, tuple[int, ...]]
    """Shape of every memory input, by name."""
    quat_convention: Literal["wxyz"]
    gravity_sign: Literal[-1]
    """Of the z entry of gravity in the base frame of a robot that stands."""
    selftest: Selftest
    robot: Robot | None
    """None for a policy of a task without a robot; then there are no joints either."""
    joint_names: Names
    """Every driven joint, in the order of everything that has one entry per joint."""
    actuator_names: Names
    joint2motor: tuple[int, ...]
    """Place of each joint among the robot's motors, which are in the order of the actuators of its model."""
    default_joint_pos: Numbers
    joint_pos_limits: tuple[Numbers, ...]
    """Lower and upper one."""
    joint_vel_limits: Numbers
    torque_limits: Numbers
    kp: Numbers
    kd: Numbers
    standing_joint_target: Numbers
    """Drive targets that hold the default pose against gravity."""
    folded_joint_target: Numbers
    """Drive targets with which it folds its legs before it stands up."""
    gait: Gait | None
    arm: Arm | None
    safety: Safety | None

    def __post_init__(self):
        check(self)

    @property
    def index(self) -> dict[str, int]:
        """Place of each joint."""
        return {name: i for i, name in enumerate(self.joint_names)}


def dump(contract: Contract) -> bytes:
    """The one way in which a contract is written."""
    return (json.dumps(to_mapping(contract), indent=1, allow_nan=False) + "\n").encode()


def parse(content: bytes) -> Contract:
    """A contract from the bytes of its file. Raises ValueError naming the field that is wrong."""
    return from_mapping(Contract, load_json(content, FILE))


def load_json(content: bytes, name: str) -> Any:
    """Strict JSON: no NaN, no key twice. Raises ValueError, in one line."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise ValueError("a key is there twice")
        return found

    def refuse(word: str) -> None:
        raise ValueError(f"{word} is not a number")

    try:
        return json.loads(content.decode(), object_pairs_hook=unique, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name} is not the JSON it should be: {error}") from None
