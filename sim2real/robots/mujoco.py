"""A robot in a process of its own: plain C MuJoCo in real time, motor drives at 1 kHz, readings at 500 Hz over UDP.

    python -m gambol.sim2real.robots.mujoco bundle/ --port 7667

It knows nothing of policies. Drives do what the newest order says and damp by themselves `WATCHDOG` seconds after it.
"""

import argparse
import json
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from dataclasses import fields
from pathlib import Path

import mujoco
import numpy as np
from numpy.typing import NDArray

from .. import bundle
from ..contract import Contract
from ..onboard import model as models
from ..onboard.model import Body
from . import wire
from .imperfect import Delay, Imperfections, noisy
from .udp import MOST_BYTES, PORT
from .wire import Message

DT = 1e-3
"""Of physics and drives, s."""
EVERY = 2
"""Physics steps per message."""
WATCHDOG = 0.1
"""Seconds without an order after which drives damp."""
MOST_BEHIND = 0.1
"""Seconds that the simulation may lag behind the clock; more than that it leaves out."""


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
        self._ordered_at = -np.inf
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
            self._ordered_at = now

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
        if now - self._ordered_at > WATCHDOG:
            self.damp()
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


def serve(robot: SimulatedRobot, port: int, seconds: float) -> None:
    """Run in real time and answer whoever sends orders, for so many seconds. Raises OSError where the port is taken."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listening.bind(("127.0.0.1", port))
    listening.setblocking(False)
    joints, feet = len(robot.contract.joint_names), len(robot.body.feet)
    own = robot.imperfections
    coming, going = Delay(own.order_latency_ms, own, robot.draw), Delay(own.latency_ms, own, robot.draw)
    session, number, speaker, last = int.from_bytes(os.urandom(4), "little"), 0, None, None
    print(json.dumps({"port": listening.getsockname()[1]}), flush=True)
    began = due = time.monotonic()
    steps = 0
    while due - began < seconds:
        now = time.monotonic()
        if now - due > MOST_BEHIND:
            due = now
        while True:
            try:
                content, address = listening.recvfrom(MOST_BYTES)
            except (BlockingIOError, ConnectionError):
                break
            message = wire.unpack(wire.ORDER, content, joints, feet)
            if message is not None:
                speaker = address
                coming.put(now, content)
        for content in coming.due(now):
            message = wire.unpack(wire.ORDER, content, joints, feet)
            assert message is not None
            if last is None or last.session != message.session or wire.newer(message.number, last.number):
                robot.order(message, now)
                last = message
        robot.step(now)
        steps += 1
        if steps % EVERY == 0 and speaker is not None:
            number += 1
            state = Message(session, number, now, 0, robot.readings())
            going.put(now, wire.pack(wire.STATE, state, joints, feet))
        for content in going.due(now):
            assert speaker is not None
            with suppress(BlockingIOError, ConnectionError):  # if the controller is gone, the watchdog sees to the rest
                listening.sendto(content, speaker)
        due += DT
        time.sleep(max(0.0, due - time.monotonic()))


def main(argv: list[str]) -> int:
    """Be a robot until the time is up, or until it is told to stop."""
    parser = argparse.ArgumentParser(prog="python -m gambol.sim2real.robots.mujoco")
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    for field in fields(Imperfections):
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=float, default=field.default)
    options = parser.parse_args(argv)
    read = bundle.read(options.bundle)
    if read.contract.robot is None:
        raise ValueError(f"{options.bundle} is not of a robot")
    imperfections = Imperfections(**{field.name: getattr(options, field.name) for field in fields(Imperfections)})
    robot = SimulatedRobot(read.contract, read.files[read.contract.robot.mjcf], imperfections, options.seed)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    serve(robot, options.port, options.seconds)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
