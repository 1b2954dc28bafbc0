"""A simulated robot on the controller's own clock: time passes when the controller sleeps. What takes seconds on a
robot takes tenths of one here, and comes out the same every time; bytes are packed, delayed and read as they are
between processes."""

from collections.abc import Callable

from ..brain import Order, Sense
from ..contract import Contract
from . import wire
from .link import Counts, Inbox
from .simulated import DT, Exchange
from .udp import order_message, sizes


def as_it_is(content: bytes, now: float) -> list[bytes]:
    """Nothing happens to bytes."""
    return [content]


class Lockstep:
    """See `Link`, and `controller.Clock`."""

    def __init__(self, contract: Contract, exchange: Exchange, spoil: Callable[[bytes, float], list[bytes]] = as_it_is):
        """`spoil`: what becomes of the bytes of a state that arrive at a time."""
        self._sizes, self._inbox, self._spoil = sizes(contract), Inbox(contract), spoil
        self.exchange = exchange
        self.renew = self._inbox.renew
        self._steps = self._number = 0

    def now(self) -> float:
        """See `controller.Clock.now`."""
        return self._steps * DT

    def sleep_until(self, when: float) -> None:
        """See `controller.Clock.sleep_until`."""
        while self.now() < when - DT / 2:
            self._steps += 1
            now = self.now()
            for state in self.exchange.step(now):
                for content in self._spoil(wire.pack(wire.STATE, state, *self._sizes), now):
                    self._inbox.take(wire.unpack(wire.STATE, content, *self._sizes), now)

    def ticks(self) -> int:
        """How many an answer takes that the loop does not wait for."""
        return 1

    def sense(self, now: float) -> Sense:
        """See `Link.sense`."""
        return self._inbox.sense(now)

    def send(self, order: Order, now: float) -> None:
        """See `Link.send`."""
        self._number += 1
        content = wire.pack(wire.ORDER, order_message(order, 1, self._number, now), *self._sizes)
        message = wire.unpack(wire.ORDER, content, *self._sizes)
        assert message is not None
        self.exchange.hear(message, now)

    def counts(self) -> Counts:
        """See `Link.counts`."""
        return self._inbox.counts()

    def close(self) -> None:
        """See `Link.close`."""
