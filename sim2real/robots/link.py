"""What a controller knows of a robot, whatever carries the messages."""

from typing import NamedTuple, Protocol

import numpy as np

from ..brain import Order, Sense
from ..contract import Contract
from .wire import Message, newer

DRIFT = 1e-3
"""Seconds per second that the clocks of two machines may part without a message counting as late."""


class Link(Protocol):
    """The way to one robot. Nothing here blocks or raises for what the robot or the network does."""

    def sense(self, now: float) -> Sense:
        """The newest message, its age counted to `now` (s, the controller's clock)."""
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


class Inbox:
    """Which of a robot's messages count: the newest of one session, and how old it is.

    A message is as old as the time since it came, or, if that is more, as its stamp says: the fastest message so far
    tells how far the clocks are apart. So a delay that grows at once is seen; one that was always there is not.
    """

    def __init__(self, contract: Contract):
        self._contract = contract
        self._counts = Counts(0, 0, 0, 0)
        self.renew()

    def renew(self) -> None:
        """See `Link.renew`."""
        self._newest: Message | None = None
        self._heard, self._apart = -np.inf, np.inf
        self._sense = nothing_heard(self._contract)

    def take(self, message: Message | None, now: float) -> None:
        """One that came at `now`; None is one that could not be read."""
        counts, newest = self._counts, self._newest
        if message is None or not np.isfinite(message.stamp):
            self._counts = counts._replace(refused=counts.refused + 1)
        elif newest is not None and message.session != newest.session:
            self._counts = counts._replace(strange=counts.strange + 1)
        elif newest is not None and not newer(message.number, newest.number):
            self._counts = counts._replace(late=counts.late + 1)
        else:
            since = 0.0 if newest is None else now - self._heard
            self._apart = min(self._apart + DRIFT * since, now - message.stamp)
            self._newest, self._heard = message, now
            values = {name: np.asarray(array, float) for name, array in message.values.items() if name in Sense._fields}
            self._sense = Sense(0.0, **values)
            self._counts = counts._replace(received=counts.received + 1)

    def sense(self, now: float) -> Sense:
        """See `Link.sense`."""
        if self._newest is None:
            return self._sense
        return self._sense._replace(age=now - min(self._heard, self._newest.stamp + self._apart))

    def counts(self) -> Counts:
        """See `Link.counts`."""
        return self._counts


def nothing_heard(contract: Contract) -> Sense:
    """Before the first message."""
    joints, feet = len(contract.joint_names), len(contract.robot.feet) if contract.robot else 0
    unknown = np.full(joints, np.nan)
    return Sense(np.inf, np.full(4, np.nan), np.full(3, np.nan), unknown, unknown, np.full(feet, np.nan))
