"""What the controller does in a tick, as one pure function: modes, policy, gate.

    Passive -> Stand -> Policy -> Damping

Passive and Damping only damp. Stand folds the legs while the drives stiffen, then rises to the default pose. A fault
in Stand or Policy ends in Damping, and only the operator gets out of that, to Passive. Everything that a tick depends
on comes in as arguments, so a log of them is enough to do it once more, bit for bit.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import safety
from .contract import Contract
from .onboard import chunked, estimate, tick
from .onboard.chunked import Plan
from .onboard.model import Body
from .onboard.words import Memory, Readings, Told
from .safety import Decision, Limits, Reading, Reason

FOLD_SECONDS, RISE_SECONDS = 1.0, 1.0
"""From where the robot is to folded legs, and from there to its default pose: straight up, and so in balance."""
STAND_SECONDS = FOLD_SECONDS + RISE_SECONDS

UNIT = 0.05
"""How far the square of a quaternion's length may be off 1."""

Infer = Callable[[dict[str, NDArray]], dict[str, NDArray]]
"""The graph: inputs by name -> outputs by name."""


class Mode(IntEnum):
    """What the controller is about."""

    PASSIVE = 0
    STAND = 1
    POLICY = 2
    DAMPING = 3


class Sense(NamedTuple):
    """The newest message of the robot, J joints."""

    age: float
    """s since it came; infinite before the first."""
    turn: NDArray
    """[4]"""
    rate: NDArray
    """[3] base frame, rad/s."""
    joints: NDArray
    """[J] rad."""
    joint_rates: NDArray
    """[J] rad/s."""
    feet_force: NDArray
    """[F] N."""


class Ask(NamedTuple):
    """What the operator wants."""

    mode: Mode
    told: Told


class Order(NamedTuple):
    """What the drives are told: torque kp (target - angle) - kd rate."""

    target: NDArray
    """[J] rad."""
    kp: NDArray
    """[J] N m / rad."""
    kd: NDArray
    """[J] N m s / rad."""
    mode: Mode
    reason: Reason


@dataclass(frozen=True)
class State:
    """What the controller remembers."""

    mode: Mode = Mode.PASSIVE
    ticks: int = 0
    """In this mode."""
    start: NDArray | None = None
    """[J] angles from which it stands up, rad."""
    over: NDArray | None = None
    """[J] targets over which it does, rad."""
    gate: safety.State | None = None
    """From standing up on; so is the attitude."""
    turn: NDArray | None = None
    """[4] attitude of the base, as estimated in the last tick."""
    memory: Memory | None = None
    """Of the policy, in its mode."""


def limits_of(contract: Contract) -> Limits:
    """What is safe for the contract's robot. Raises ValueError where it has none."""
    own = contract.safety
    if own is None or contract.robot is None:
        raise ValueError(f"policy {contract.policy_name} is not for a robot: it cannot be run on one")
    lower, upper = tick.target_range(contract)
    return Limits(
        lower=lower,
        upper=upper,
        torque=own.max_torque * np.array(contract.torque_limits),
        rate=np.full(len(lower), own.max_action_delta / contract.control_dt),
        speed=own.max_joint_speed * np.array(contract.joint_vel_limits),
        kp=np.array(contract.kp),
        kd=np.array(contract.kd),
        damping=np.array(own.damping),
        tilt=own.max_tilt_rad,
        base_speed=own.max_base_speed,
        height=own.min_height,
        age=own.stale_ms / 1e3,
        misses=own.max_misses,
        frozen=own.max_frozen,
    )


