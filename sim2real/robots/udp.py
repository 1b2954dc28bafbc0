"""The link over UDP, by default on this machine alone. The robot answers whoever sends it orders."""

import os
import socket
from contextlib import suppress

import numpy as np

from ..brain import Order, Sense
from ..contract import Contract
from . import wire
from .link import Counts, nothing_heard
from .wire import Message

PORT = 7667
MOST_BYTES = 4096
BACKLOG = 256
"""Messages read in one go: more than come in a tick."""


class UdpLink:
    """See `Link`. Raises OSError where the address cannot be used."""

    def __init__(self, contract: Contract, host: str = "127.0.0.1", port: int = PORT):
        self._contract, self._joints = contract, len(contract.joint_names)
        self._feet = len(contract.robot.feet) if contract.robot else 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.connect((host, port))
        self._session, self._number = int.from_bytes(os.urandom(4), "little"), 0
        self._counts = Counts(0, 0, 0, 0)
        self.renew()

    def renew(self) -> None:
        """See `Link.renew`."""
        self._newest: Message | None = None
        self._heard = -np.inf
        self._nothing = nothing_heard(self._contract)

    def sense(self, now: float) -> Sense:
        """See `Link.sense`."""
        for _ in range(BACKLOG):
            try:
                content = self._socket.recv(MOST_BYTES)
            except (BlockingIOError, ConnectionError):  # nothing there, or nobody listens yet
                break
            self._take(content, now)
        if self._newest is None:
            return self._nothing
        values = {name: np.asarray(array, float) for name, array in self._newest.values.items() if name != "torque"}
        return Sense(now - self._heard, **values)

    def _take(self, content: bytes, now: float) -> None:
        message, counts = wire.unpack(wire.STATE, content, self._joints, self._feet), self._counts
        if message is None:
            self._counts = counts._replace(refused=counts.refused + 1)
        elif self._newest is not None and message.session != self._newest.session:
            self._counts = counts._replace(strange=counts.strange + 1)
        elif self._newest is not None and not wire.newer(message.number, self._newest.number):
            self._counts = counts._replace(late=counts.late + 1)
        else:
            self._newest, self._heard = message, now
            self._counts = counts._replace(received=counts.received + 1)

    def send(self, order: Order, now: float) -> None:
        """See `Link.send`."""
        self._number += 1
        values = {"target": order.target, "kp": order.kp, "kd": order.kd}
        message = Message(self._session, self._number, now, int(order.mode), values)
        with suppress(BlockingIOError, ConnectionError):  # if the robot is not there, the gate acts on its silence
            self._socket.send(wire.pack(wire.ORDER, message, self._joints, self._feet))

    def counts(self) -> Counts:
        """See `Link.counts`."""
        return self._counts

    def close(self) -> None:
        """See `Link.close`."""
        self._socket.close()
