"""What a controller knows of a robot, whatever carries the messages."""

from typing import NamedTuple, Protocol

import numpy as np

from ..brain import Order, Sense
from ..contract import Contract


class Link(Protocol):
    """The way to one robot. Nothing here blocks or raises for what the robot or the network does."""

    def sense(self, now: float) -> Sense:
        """The newest message, its age counted to `now` (s, `time.monotonic`)."""
        ...

    def send(self, order: Order, now: float) -> None:
        """Tell the drives."""
        ...

    def renew(self) -> None:
        """Forget what was heard, and listen to a robot that has started anew: only while nothing is driven."""
        ...

    def counts(self) -> "Counts":
        """What came so far."""
        ...

    def close(self) -> None:
        """Let go of sockets; the robot damps by itself soon after."""
        ...


class Counts(NamedTuple):
    """Messages of a link."""

    received: int
    """Good ones."""
    refused: int
    """With a wrong length, kind or check sum."""
    late: int
    """That came after a newer one."""
    strange: int
    """Of a robot that has started anew."""


def nothing_heard(contract: Contract) -> Sense:
    """Before the first message."""
    joints, feet = len(contract.joint_names), len(contract.robot.feet) if contract.robot else 0
    unknown = np.full(joints, np.nan)
    return Sense(np.inf, np.full(4, np.nan), np.full(3, np.nan), unknown, unknown, np.full(feet, np.nan))