@dataclass(frozen=True, eq=False)
class Brain:
    """All that stays the same over a run."""

    contract: Contract
    body: Body
    limits: Limits
    infer: Infer
    react: Infer | None = None
    """The graph of the reflex, where the contract has one."""

    def __post_init__(self):
        if (self.contract.reflex is None) != (self.react is None):
            raise ValueError("a contract with a reflex needs its graph, others none")

    def step(
        self, state: State, sense: Sense, ask: Ask, skipped: int = 0, arrived: bool = False
    ) -> tuple[State, Order]:
        """One tick. `skipped` ticks before it did not happen, because the machine was busy. With a policy of chunks,
        `infer` is called if the answer has `arrived` to the question of the last tick (`question_of`)."""
        state = self._moved_on(state, sense, ask)
        if state.mode in (Mode.PASSIVE, Mode.DAMPING):
            return replace(state, ticks=state.ticks + 1), self._damping(state, sense)
        seconds = (1 + skipped) * self.contract.control_dt
        turn = estimate.attitude(state.turn, sense.turn, sense.rate, seconds)
        readings = self._readings(sense._replace(turn=turn))
        limits, answered, memory = self.limits, True, state.memory
        if state.mode == Mode.STAND:
            assert state.start is not None
            asked, limits = self._standing(state)
        else:
            asked, answered, memory = self._policy(readings, ask.told, memory, 1 + skipped, arrived)
        before = state.gate
        assert before is not None
        if skipped > limits.misses:
            before, answered = before._replace(misses=np.array(skipped)), False
        gate, decision = safety.decide(
            limits, before, self._reading(sense, readings), asked, np.array(answered), self.contract.control_dt
        )
        after = replace(state, ticks=state.ticks + 1, gate=gate, turn=turn, memory=memory)
        if decision.damped:
            after = replace(after, mode=Mode.DAMPING, ticks=0, memory=None)
        return after, ordered(decision, after.mode)

    def _moved_on(self, state: State, sense: Sense, ask: Ask) -> State:
        """The state in the mode of this tick."""
        here, wanted = state.mode, ask.mode
        if here == wanted:
            return state
        if wanted == Mode.DAMPING:
            return State(Mode.DAMPING, gate=state.gate)
        if here == Mode.DAMPING:
            return State() if wanted == Mode.PASSIVE else state
        if wanted == Mode.PASSIVE:
            return State()
        if here == Mode.PASSIVE:  # whatever is wanted, it stands up first
            return self._standing_up(sense) if self._ready(sense) else state
        if wanted == Mode.STAND:
            up = round(FOLD_SECONDS / self.contract.control_dt)  # it is on its legs: nothing is to be folded
            return replace(state, mode=Mode.STAND, ticks=up, start=sense.joints, over=sense.joints, memory=None)
        if state.ticks * self.contract.control_dt < STAND_SECONDS:
            return state
        return replace(state, mode=Mode.POLICY, ticks=0, memory=tick.start(self.contract, self.body, sense.joints))

    def _ready(self, sense: Sense) -> bool:
        """Whether the robot may begin to stand up: it says how it is, and it is the right way up."""
        known = sense.age <= self.limits.age and all(np.isfinite(values).all() for values in sense[1:])
        return known and -_down(sense.turn)[2] >= np.cos(self.limits.tilt)

    def _standing_up(self, sense: Sense) -> State:
        folded = np.array(self.contract.folded_joint_target)
        return State(Mode.STAND, start=sense.joints, over=folded, gate=safety.start(self.limits, sense.joints))

    def _standing(self, state: State) -> tuple[NDArray, Limits]:
        """Targets on the way from the start to the default pose, and the limits while drives are not yet as stiff as
        they will be."""
        assert state.start is not None and state.over is not None and self.contract.safety is not None
        seconds = (state.ticks + 1) * self.contract.control_dt
        folding = min(1.0, seconds / FOLD_SECONDS)
        rising = min(1.0, max(0.0, seconds - FOLD_SECONDS) / RISE_SECONDS)
        standing, least = np.array(self.contract.standing_joint_target), self.contract.safety.kp_scale_start
        stiff = replace(self.limits, kp=(least + (1 - least) * folding) * self.limits.kp)
        return state.start + folding * (state.over - state.start) + rising * (standing - state.over), stiff

    def _readings(self, sense: Sense) -> Readings:
        """With what the robot does not measure itself."""
        motion = (np.nan,) * 3
        if np.isfinite(sense.joints).all() and np.isfinite(sense.joint_rates).all() and np.isfinite(sense.turn).all():
            force = np.nan_to_num(sense.feet_force)
            motion = estimate.base_motion(self.body, sense.turn, sense.rate, sense.joints, sense.joint_rates, force)
        return Readings(*sense[1:], *map(np.array, motion))

    def _reading(self, sense: Sense, readings: Readings) -> Reading:
        """As the gate sees it."""
        down, height = _down(sense.turn), np.asarray(readings.height)
        return Reading(np.array(sense.age), sense.joints, sense.joint_rates, down, sense.rate, height)

    def _policy(
        self, readings: Readings, told: Told, memory: Memory | None, ticks: int, arrived: bool
    ) -> tuple[NDArray, bool, Memory | None]:
        """Targets [J] that the policy asks for, whether it does, and its memory."""
        assert memory is not None
        nothing = np.full(len(self.limits.kp), np.nan)
        if not all(np.isfinite(values).all() for values in (*readings, *told)):
            return nothing, True, memory  # which the gate will not let through
        told = clipped(self.contract, told)
        inputs, memory = tick.see(self.contract, self.body, readings, told, memory)
        if self.contract.chunk is None:
            action, memory = tick.heard(self.contract, self.infer(inputs), memory)
        else:
            plan = self._planned(chunked.passed(memory.plan, ticks), inputs, arrived)
            action, memory = chunked.due(self.contract, plan, memory.last_action), replace(memory, plan=plan)
            if self.react is not None and action is not None and plan.actions is not None:
                action = chunked.corrected(self.contract, self.react, plan, inputs, action)
        if action is None:
            return nothing, False, memory
        targets, memory = tick.act(self.contract, self.body, readings, told, action, memory)
        return targets, True, memory

    def _planned(self, plan: Plan, inputs: dict[str, NDArray], arrived: bool) -> Plan:
        """With the answer, if it is there, and the next question, if it is time for it."""
        if arrived and plan.question is not None:
            plan = chunked.answered(plan, self.infer(plan.question)[self.contract.action.output][0])
        return chunked.asked(self.contract, plan, inputs)

    def _damping(self, state: State, sense: Sense) -> Order:
        """Nothing but damping; targets are where the joints are, as far as anybody knows."""
        here = np.where(np.isfinite(sense.joints), sense.joints, np.array(self.contract.default_joint_pos))
        none = np.zeros(len(self.limits.kp))
        fault = Reason.NONE if state.gate is None else Reason(int(state.gate.fault))
        return Order(np.clip(here, self.limits.lower, self.limits.upper), none, self.limits.damping, state.mode, fault)


