"""A robot in a process of its own: the simulated one in real time, drives at 1 kHz, readings at 500 Hz.

python -m gambol.sim2real.robots.mujoco bundle/ --link udp --port 7667
"""

import argparse
import json
import signal
import sys
import time
from dataclasses import fields
from pathlib import Path

from .. import bundle
from ..contract import Contract
from .imperfect import Imperfections
from .simulated import DT, Exchange, Post, SimulatedRobot
from .udp import PORT, UdpPost

MOST_BEHIND = 0.1
"""Seconds that the simulation may lag behind the clock; more than that it leaves out."""


def serve(robot: SimulatedRobot, post: Post, seconds: float) -> None:
    """Run in real time and answer whoever sends orders, for so many seconds."""
    exchange = Exchange(robot)
    began = due = time.monotonic()
    while due - began < seconds:
        now = time.monotonic()
        if now - due > MOST_BEHIND:
            due = now
        for order in post.orders():
            exchange.hear(order, now)
        for state in exchange.step(now):
            post.send(state)
        due += DT
        time.sleep(max(0.0, due - time.monotonic()))


def open_post(link: str, port: int, domain: int, contract: Contract) -> Post:
    """The robot's end of a link. Raises OSError where an address is taken, ValueError where a package is missing."""
    if link == "dds":
        from .dds import DdsPost

        return DdsPost(contract, domain)
    return UdpPost(contract, port)


def main(argv: list[str]) -> int:
    """Be a robot until the time is up, or until it is told to stop."""
    parser = argparse.ArgumentParser(prog="python -m gambol.sim2real.robots.mujoco")
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--link", choices=["udp", "dds"], default="udp")
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument("--domain", type=int, default=0)
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
    post = open_post(options.link, options.port, options.domain, read.contract)
    print(json.dumps({"where": post.where}), flush=True)
    try:
        serve(robot, post, options.seconds)
    finally:
        post.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
