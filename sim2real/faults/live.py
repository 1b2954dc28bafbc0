"""Faults of processes, in real time: one is killed, stopped, started anew, or speaks out of turn. A probe beside the
controller sees what the drives do."""

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml

from .. import log as logs
from ..brain import Mode, Order
from ..bundle import Bundle
from ..robots.imperfect import Imperfections
from ..robots.open import simulated
from ..robots.simulated import WATCHDOG
from ..robots.udp import UdpLink, received, sizes
from ..robots.wire import STATE, Message, unpack
from ..safety import Reason
from .campaign import Outcome

QUIET = Imperfections(noise=0.0, latency_ms=0.0, jitter_ms=0.0)
"""So that a drive's torque tells exactly what it was told."""
WALKING, OVER = 4.5, 9.0
"""Seconds into the controller's script: the fault, the end."""
SCRIPT = {
    "moments": [{"at": 0.0, "mode": "stand"}, {"at": 2.5}, {"at": 3.0, "forward": 0.4}, {"at": OVER, "forward": 0.4}]
}
PATIENCE = 60.0
SETTLED = WATCHDOG + 0.05
"""Seconds after which drives must have let go."""
EXACT = 0.5
"""N m that drives may seem to give beside damping."""


class Probe:
    """Another controller, which may speak or keep to listening."""

    def __init__(self, read: Bundle, port: int):
        self._link, self._sizes = UdpLink(read.contract, port=port), sizes(read.contract)
        assert read.contract.safety is not None
        self.damping = np.array(read.contract.safety.damping)
        joints = len(self.damping)
        self.rest = Order(np.zeros(joints), np.zeros(joints), self.damping, Mode.PASSIVE, Reason.NONE)

    def listen(self, seconds: float, order: Order | None = None) -> list[Message]:
        """What the robot says for so long, while it is told an order 50 times a second."""
        found, until = [], time.monotonic() + seconds
        while time.monotonic() < until:
            self._link.send(order or self.rest, time.monotonic())
            time.sleep(0.02)
            found += [unpack(STATE, content, *self._sizes) for content, _ in received(self._link.socket)]
        return [message for message in found if message is not None]

    def holding(self, said: list[Message]) -> float:
        """The most torque, N m, that a drive gives beside damping: the median over messages, for a torque is of the
        rate a step before, which is another when the robot falls."""
        off = [message.values["torque"] + self.damping * message.values["joint_rates"] for message in said]
        return float(np.abs(np.median(off, axis=0)).max())

    def close(self) -> None:
        """Let go of the socket."""
        self._link.close()


@dataclass
class Play:
    """What a live fault has in hand."""

    probe: Probe
    robot: subprocess.Popen
    controller: subprocess.Popen
    port: int
    start_robot: Callable[[int], Any]
    """Start a robot at a port."""


class Live(NamedTuple):
    """A fault of processes."""

    name: str
    ends: str
    """damps, or walks."""
    happens: Callable[[Play], list[Message]]
    """Do it; what the robot said afterwards, once drives must have let go."""
    reasons: tuple[str, ...] = ()
    """That the controller may give; none where it does not live to give one."""


def kill_controller(play: Play) -> list[Message]:
    """And nobody takes its place."""
    play.controller.kill()
    play.probe.listen(SETTLED)
    return play.probe.listen(0.5)


def stop_controller(play: Play) -> list[Message]:
    """For a second; what is seen is how the robot goes on with it awake again."""
    play.controller.send_signal(signal.SIGSTOP)
    play.probe.listen(SETTLED)
    asleep = play.probe.listen(0.8)
    play.controller.send_signal(signal.SIGCONT)
    return asleep + play.probe.listen(1.0)


def kill_robot(play: Play) -> list[Message]:
    """And nobody takes its place."""
    play.robot.kill()
    return []


