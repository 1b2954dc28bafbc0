"""Play faults in lockstep and judge how they end. The judge looks at the robot and at the orders it was sent, not at
what the controller says of itself."""

from dataclasses import replace
from typing import BinaryIO, NamedTuple, cast

import numpy as np

from .. import log as logs
from ..bundle import Bundle
from ..controller import Summary, run
from ..robots.simulated import WATCHDOG
from ..thinking import brain_of, graph, thinker
from .fault import AT, NORMAL, Fault
from .stage import SPEED, Disk, Stage

LAST = 2.0
"""Seconds at the end over which a robot's speed is measured."""
LEAST = 0.5
"""Share of the speed it was told that counts as walking."""
DOWN, TILTED = 0.25, 1.0
"""Height of the base (m) and tilt (rad) of a robot that is down."""


class Outcome(NamedTuple):
    """How a fault ended."""

    name: str
    wanted: str
    ended: str
    """damps, walks, halts (upright, not as fast as told), or falls (down, and still driven)."""
    reason: str
    """Of the controller, for damping."""
    after: float
    """Seconds from the fault to damping; not a number without."""
    height: float
    """Of the base at the end, m."""
    complaints: tuple[str, ...]
    """Orders that must never be given."""
    ok: bool


def play(read: Bundle, fault: Fault, seed: int = 0) -> Outcome:
    """One fault, from standing up to the end. Raises ValueError for a bundle that is not for a robot."""
    contract, stage = read.contract, Stage(read, fault, seed)
    real = graph(read.files[contract.graph.file], contract.graph)
    mind = thinker(contract, stage.infer(real), stage.ticks)
    brain = brain_of(read, mind)
    if brain.react and contract.reflex:
        brain = replace(brain, react=stage.wrong(brain.react, contract.reflex.graph.outputs[0].name))
    writer = None if fault.disk is None else logs.Writer(cast(BinaryIO, Disk(fault.disk)), contract, read.digest)
    summary = run(brain, mind, stage, stage.operator, writer, stage)
    stage.sleep_until(stage.now() + 2 * WATCHDOG)
    return judge(fault, stage, summary)


def judge(fault: Fault, stage: Stage, summary: Summary) -> Outcome:
    """What a run shows."""
    now = stage.robot_now()
    down = now.place[2] < DOWN or now.tilt > TILTED
    before = next(seen for seen in stage.seen if seen.time >= stage.seen[-1].time - LAST)
    speed = float(np.linalg.norm(stage.seen[-1].place[:2] - before.place[:2])) / LAST
    if stage.damped_at < stage.seen[-4].time:  # the last orders of a run always damp
        ended = "damps"
    else:
        ended = "falls" if down else "walks" if speed >= LEAST * SPEED else "halts"
    stop = next(iter(summary.stops), None)
    reason = stop.reason.name.lower().replace("_", " ") if stop else "asked" if ended == "damps" else ""
    after = stage.damped_at - AT if ended == "damps" else np.nan
    complaints = tuple(f"{what} at {when:.2f} s" for what, when in stage.complaints.items())
    allowed = ("damps", "walks", "halts") if fault.ends == "either" else (fault.ends,)
    early = after < 0 and fault.imperfections == NORMAL  # before anything has happened
    ok = ended in allowed and not complaints and not early
    return Outcome(fault.name, fault.ends, ended, reason, float(after), float(now.place[2]), complaints, ok)
