"""Messages over UDP, by default on this machine alone. The robot answers those who send it orders."""

import socket
from collections import deque
from contextlib import suppress

from ..brain import Order, Sense
from ..contract import Contract
from . import wire
from .link import Inbox
from .wire import Message

PORT = 7667
MOST_BYTES = 4096
BACKLOG = 256
"""Messages read in one go: more than come in a tick."""
LISTENERS = 4
"""Who spoke last to a robot is told its state: so many of them."""


def received(own: socket.socket) -> list[tuple[bytes, tuple]]:
    """(content, address) of what has come, oldest first."""
    found = []
    for _ in range(BACKLOG):
        try:
            found.append(own.recvfrom(MOST_BYTES))
        except (BlockingIOError, ConnectionError):  # nothing there, or nobody listens yet
            break
    return found


class UdpLink:
    """See `Link`. Raises OSError where the address cannot be used."""

    def __init__(self, contract: Contract, host: str = "127.0.0.1", port: int = PORT):
        self._sizes = sizes(contract)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.connect((host, port))
        self._session, self._number = wire.session(), 0
        self._inbox = Inbox(contract)
        self.renew, self.counts = self._inbox.renew, self._inbox.counts

    def sense(self, now: float) -> Sense:
        """See `Link.sense`."""
        for content, _ in received(self.socket):
            self._inbox.take(wire.unpack(wire.STATE, content, *self._sizes), now)
        return self._inbox.sense(now)

    def send(self, order: Order, now: float) -> None:
        """See `Link.send`."""
        self._number += 1
        message = order_message(order, self._session, self._number, now)
        with suppress(BlockingIOError, ConnectionError):  # if the robot is not there, the gate acts on its silence
            self.socket.send(wire.pack(wire.ORDER, message, *self._sizes))

    def close(self) -> None:
        """See `Link.close`."""
        self.socket.close()


class UdpPost:
    """See `Post`. Port 0 takes any that is free. Raises OSError where the port is taken."""

    def __init__(self, contract: Contract, port: int = PORT):
        self._sizes = sizes(contract)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", port))
        self._socket.setblocking(False)
        self._speakers: deque[tuple] = deque(maxlen=LISTENERS)
        self.where = str(self._socket.getsockname()[1])

    def orders(self) -> list[Message]:
        """See `Post.orders`."""
        found = []
        for content, address in received(self._socket):
            message = wire.unpack(wire.ORDER, content, *self._sizes)
            if message is not None:
                if address not in self._speakers:
                    self._speakers.append(address)
                found.append(message)
        return found

    def send(self, state: Message) -> None:
        """See `Post.send`."""
        for address in self._speakers:
            with suppress(BlockingIOError, ConnectionError):  # a controller that is gone: the watchdog sees to the rest
                self._socket.sendto(wire.pack(wire.STATE, state, *self._sizes), address)

    def close(self) -> None:
        """See `Post.close`."""
        self._socket.close()


def sizes(contract: Contract) -> tuple[int, int]:
    """Joints and feet of the contract's robot."""
    return len(contract.joint_names), len(contract.robot.feet) if contract.robot else 0


def order_message(order: Order, session: int, number: int, now: float) -> Message:
    """An order as a message."""
    values = {"target": order.target, "kp": order.kp, "kd": order.kd}
    return Message(session, number, now, int(order.mode), values)
