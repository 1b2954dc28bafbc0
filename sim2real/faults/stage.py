"""Where a fault is played: a robot in lockstep, what the fault does to it and to its messages, and a watch on the
orders it is sent."""

import io
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..brain import Ask, Infer, Mode, Order, limits_of
from ..bundle import Bundle
from ..onboard import rotation
from ..onboard.words import Told
from ..robots.lockstep import Lockstep
from ..robots.simulated import Exchange, SimulatedRobot
from ..robots.wire import Message
from .fault import AT, Fault, Values

POLICY_AT, WALK_AT, END_AT = 2.5, 3.0, 10.0
"""Seconds into a run: the policy begins, it is told to walk, the end."""
SPEED = 0.5
"""What it is told, m/s."""
GOAL = np.array([0.5, 0.4, 0.0, 0.0, 0.0, 0.0])
PAST = 1000
"""Messages that are kept."""


class Seen(NamedTuple):
    """The robot at a tick, as it really is."""

    time: float
    place: NDArray
    """[3] of the base, m."""
    tilt: float
    """rad"""


class Stage(Lockstep):
    """The robot, its clock and its link, as the controller meets them; what happened is in its fields."""

    def __init__(self, read: Bundle, fault: Fault, seed: int):
        """Raises ValueError for a bundle that is not for a robot."""
        contract, self.fault, self.draw = read.contract, fault, np.random.default_rng(seed)
        self._contract = contract
        self._limits = limits_of(contract)
        assert contract.robot is not None
        robot = SimulatedRobot(contract, read.files[contract.robot.mjcf], fault.imperfections, seed)
        super().__init__(contract, Exchange(robot, self._states), self._content)
        self._output, self._ranges = contract.action.output, np.array(contract.joint_pos_limits).T
        self._past: list[Message] = []
        self._first: Values | None = None
        self._begun = self._hung = False
        self.seen: list[Seen] = []
        self.complaints: dict[str, float] = {}
        """What must never be, and when it was first."""
        self.damped_at = np.inf
        """When drives were first told to do nothing but damp, after standing up."""

    def on(self, now: float) -> bool:
        """Whether the fault is there."""
        return AT <= now < AT + self.fault.seconds

    def _states(self, message: Message, now: float) -> list[Message]:
        """What the robot sends instead of a message."""
        fault = self.fault
        self._past = [*self._past[1 - PAST :], message]
        if not self.on(now):
            return [message]
        if not self._begun and fault.body:
            fault.body(self.exchange.robot)
        self._begun = True
        if fault.readings:
            self._first = self._first or message.values
            message = message._replace(values=fault.readings(message.values, self._first))
        return fault.states(message, self._past) if fault.states else [message]

    def _content(self, content: bytes, now: float) -> list[bytes]:
        """What arrives instead of bytes."""
        return self.fault.content(content, self.draw) if self.fault.content and self.on(now) else [content]

    def ticks(self) -> int:
        """See `Lockstep.ticks`."""
        slow = self.fault.slow if self.on(self.now()) else 0.0
        return 1 + int(np.ceil(slow / self._contract.control_dt))

    def infer(self, real: Infer) -> Infer:
        """The graph, late or wrong."""
        said = self.wrong(real, self._output)

        def infer(inputs: dict[str, NDArray]) -> dict[str, NDArray]:
            outputs, fault, now = said(inputs), self.fault, self.now()
            if self.on(now):
                slow = 0.0 if self._contract.chunk else fault.slow  # then the loop does not wait
                self.sleep_until(now + slow + (0.0 if self._hung else fault.hangs))
                self._hung = True
            return outputs

        return infer

    def wrong(self, real: Infer, output: str) -> Infer:
        """A graph whose answers are wrong."""

        def infer(inputs: dict[str, NDArray]) -> dict[str, NDArray]:
            outputs, change = real(inputs), self.fault.policy
            if change is None or not self.on(self.now()):
                return outputs
            return {**outputs, output: change(outputs[output]).astype(np.float32)}

        return infer

    def operator(self, seconds: float, mode: Mode) -> Ask | None:
        """Stand up, walk; and what the fault makes of it."""
        if seconds > END_AT:
            return None
        told = Told(np.array([SPEED * (seconds > WALK_AT), 0.0]), GOAL, GOAL)
        ask = Ask(Mode.POLICY if seconds > POLICY_AT else Mode.STAND, told)
        return self.fault.ask(ask) if self.fault.ask and self.on(seconds) else ask

    def send(self, order: Order, now: float) -> None:
        """See `Link.send`."""
        self._look(order, now)
        self.seen.append(self.robot_now())
        super().send(order, now)

    def robot_now(self) -> Seen:
        """The robot as it really is."""
        robot = self.exchange.robot
        first = robot.body.base_qpos
        pose = np.array(robot.data.qpos[first : first + 7])
        return Seen(self.now(), pose[:3], float(np.arccos(np.clip(rotation.rotate(pose[3:], UP)[2], -1, 1))))

    def _look(self, order: Order, now: float) -> None:
        """Whether an order is one that may be given."""
        lower, upper = self._ranges
        wrong = {
            "an order is not finite": not all(np.isfinite(values).all() for values in order[:3]),
            "a target is outside its joint's range": (order.target < lower).any() or (order.target > upper).any(),
            "a drive is too stiff": (order.kp < 0).any() or (order.kp > self._limits.kp * ALMOST).any(),
            "a drive does not damp": (order.kd < np.minimum(self._limits.kd, self._limits.damping) / ALMOST).any(),
        }
        if now > POLICY_AT:
            if not order.kp.any():
                self.damped_at = min(self.damped_at, now)
            elif self.damped_at < now:
                wrong["drives hold again after damping"] = True
        for what, is_so in wrong.items():
            if is_so:
                self.complaints.setdefault(what, now)


UP = np.array([0.0, 0.0, 1.0])
ALMOST = 1 + 1e-9
"""Gains may be off by rounding."""


class Disk(io.RawIOBase):
    """A file on a disk that takes only so many bytes more."""

    def __init__(self, room: int):
        self._room = room

    def write(self, content) -> int:
        """Raises OSError where the disk is full."""
        self._room -= len(content)
        if self._room < 0:
            raise OSError(28, "No space left on device")
        return len(content)
