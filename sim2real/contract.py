"""What a bundle promises: `contract.json` as types.

Angles in rad, otherwise SI units; quaternions w-x-y-z; numbers in full precision. Other programs check it against
`contract.schema.json`, which is made from these types (`schema.py`).
"""

import json
from dataclasses import dataclass
from typing import Any, Literal

from ..configs.typed import from_mapping, to_mapping
from .coherent import check
from .sections import Arm, CommandRange, Gait, Names, Numbers, Robot, Safety

FILE = "contract.json"
BATCH = "batch"
"""Name of the first axis of what graphs of ours are given and give."""


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
class Reflex:
    """What corrects each action of a chunk in its tick, by what is seen then."""

    graph: Graph
    """What is seen, and two more inputs, to the action that is done in place of the one that was planned."""
    planned: str
    """Input [A]."""
    age: str
    """Input []: which of its chunk it is, from 0."""


@dataclass(frozen=True)
class Chunk:
    """How a policy is asked that answers with the actions of the next ticks, [horizon, A], from the tick on in which
    was seen what it is asked with.

    Three more inputs of its graph tell what is being executed meanwhile. The same in two parts, for loops of one's own:
    `encode` once, then `steps` times `chunk += denoise(..., chunk, time) / steps` from a chunk of noise (zeros in the
    graph), with `time` [horizon] from 0 in equal steps; actions are `chunk * scale + offset`, plus
    the state where `relative`, within the clip of the action.
    """

    horizon: int
    every: int
    """Ticks after which it was asked again where it was judged."""
    method: str
    """How a chunk goes on from the one before."""
    settled: int
    """Most ticks of `delay` that it learned to bridge; 0 for a method that needs no learning."""
    before: str
    """Input [horizon, A]: the actions that are still to come of the chunk before, then anything."""
    left: str
    """Input []: how many they are; 0 where there is no chunk before."""
    delay: str
    """Input []: how many of them will have been executed when the answer comes."""
    encode: Graph
    denoise: Graph
    steps: int
    scale: Numbers
    offset: Numbers
    relative: tuple[int, ...]
    """Entries of an action that are said as differences."""
    state: str
    """Input whose first entries they are differences to; empty where there are none."""
    reflex: Reflex | None

    def most_delay(self, left: int) -> int:
        """That it may be asked with where so many actions are still to come."""
        return min(left, self.settled) if self.method == "settled" else left


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
    chunk: Chunk | None
    """None for a policy that says one action at a time."""
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
    def reflex(self) -> Reflex | None:
        """Of a policy of chunks that has one."""
        return self.chunk.reflex if self.chunk else None

    @property
    def graphs(self) -> tuple[Graph, ...]:
        """That are asked on the robot."""
        return (self.graph, *([self.reflex.graph] if self.reflex else []))

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
