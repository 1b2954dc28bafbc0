"""The last gate before the motors: what a policy asks for, made safe, or damping.

`decide` is pure: limits, state and what is known now go in; state and a decision come out. All arrays may have leading
axes [...], one gate for each; a controller has none. It runs in every tick, whether or not the policy answered. A fault
holds until the state is made anew: after one there is only damping.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Reason(IntEnum):
    """Why a decision is what it is; from `STALE` on it is a fault. Where several hold the last one is told."""

    NONE = 0
    """As the policy asked."""
    RATE = 1
    """Some target would have moved too fast."""
    TORQUE = 2
    """Some drive would have pulled too hard."""
    LIMIT = 3
    """Some target was outside the joint's range."""
    STALE = 4
    """The readings are too old, or of the future."""
    FROZEN = 5
    """The gyroscope says the same to the last bit, too often in a row: a real one never does."""
    DEADLINE = 6
    """The policy did not answer in time, too often in a row."""
    OUT_OF_REACH = 7
    """A joint is so far outside its range, or so fast, that no target within it is gentle enough."""
    JOINT_SPEED = 8
    """A joint is too fast."""
    BASE_SPEED = 9
    """The base turns too fast."""
    HEIGHT = 10
    """The base is too low."""
    TILT = 11
    """The base is tilted too far."""
    NOT_FINITE = 12
    """Some reading or target is not a finite number."""


FIRST_FAULT = Reason.STALE


@dataclass(frozen=True)
class Limits:
    """What is safe, for J joints. Raises ValueError, in one line, for limits that cannot be kept."""

    lower: NDArray
    """[J] least target, rad: the joint's limit and a margin."""
    upper: NDArray
    """[J] largest target, rad."""
    torque: NDArray
    """[J] that kp (target - angle) - kd rate may reach, N m."""
    rate: NDArray
    """[J] that a target may move, rad/s."""
    speed: NDArray
    """[J] of a joint, rad/s."""
    kp: NDArray
    """[J] stiffness of the drives under the policy, N m / rad."""
    kd: NDArray
    """[J] their damping, N m s / rad."""
    damping: NDArray
    """[J] damping of the drives after a fault, N m s / rad."""
    tilt: float = 0.9
    """Angle between the base's z axis and the vertical, rad."""
    base_speed: float = 8.0
    """Turning rate of the base, rad/s."""
    height: float = 0.0
    """Least height of the base over the ground, m; 0 where nobody measures it."""
    age: float = 0.06
    """Of readings, s."""
    misses: int = 2
    """Ticks in a row in which the policy may fail to answer; its last targets are held meanwhile."""
    frozen: int = 0
    """Ticks in a row after which an unchanged gyroscope is a fault; 0: never."""

    def __post_init__(self):
        joints = len(self.lower)
        for name in ("lower", "upper", "torque", "rate", "speed", "kp", "kd", "damping"):
            values = np.asarray(getattr(self, name), float)
            if values.shape != (joints,) or not np.isfinite(values).all():
                raise ValueError(f"limits.{name} must be {joints} finite numbers, one for each joint")
            if name not in ("lower", "upper", "kd") and not (values > 0).all():
                raise ValueError(f"limits.{name} must be above 0 for every joint")
        if not (np.asarray(self.lower) < np.asarray(self.upper)).all():
            raise ValueError("limits.lower must be below limits.upper for every joint")
        if (np.asarray(self.kd) < 0).any():
            raise ValueError("limits.kd must be 0 or above for every joint")
        for name in ("tilt", "base_speed", "age"):
            if not 0 < getattr(self, name) < np.inf:
                raise ValueError(f"limits.{name} is {getattr(self, name)}: it must be a finite number above 0")
        for name in ("height", "misses", "frozen"):
            if not 0 <= getattr(self, name) < np.inf:
                raise ValueError(f"limits.{name} is {getattr(self, name)}: it may not be negative")


class Reading(NamedTuple):
    """What the robot says of itself."""

    age: NDArray
    """[...] s since it was measured."""
    joints: NDArray
    """[..., J] rad."""
    rates: NDArray
    """[..., J] rad/s."""
    gravity: NDArray
    """[..., 3] direction of gravity in the base frame, of any length but 0."""
    turning: NDArray
    """[..., 3] rate of the base, base frame, rad/s."""
    height: NDArray
    """[...] of the base over the ground, m; not looked at where `Limits.height` is 0."""


class State(NamedTuple):
    """What the gate remembers."""

    target: NDArray
    """[..., J] of the last decision, rad."""
    misses: NDArray
    """[...] int: ticks in a row without an answer."""
    fault: NDArray
    """[...] int: the `Reason` of the first fault, 0 before."""
    turning: NDArray
    """[..., 3] what the gyroscope said last; not a number before."""
    same: NDArray
    """[...] int: ticks in a row in which it said the same."""


