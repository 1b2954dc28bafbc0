"""What stands between a robot and its controller: noise, delay, jitter and loss of messages."""

import heapq
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from .wire import Message


@dataclass(frozen=True)
class Imperfections:
    """How far from ideal the simulated robot is. Raises ValueError for what cannot be."""

    noise: float = 1.0
    """Factor on the noise of the readings."""
    latency_ms: float = 10.0
    """From a reading to the controller."""
    order_latency_ms: float = 0.0
    """From an order to the drives."""
    jitter_ms: float = 1.0
    """Largest further delay of a message, uniform."""
    loss: float = 0.0
    """Share of messages that are lost, each way."""
    push: float = 0.0
    """Speed that a push gives the base, m/s, in any horizontal direction; 0: no pushes."""
    push_period: float = 5.0
    """Seconds between pushes."""

    def __post_init__(self):
        for field in fields(self):
            value = getattr(self, field.name)
            if not 0 <= value < np.inf:
                raise ValueError(f"{field.name} is {value}: it must be a finite number, 0 or above")
        if not self.push_period:
            raise ValueError("push_period is 0: it must be above")
        if self.loss >= 1:
            raise ValueError(f"loss is {self.loss}: it must be below 1")


NOISE = {"turn": 0.015, "rate": 0.1, "joints": 0.01, "joint_rates": 0.5}
"""Half-widths of uniform noise: those of training, in SI units (the quaternion's gives about 0.03 of gravity)."""


class Delay:
    """Messages on their way: in with a time, out when their time has come."""

    def __init__(self, latency_ms: float, imperfections: Imperfections, draw: np.random.Generator):
        self._latency, self._jitter, self._loss = latency_ms / 1e3, imperfections.jitter_ms / 1e3, imperfections.loss
        self._draw, self._waiting, self._count = draw, [], 0

    def put(self, now: float, message: Message) -> None:
        """Send at `now`; some are lost."""
        if self._draw.random() < self._loss:
            return
        self._count += 1
        due = now + self._latency + self._jitter * self._draw.random()
        heapq.heappush(self._waiting, (due, self._count, message))

    def due(self, now: float) -> list[Message]:
        """What has arrived by `now`, in the order of arrival."""
        found = []
        while self._waiting and self._waiting[0][0] <= now:
            found.append(heapq.heappop(self._waiting)[2])
        return found


def noisy(values: dict[str, NDArray], factor: float, draw: np.random.Generator) -> dict[str, NDArray]:
    """Readings with their noise times `factor`; a quaternion stays one."""
    found = dict(values)
    for name, width in NOISE.items():
        found[name] = values[name] + factor * width * draw.uniform(-1, 1, values[name].shape)
    found["turn"] = found["turn"] / np.linalg.norm(found["turn"])
    return found
