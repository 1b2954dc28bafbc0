"""A simulated robot without any clock or socket of its own: plain C MuJoCo, motor drives, and the way of messages to
and from it.

It knows nothing of policies. Drives do what the newest order says and damp by themselves `WATCHDOG` seconds after it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import mujoco
import numpy as np
from numpy.typing import NDArray

from ..contract import Contract
from ..onboard import model as models
from ..onboard.model import Body
from . import wire
from .imperfect import Delay, Imperfections, noisy
from .wire import Message

DT = 1e-3
"""Of physics and drives, s."""
EVERY = 2
"""Physics steps per message."""
WATCHDOG = 0.1
"""Seconds without an order after which drives damp, and after which another controller may take over."""


class Post(Protocol):
    """The robot's end of a link. Nothing here blocks or raises for what the other side does."""

    where: str
    """What a controller needs to find it."""

    def orders(self) -> list[Message]:
        """Orders that have come since, oldest first; what is damaged is left out."""
        ...

    def send(self, state: Message) -> None:
        """Say how the robot is."""
        ...

    def close(self) -> None:
        """Let go of sockets."""
        ...


class SimulatedRobot:
    """Physics and drives, without any clock or socket of its own."""

    def __init__(self, contract: Contract, xml: bytes, imperfections: Imperfections, seed: int):
        assert contract.robot is not None and contract.safety is not None
        self.contract, self.imperfections = contract, imperfections
        self.body: Body = models.read(xml, contract)
        self.draw = np.random.default_rng(seed)
        model = self.body.model
        model.opt.timestep = DT
        self.data = mujoco.MjData(model)
        self._drives = [model.actuator(name).id for name in contract.actuator_names]
        self._touch = [int(model.sensor(f"{foot}/touch").adr[0]) for foot in contract.robot.feet]
        self._damping = np.array(contract.safety.damping)
        self.ordered_at = -np.inf
        self._steps = 0
        self.reset()

    def reset(self) -> None:
        """Upright in the default pose, feet on the ground, drives damping."""
        data, body = self.data, self.body
        mujoco.mj_resetData(body.model, data)
        assert self.contract.robot is not None
        data.qpos[body.base_qpos + 2] = self.contract.robot.standing_height
        data.qpos[body.qpos] = body.default
        mujoco.mj_forward(body.model, data)
        self.damp()

    def order(self, message: Message, now: float) -> None:
        """Set the drives. An order that is not finite is not one."""
        target, kp, kd = (np.asarray(message.values[name], float) for name in ("target", "kp", "kd"))
        if all(np.isfinite(values).all() for values in (target, kp, kd)):
            self._set(target, kp, kd)
            self.ordered_at = now

    def damp(self) -> None:
        """What drives do when nobody tells them anything."""
        self._set(np.zeros(len(self._drives)), np.zeros(len(self._drives)), self._damping)

    def _set(self, target: NDArray, kp: NDArray, kd: NDArray) -> None:
        model, drives = self.body.model, self._drives
        self.data.ctrl[drives] = target
        model.actuator_gainprm[drives, 0] = kp
        model.actuator_biasprm[drives, 1] = -kp
        model.actuator_biasprm[drives, 2] = -kd

    def step(self, now: float) -> None:
        """One step of physics and drives."""
        own = self.imperfections
        if now - self.ordered_at > WATCHDOG:
            self.damp()
        self._steps += 1
        if own.push and self._steps % round(own.push_period / DT) == 0:
            angle = self.draw.uniform(0, 2 * np.pi)
            self.push(own.push * np.array([np.cos(angle), np.sin(angle)]))
        mujoco.mj_step(self.body.model, self.data)

    def readings(self) -> dict[str, NDArray]:
        """What the robot says of itself, with noise."""
        data, body = self.data, self.body
        base, speed = body.base_qpos, body.base_qvel
        clean = {
            "turn": data.qpos[base + 3 : base + 7],
            "rate": data.qvel[speed + 3 : speed + 6],
            "joints": data.qpos[body.qpos],
            "joint_rates": data.qvel[body.qvel],
            "torque": data.actuator_force[self._drives],
            "feet_force": data.sensordata[self._touch],
        }
        return noisy({name: np.array(values) for name, values in clean.items()}, self.imperfections.noise, self.draw)

    def push(self, velocity: NDArray) -> None:
        """Set the horizontal velocity of the base [2], m/s."""
        first = self.body.base_qvel
        self.data.qvel[first : first + 2] = velocity


def as_it_is(message: Message, now: float) -> list[Message]:
    """Nothing happens to a message."""
    return [message]


@dataclass
class Exchange:
    """A robot and the messages on their way to it and from it, one step of physics at a time. One controller is
    listened to: another only when the first has been silent."""

    robot: SimulatedRobot
    spoil: Callable[[Message, float], list[Message]] = as_it_is
    """What becomes of a state that the robot sends at a time, for tests of faults."""

    def __post_init__(self):
        own = self.robot.imperfections
        self._coming = Delay(own.order_latency_ms, own, self.robot.draw)
        self._going = Delay(own.latency_ms, own, self.robot.draw)
        self._session, self._number = wire.session(), 0
        self._last: Message | None = None

    def hear(self, order: Message, now: float) -> None:
        """An order that was sent at `now`."""
        self._coming.put(now, order)

    def step(self, now: float) -> list[Message]:
        """One step of physics; states that arrive at the controller."""
        for order in self._coming.due(now):
            self._obey(order, now)
        self.robot.step(now)
        self._number += 1
        if self._number % EVERY == 0:
            for state in self.spoil(Message(self._session, self._number, now, 0, self.robot.readings()), now):
                self._going.put(now, state)
        return self._going.due(now)

    def _obey(self, order: Message, now: float) -> None:
        last = self._last
        silent = now - self.robot.ordered_at > WATCHDOG
        if last is None or silent or (last.session == order.session and wire.newer(order.number, last.number)):
            self.robot.order(order, now)
            self._last = order