def restart_robot(play: Play) -> list[Message]:
    """The new one stands where the old one stood."""
    play.robot.kill()
    play.robot.wait(PATIENCE)
    play.start_robot(play.port)
    return play.probe.listen(1.0)


def speak_too(play: Play) -> list[Message]:
    """A second controller gives stiff orders."""
    joints = len(play.probe.damping)
    stiff = play.probe.rest._replace(target=np.ones(joints), kp=np.full(joints, 150.0), mode=Mode.POLICY)
    return play.probe.listen(2.0, stiff)


FAULTS = (
    Live("controller killed", "damps", kill_controller),
    Live("controller stopped for 1 s", "damps", stop_controller, ("deadline", "stale")),
    Live("robot killed", "damps", kill_robot, ("stale",)),
    Live("robot killed and started anew", "damps", restart_robot, ("stale",)),
    Live("a second controller speaks too", "walks", speak_too),
)


def play(folder: Path, read: Bundle, fault: Live) -> Outcome:
    """One fault of processes. Raises RuntimeError if robot or controller do not start."""
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))

        def start_robot(port: int) -> tuple[subprocess.Popen, int]:
            return stack.enter_context(simulated(folder, QUIET, 0, port=port))

        robot, port = start_robot(0)
        probe = stack.enter_context(closing(Probe(read, port)))
        controller = stack.enter_context(control(folder, port, scratch))
        wait_until_it_walks(controller, scratch / LOG, read)
        said = fault.happens(Play(probe, robot, controller, port, start_robot))
        output, _ = controller.communicate(timeout=PATIENCE)
        return judge(fault, probe, said, output.strip().splitlines(), logs.read(scratch / LOG, read.contract))


LOG = "ticks.log"


@contextmanager
def control(folder: Path, port: int, scratch: Path) -> Iterator[subprocess.Popen]:
    """`gambol run` in a process of its own."""
    (scratch / "script.yaml").write_text(yaml.safe_dump(SCRIPT))
    words = [sys.executable, "-c", "import sys; from gambol.cli.run import main; sys.exit(main(sys.argv[1:]))"]
    words += [str(folder), "--robot", f"udp://127.0.0.1:{port}", "--json"]
    words += ["--script", str(scratch / "script.yaml"), "--log", str(scratch / LOG)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_until_it_walks(controller: subprocess.Popen, log: Path, read: Bundle) -> None:
    """Raises RuntimeError if it does not within `PATIENCE`."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and controller.poll() is None:
        time.sleep(0.02)
        ticks = logs.read(log, read.contract).ticks if log.exists() and log.stat().st_size else []
        if len(ticks) and ticks[-1]["time"] > WALKING and ticks[-1]["mode"] == Mode.POLICY:
            return
    raise RuntimeError(f"the robot did not walk: exit code of gambol run {controller.poll()}")


def judge(fault: Live, probe: Probe, said: list[Message], output: list[str], log: logs.Log) -> Outcome:
    """What was seen and said. Where nobody was left to damp the log tells it."""
    told = json.loads(output[-1]) if output else {"ok": None, "stops": []}
    complaints = []
    holding = probe.holding(said) if said else 0.0
    if fault.ends == "damps" and holding > EXACT:
        complaints.append(f"a drive held on with {holding:.1f} N m")
    if not said and fault.happens is not kill_robot:
        complaints.append("the robot said nothing")
    reason = next((stop["reason"] for stop in told["stops"]), "")
    if fault.reasons and reason not in fault.reasons:
        complaints.append(f"the controller's reason was {reason or 'none'}")
    if fault.ends == "walks" and (not told["ok"] or holding < EXACT):
        complaints.append("it did not walk on")
    after = log.ticks["time"][log.ticks["mode"] == Mode.DAMPING]
    after = float(after[0]) - WALKING if len(after) else np.nan
    ended = fault.ends if not complaints else "fails"
    return Outcome(fault.name, fault.ends, ended, reason, after, np.nan, tuple(complaints), not complaints)
