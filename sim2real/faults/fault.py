"""A fault as data: what happens, where, for how long, and how it may end."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..brain import Ask
from ..robots.imperfect import Imperfections
from ..robots.simulated import SimulatedRobot
from ..robots.wire import Message

AT = 5.0
"""Seconds into a run at which faults begin: the robot walks."""
NORMAL = Imperfections(latency_ms=5.0, order_latency_ms=2.0, jitter_ms=1.0)
Values = dict[str, NDArray]
Ending = Literal["damps", "walks", "either"]
"""How a fault may end: drives that only damp, a robot that goes on as told, or one of the two."""


@dataclass(frozen=True)
class Fault:
    """What happens between `AT` and `seconds` later. Where a function is None nothing happens there."""

    name: str
    ends: Ending
    seconds: float = np.inf
    readings: Callable[[Values, Values], Values] | None = None
    """(what the robot says, what it said when the fault began) -> what arrives."""
    states: Callable[[Message, list[Message]], list[Message]] | None = None
    """(a message of the robot, all before it) -> what is sent."""
    content: Callable[[bytes, np.random.Generator], list[bytes]] | None = None
    """Bytes that arrive at the controller -> what it finds."""
    body: Callable[[SimulatedRobot], None] | None = None
    """What is done to the robot, once."""
    policy: Callable[[NDArray], NDArray] | None = None
    """What the graph says -> what the controller is told it said."""
    hangs: float = 0.0
    """Seconds that the controller hangs, once."""
    slow: float = 0.0
    """Seconds that every inference takes longer."""
    ask: Callable[[Ask], Ask] | None = None
    """What the operator wants -> what the controller is told."""
    imperfections: Imperfections = NORMAL
    """Of the whole run."""
    disk: int | None = None
    """Bytes that the log's disk still takes."""


def put(name: str, value: Any, *places: int) -> Callable[[Values, Values], Values]:
    """A reading's entries become `value`; all of them where no place is given."""

    def spoil(values: Values, first: Values) -> Values:
        changed = np.array(values[name])
        changed[list(places) if places else slice(None)] = value
        return {**values, name: changed}

    return spoil


def held(*names: str) -> Callable[[Values, Values], Values]:
    """Readings stay as they were when the fault began."""
    return lambda values, first: {**values, **{name: first[name] for name in names}}


def held_at(name: str, place: int) -> Callable[[Values, Values], Values]:
    """One entry stays as it was."""
    return lambda values, first: put(name, first[name][place], place)(values, first)


def plus(name: str, by: float, *places: int) -> Callable[[Values, Values], Values]:
    """Entries of a reading are off by so much; all of them where no place is given."""

    def spoil(values: Values, first: Values) -> Values:
        changed = np.array(values[name])
        changed[list(places) if places else slice(None)] += by
        return {**values, name: changed}

    return spoil


def times(name: str, factor: float) -> Callable[[Values, Values], Values]:
    """A reading is too large."""
    return lambda values, first: {**values, name: factor * values[name]}


def swapped(name: str, one: int, other: int) -> Callable[[Values, Values], Values]:
    """Two entries are in each other's place."""

    def spoil(values: Values, first: Values) -> Values:
        changed = np.array(values[name])
        changed[[one, other]] = changed[[other, one]]
        return {**values, name: changed}

    return spoil


def turned(*axis_angle: float) -> Callable[[Values, Values], Values]:
    """The IMU says it is turned by a rotation vector (base frame, rad) that it is not."""
    angle = float(np.linalg.norm(axis_angle))
    x, y, z = np.sin(angle / 2) * np.array(axis_angle) / angle
    w = np.cos(angle / 2)
    by = np.array([[w, -x, -y, -z], [x, w, z, -y], [y, -z, w, x], [z, y, -x, w]])
    return lambda values, first: {**values, "turn": by @ values["turn"]}
