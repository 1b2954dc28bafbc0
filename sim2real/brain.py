"""What the controller does in a tick, as one pure function: modes, policy, gate.

    Passive -> Stand -> Policy -> Damping

Passive and Damping only damp. Stand moves to the default pose while the drives stiffen. A fault in Stand or Policy ends
in Damping, and only the operator gets out of that, to Passive. Everything that a tick depends on comes in as arguments,
so a log of them is enough to do it once more, bit for bit.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import safety
from .contract import Contract
from .onboard import estimate, tick
from .onboard.model import Body
from .onboard.words import Memory, Readings, Told
from .safety import Decision, Limits, Reading, Reason

STAND_SECONDS = 2.0
"""From where the robot is to its default pose."""

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
    gate: safety.State | None = None
    """From standing up on."""
    memory: Memory | None = None
    """Of the policy, in its mode."""


def limits_of(contract: Contract) -> Limits:
    """What is safe for the contract's robot. Raises ValueError where it has none."""
    own = contract.safety
    if own is None or contract.robot is None:
        raise ValueError(f"policy {contract.policy_name} is not for a robot: it cannot be run on one")
    lower, upper = np.array(contract.joint_pos_limits).T
    return Limits(
        lower=lower + own.joint_margin,
        upper=upper - own.joint_margin,
        torque=np.array(contract.torque_limits),
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
    )


@dataclass(frozen=True, eq=False)
class Brain:
    """All that stays the same over a run."""

    contract: Contract
    body: Body
    limits: Limits
    infer: Infer

    def step(self, state: State, sense: Sense, ask: Ask, skipped: int = 0) -> tuple[State, Order]:
        """One tick. `skipped` ticks before it did not happen, because the machine was busy."""
        state = self._moved_on(state, sense, ask)
        if state.mode in (Mode.PASSIVE, Mode.DAMPING):
            return replace(state, ticks=state.ticks + 1), self._damping(state, sense)
        readings = self._readings(sense)
        limits, answered, memory = self.limits, True, state.memory
        if state.mode == Mode.STAND:
            assert state.start is not None
            share = min(1.0, (state.ticks + 1) * self.contract.control_dt / STAND_SECONDS)
            asked = state.start + share * (np.array(self.contract.standing_joint_target) - state.start)
            limits = self._softened(share)
        else:
            asked, memory = self._policy(readings, ask.told, memory)
        before = state.gate
        assert before is not None
        if skipped > limits.misses:
            before, answered = before._replace(misses=np.array(skipped)), False
        gate, decision = safety.decide(
            limits, before, self._reading(sense, readings), asked, np.array(answered), self.contract.control_dt
        )
        after = replace(state, ticks=state.ticks + 1, gate=gate, memory=memory)
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
            return replace(state, mode=Mode.STAND, ticks=0, start=sense.joints, memory=None)
        if state.ticks * self.contract.control_dt < STAND_SECONDS:
            return state
        return replace(state, mode=Mode.POLICY, ticks=0, memory=tick.start(self.contract, self.body, sense.joints))

    def _ready(self, sense: Sense) -> bool:
        """Whether the robot may begin to stand up: it says how it is, and it is the right way up."""
        known = sense.age <= self.limits.age and all(np.isfinite(values).all() for values in sense[1:])
        return known and -_down(sense.turn)[2] >= np.cos(self.limits.tilt)

    def _standing_up(self, sense: Sense) -> State:
        return State(Mode.STAND, start=sense.joints, gate=safety.start(self.limits, sense.joints))

    def _softened(self, share: float) -> Limits:
        """The limits while the drives are not yet as stiff as they will be."""
        assert self.contract.safety is not None
        least = self.contract.safety.kp_scale_start
        return replace(self.limits, kp=(least + (1 - least) * share) * self.limits.kp)

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

    def _policy(self, readings: Readings, told: Told, memory: Memory | None) -> tuple[NDArray, Memory | None]:
        """Targets [J] that the policy asks for, and its memory."""
        assert memory is not None
        if not all(np.isfinite(values).all() for values in (*readings, *told)):
            return np.full(len(self.limits.kp), np.nan), memory  # which the gate will not let through
        inputs, seen = tick.see(self.contract, self.body, readings, told, memory)
        outputs = self.infer(inputs)
        return tick.act(self.contract, self.body, readings, told, outputs, seen)

    def _damping(self, state: State, sense: Sense) -> Order:
        """Nothing but damping; targets are where the joints are, as far as anybody knows."""
        here = np.where(np.isfinite(sense.joints), sense.joints, np.array(self.contract.default_joint_pos))
        none = np.zeros(len(self.limits.kp))
        fault = Reason.NONE if state.gate is None else Reason(int(state.gate.fault))
        return Order(np.clip(here, self.limits.lower, self.limits.upper), none, self.limits.damping, state.mode, fault)


def _down(turn: NDArray) -> NDArray:
    """[3] direction of gravity in the frame of a base turned by `turn` [4]; not finite where that is not."""
    w, x, y, z = turn
    return np.array([2 * (w * y - x * z), -2 * (w * x + y * z), 2 * (x * x + y * y) - 1])


def ordered(decision: Decision, mode: Mode) -> Order:
    """A decision of the gate as an order."""
    return Order(decision.target, decision.kp, decision.kd, mode, Reason(int(decision.reason)))