class Decision(NamedTuple):
    """What the drives are told."""

    target: NDArray
    """[..., J] rad; always finite and within `lower` and `upper`."""
    kp: NDArray
    """[..., J] N m / rad; 0 after a fault."""
    kd: NDArray
    """[..., J] N m s / rad."""
    reason: NDArray
    """[...] int: a `Reason`; after a fault that of the fault."""

    @property
    def damped(self) -> NDArray:
        """[...] bool: nothing but damping."""
        return self.reason >= FIRST_FAULT


def start(limits: Limits, joints: NDArray) -> State:
    """A gate whose targets begin at the angles [..., J], rad. Raises ValueError if one is not finite."""
    joints = np.asarray(joints, float)
    if not np.isfinite(joints).all():
        raise ValueError("the gate starts at the robot's own angles: some of them are not finite")
    nothing = np.zeros(joints.shape[:-1], int)
    unknown = np.full((*joints.shape[:-1], 3), np.nan)
    return State(np.clip(joints, limits.lower, limits.upper), nothing, nothing, unknown, nothing)


def decide(
    limits: Limits, state: State, reading: Reading, asked: NDArray, answered: NDArray, dt: float
) -> tuple[State, Decision]:
    """(state, decision) of a tick of `dt` seconds in which the policy asked for targets [..., J], rad.

    Where it has not `answered` [...] bool, `asked` is not looked at. First what was asked is brought within reach of
    the last target (rate), then of the angle (torque), then of the range (limit); if the range and what the torque
    allows have nothing in common, or if something is wrong with the readings, it is a fault.
    """
    answered = np.asarray(answered, bool)
    misses = np.where(answered, 0, state.misses + 1)
    same = np.where((reading.turning == state.turning).all(-1), state.same + 1, 0)
    wanted = np.where(answered[..., None], asked, state.target)
    sound = _finite(reading.joints) & _finite(reading.rates) & _finite(reading.gravity) & _finite(reading.turning)
    sound &= np.isfinite(reading.age) & _finite(wanted)
    if limits.height:
        sound &= np.isfinite(reading.height)
    with np.errstate(all="ignore"):  # what is not sound, or far too large, is a fault whatever comes of it here
        near = np.clip(wanted, state.target - limits.rate * dt, state.target + limits.rate * dt)
        still = reading.joints + limits.kd * reading.rates / limits.kp  # the target at which the drive gives no torque
        least, most = still - limits.torque / limits.kp, still + limits.torque / limits.kp
        gentle = np.clip(near, least, most)
        target = np.clip(gentle, limits.lower, limits.upper)
        faults = {
            Reason.STALE: (reading.age > limits.age) | (reading.age < 0),
            Reason.FROZEN: (same >= limits.frozen) & (limits.frozen > 0),
            Reason.DEADLINE: misses > limits.misses,
            Reason.OUT_OF_REACH: ((least > limits.upper) | (most < limits.lower)).any(-1),
            Reason.JOINT_SPEED: (np.abs(reading.rates) > limits.speed).any(-1),
            Reason.BASE_SPEED: np.linalg.norm(reading.turning, axis=-1) > limits.base_speed,
            Reason.HEIGHT: np.asarray(reading.height) < limits.height
            if limits.height
            else np.zeros(misses.shape, bool),
            Reason.TILT: ~(_upright(reading.gravity) >= np.cos(limits.tilt)),
            Reason.NOT_FINITE: ~sound,
        }
        changes = {
            Reason.RATE: (near != wanted).any(-1),
            Reason.TORQUE: (gentle != near).any(-1),
            Reason.LIMIT: (target != gentle).any(-1),
        }
    reason = np.zeros(misses.shape, int)
    for name, holds in (changes | faults).items():
        reason = np.where(holds, int(name), reason)
    reason = np.where(state.fault > 0, state.fault, reason)
    fault = np.where(reason >= FIRST_FAULT, reason, 0)
    damped = (fault > 0)[..., None]
    target = np.where(damped, state.target, target)
    kp, kd = np.where(damped, 0.0, limits.kp), np.where(damped, limits.damping, limits.kd)
    return State(target, misses, fault, np.asarray(reading.turning), same), Decision(target, kp, kd, reason)


def _finite(values: NDArray) -> NDArray:
    """[...] whether all of [..., N] are finite."""
    return np.asarray(np.isfinite(values).all(-1))


def _upright(gravity: NDArray) -> NDArray:
    """[...] cosine of the tilt; not a number for a gravity without direction."""
    return np.asarray(-np.asarray(gravity)[..., 2] / np.linalg.norm(gravity, axis=-1))
