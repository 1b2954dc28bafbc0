"""Unitree's messages over DDS: the same controller talks to the simulated robot and to one of Unitree's.

The robot's `tick`, in ms, is its clock and counts its messages. Feet are in the order of `foot_force`.
"""

from contextlib import suppress
from functools import cache
from typing import Any

import numpy as np

from ..brain import Order, Sense
from ..contract import Contract
from ..extras import need
from . import unitree
from .link import Counts, Inbox
from .wire import Message

LOOPBACK = "lo"
BACKLOG = 16
"""Messages that are kept until they are read."""
PATIENCE = 0.001
"""Seconds that sending may wait."""
LOCAL = """<AllowMulticast>false</AllowMulticast></General><Discovery><ParticipantIndex>auto</ParticipantIndex>
<MaxAutoParticipantIndex>32</MaxAutoParticipantIndex><Peers><Peer address="127.0.0.1"/></Peers></Discovery>"""
"""What finds others without multicast."""


@cache
def domain(number: int, interface: str) -> Any:
    """The domain on that network interface alone; it lasts as long as the process.

    Raises ValueError where the package is missing or there is no such interface.
    """
    need("cyclonedds")
    from cyclonedds.core import DDSException
    from cyclonedds.domain import Domain

    inside = LOCAL if interface == LOOPBACK else "</General>"
    chosen = f'<Interfaces><NetworkInterface name="{interface}"/></Interfaces>'
    try:
        return Domain(number, f'<CycloneDDS><Domain id="any"><General>{chosen}{inside}</Domain></CycloneDDS>')
    except DDSException as error:
        raise ValueError(
            f"DDS domain {number} on {interface!r}: {error}; name a network interface that is up"
        ) from None


class Topics:
    """A reader of one topic and a writer of the other."""

    def __init__(self, number: int, interface: str, reads: tuple[str, str], writes: tuple[str, str], keeps: int):
        self._domain = domain(number, interface)
        from cyclonedds.core import DDSException, Policy, Qos
        from cyclonedds.domain import DomainParticipant
        from cyclonedds.pub import DataWriter
        from cyclonedds.sub import DataReader
        from cyclonedds.topic import Topic
        from cyclonedds.util import duration

        self._suppressed, self._reads, self._writes = DDSException, reads[1], writes[1]
        self._part = DomainParticipant(number)
        reading = Qos(Policy.Reliability.BestEffort, Policy.History.KeepLast(keeps))
        writing = Qos(Policy.Reliability.Reliable(duration(seconds=PATIENCE)), Policy.History.KeepLast(1))
        topics = [Topic(self._part, name, unitree.dds_type(kind)) for name, kind in (reads, writes)]
        self._reader = DataReader(self._part, topics[0], reading)
        self._writer = DataWriter(self._part, topics[1], writing)

    def take(self) -> list[tuple[Any, int] | None]:
        """(message in memory, who sent it) of all that has come, oldest first; None for what is damaged."""
        try:
            samples = self._reader.take(BACKLOG)
        except Exception:  # bytes that are no such message raise whatever they happen to
            return [None]
        found = []
        for sample in samples:
            if not getattr(sample.sample_info, "valid_data", False):
                continue  # only that a writer has come or gone
            message = unitree.from_dds(self._reads, sample)
            sound = int(message["crc"]) == unitree.checksum(message)
            found.append((message, sample.sample_info.publication_handle & 0xFFFFFFFF) if sound else None)
        return found

    def write(self, message: Any) -> None:
        """Send; if it cannot be sent, the other side acts on the silence."""
        with suppress(self._suppressed):
            self._writer.write(unitree.to_dds(self._writes, message))

    def close(self) -> None:
        """Leave the domain."""
        del self._reader, self._writer, self._part


class DdsLink:
    """See `Link`. Raises ValueError where DDS cannot be used, or for a robot that has too many motors or feet."""

    def __init__(self, contract: Contract, number: int = 0, interface: str = LOOPBACK):
        check(contract)
        self._motors, self._feet = np.array(contract.joint2motor), len(contract.robot.feet) if contract.robot else 0
        self._topics = Topics(number, interface, (unitree.STATES, "LowState_"), (unitree.ORDERS, "LowCmd_"), 1)
        self._inbox = Inbox(contract)
        self.renew = self._inbox.renew

    def sense(self, now: float) -> Sense:
        """See `Link.sense`."""
        for taken in self._topics.take():
            self._inbox.take(self._state(*taken) if taken else None, now)
        return self._inbox.sense(now)

    def _state(self, message: Any, sender: int) -> Message:
        imu, motors, tick = message["imu_state"], message["motor_state"], int(message["tick"])
        values = {
            "turn": imu["quaternion"],
            "rate": imu["gyroscope"],
            "joints": motors["q"][self._motors],
            "joint_rates": motors["dq"][self._motors],
            "feet_force": message["foot_force"][: self._feet],
        }
        return Message(sender, tick, tick / 1e3, 0, values)

    def send(self, order: Order, now: float) -> None:
        """See `Link.send`."""
        self._topics.write(unitree.low_cmd(order.target, order.kp, order.kd, self._motors))

    def counts(self) -> Counts:
        """See `Link.counts`."""
        return self._inbox.counts()

    def close(self) -> None:
        """See `Link.close`."""
        self._topics.close()


class DdsPost:
    """See `Post`: what a robot of Unitree's does. Raises as `DdsLink`."""

    def __init__(self, contract: Contract, number: int = 0, interface: str = LOOPBACK):
        check(contract)
        self._motors, self._count, self.where = np.array(contract.joint2motor), 0, str(number)
        orders, states = (unitree.ORDERS, "LowCmd_"), (unitree.STATES, "LowState_")
        self._topics = Topics(number, interface, orders, states, BACKLOG)

    def orders(self) -> list[Message]:
        """See `Post.orders`. An order has no number of its own: it is numbered as it comes."""
        found = []
        for taken in self._topics.take():
            if taken is None:
                continue
            motors = taken[0]["motor_cmd"][self._motors]
            self._count += 1
            values = {"target": motors["q"], "kp": motors["kp"], "kd": motors["kd"]}
            found.append(Message(taken[1], self._count, 0.0, 0, values))
        return found

    def send(self, state: Message) -> None:
        """See `Post.send`."""
        self._topics.write(unitree.low_state(state.values, state.number, self._motors))

    def close(self) -> None:
        """See `Post.close`."""
        self._topics.close()


def check(contract: Contract) -> None:
    """Raises ValueError for a robot that these messages have no room for."""
    feet = len(contract.robot.feet) if contract.robot else 0
    if max(contract.joint2motor) >= unitree.MOTORS or feet > 4:
        raise ValueError(f"DDS: {unitree.ORDERS} has {unitree.MOTORS} motors and 4 feet: the robot has more")
