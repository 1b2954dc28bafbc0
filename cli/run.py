"""`gambol run`: let a bundle drive a robot."""

import json
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import tyro

from ..sim2real import log as logs
from ..sim2real import operators as hands
from ..sim2real.controller import REHEARSAL, Summary, run
from ..sim2real.operators import Moment, Script
from ..sim2real.robots.imperfect import Imperfections
from ..sim2real.robots.open import open_robot
from ..sim2real.sessions import Refused
from ..sim2real.spread import Spread
from ..sim2real.thinking import brain_of, graph, thinker, warm_up
from ..sim2real.verify import proved
from .arguments import read

DESCRIPTION = """Drive a robot with the policy of a bundle, after proving the bundle. The robot mujoco is simulated in
real time by a process of its own.

  gambol run bundle --robot mujoco
  gambol run bundle --robot mujoco --operator keyboard
  gambol run bundle --robot udp://192.168.1.5:7667 --operator gamepad
  gambol run bundle --robot dds://eth0 --operator gamepad

Exit code 0 if the run ended as the operator wanted, 1 if a fault stopped the robot or the bundle is refused.
"""
FAILED = 1
WALK = Script(
    (
        Moment(0.0, "stand"),
        Moment(3.0, "policy"),
        Moment(4.0, forward=0.5),
        Moment(7.0, forward=0.5, yaw=0.6, goal=(0.6, 0.2, 0.5, 0.0, 0.0, 0.0)),
        Moment(10.0, forward=-0.3, goal=(0.6, -0.4, -0.5, 0.0, 0.0, 0.0)),
        Moment(12.0, goal=(0.5, 0.4, 0.0, 0.0, 0.0, 0.0)),
        Moment(14.0),
    )
)
"""What is done unless a script says otherwise: stand up, walk, turn, walk back, halt; the arm reaches around."""


@dataclass(frozen=True)
class Arguments:
    """What the command line chooses."""

    bundle: tyro.conf.Positional[Path]
    """Folder of the bundle."""
    robot: str = "mujoco"
    """mujoco, mujoco-dds, udp://HOST:PORT, or dds://INTERFACE?domain=N."""
    operator: Literal["script", "keyboard", "gamepad"] = "script"
    """Who tells the robot where to go."""
    script: Path | None = None
    """YAML file of moments: at, mode, forward, yaw, goal. By default a short walk."""
    log: Path | None = None
    """File to write every tick to; it must not exist."""
    seed: int = 0
    """Of the simulated robot's noise."""
    imperfections: Imperfections = field(default_factory=Imperfections)
    """Of the simulated robot."""
    json: bool = False
    """Print the result as one JSON object on the last line of stdout."""


def main(argv: list[str]) -> int:
    """Run, and say how it went. Raises ValueError or OSError for what the user can mend."""
    options = read(Arguments, argv, prog="gambol run", description=DESCRIPTION)
    try:
        loaded = proved(options.bundle)
    except Refused as error:
        print(f"{options.bundle} is refused: {error}")
        return FAILED
    contract = loaded.contract
    infer = graph(loaded.files[contract.graph.file], contract.graph)
    mind = thinker(contract, infer)
    brain = brain_of(loaded, mind)
    warm_up(contract.graph, infer)
    if brain.react and contract.reflex:
        warm_up(contract.reflex.graph, brain.react)
    with ExitStack() as stack:
        if options.operator == "script":
            script = hands.read_script(options.script) if options.script else WALK
            operator = hands.scripted(script, contract)
        else:
            print(hands.HELP if options.operator == "keyboard" else "A stand  Y policy  B damping  X passive")
            hand = hands.Keyboard() if options.operator == "keyboard" else hands.Gamepad(contract)
            operator = hands.by_hand(contract, stack.enter_context(hand))
        writer = logs.Writer(options.log.open("xb", buffering=0), contract, loaded.digest) if options.log else None
        if writer:
            stack.callback(writer.close)
        robot = open_robot(options.robot, options.bundle, contract, options.imperfections, options.seed)
        link = stack.enter_context(robot)
        summary = run(brain, mind, link, operator, writer, rehearsal=REHEARSAL)
    told = tell(summary)
    late, inference = told["jitter_ms"]["p99"], told["inference_ms"]["p99"]
    print(f"{summary.ticks} ticks, {summary.missed} missed; p99: late {late:.2f} ms, inference {inference:.3f} ms")
    if contract.chunk:
        print(f"{len(summary.inference)} chunks, {summary.late_chunks} later than the policy was told")
    for stop in summary.stops:
        print(f"stopped at {stop.time:.2f} s: {stop.reason.name.lower().replace('_', ' ')}")
    if not summary.heard:
        print(f"nothing was heard of --robot {options.robot}: is it on, and is that its address?")
    if options.json:
        print(json.dumps(told))
    return 0 if told["ok"] else FAILED


def tell(summary: Summary) -> dict:
    """A summary as JSON."""

    def quantiles(spread: Spread) -> dict[str, float]:
        return {f"p{percent}": spread.quantile(percent / 100) for percent in (50, 99)}

    return {
        "ok": not summary.stops and summary.heard > 0,
        "ticks": summary.ticks,
        "missed": summary.missed,
        "jitter_ms": quantiles(summary.late),
        "inference_ms": quantiles(summary.inference),
        "late_chunks": summary.late_chunks,
        "stops": [{"time": stop.time, "reason": stop.reason.name.lower()} for stop in summary.stops],
        "modes": summary.modes,
        "lost": summary.lost,
        "heard": summary.heard,
    }