def question_of(state: State) -> dict[str, NDArray] | None:
    """What a policy of chunks is to be asked while the robot goes on; None where nothing is."""
    return None if state.memory is None else state.memory.plan.question


def clipped(contract: Contract, told: Told) -> Told:
    """What an operator asks for, within what the policy knows."""
    goal, ahead = (within(contract, "goal", values) for values in (told.goal, told.goal_next))
    return Told(within(contract, "velocity", told.command), goal, ahead)


def within(contract: Contract, name: str, values: NDArray) -> NDArray:
    """A command within the range of the contract."""
    ranges = contract.commands.get(name)
    return values if ranges is None else np.clip(values, ranges.lower, ranges.upper)


def _down(turn: NDArray) -> NDArray:
    """[3] direction of gravity in the frame of a base turned by `turn` [4]; not a number where that is no rotation."""
    w, x, y, z = turn
    down = np.array([2 * (w * y - x * z), -2 * (w * x + y * z), 2 * (x * x + y * y) - 1])
    return down if abs(turn @ turn - 1) <= UNIT else np.full(3, np.nan)


def ordered(decision: Decision, mode: Mode) -> Order:
    """A decision of the gate as an order."""
    return Order(decision.target, decision.kp, decision.kd, mode, Reason(int(decision.reason)))
