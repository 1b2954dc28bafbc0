"""The loop around the brain: absolute deadlines, one tick each, everything logged."""

import gc
import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np

from . import log as logs
from .brain import Ask, Brain, Mode, Sense, State, question_of
from .log import Writer
from .onboard import chunked
from .onboard.words import Told
from .robots.link import Link
from .safety import Reason
from .spread import Spread
from .thinking import AtOnce

REHEARSAL = 5e-3
"""Seconds that are worth it in real time."""
SILENT = 0.5
"""Seconds of silence after which, with drives that only damp, a robot that started anew is listened to."""

Operator = Callable[[float, Mode], Ask | None]
"""(seconds since the start, mode of the last tick) -> what is wanted; None to end the run."""


class Clock(Protocol):
    """What time it is, s, from any origin; it never goes back."""

    def now(self) -> float:
        """The time."""
        ...

    def sleep_until(self, when: float) -> None:
        """Wait; not at all for what is past."""
        ...


class WallClock:
    """The machine's own `Clock`."""

    def now(self) -> float:
        """See `Clock.now`."""
        return time.monotonic()

    def sleep_until(self, when: float) -> None:
        """See `Clock.sleep_until`."""
        time.sleep(max(0.0, when - time.monotonic()))


WALL = WallClock()


class Stop(NamedTuple):
    """A fault that ended in damping."""

    time: float
    """s since the start."""
    reason: Reason


class Summary(NamedTuple):
    """What came of a run."""

    ticks: int
    missed: int
    """Deadlines that passed before their tick was done."""
    late: Spread
    """How late ticks began."""
    inference: Spread
    """Of the policy's answers."""
    late_chunks: int
    """Of those, the ones that came later than the policy was told."""
    stops: tuple[Stop, ...]
    modes: dict[str, int]
    """Ticks in each mode."""
    lost: int
    """Ticks that could not be logged."""
    heard: int
    """Ticks by which the robot had said something."""


def run(
    brain: Brain,
    mind: AtOnce,
    link: Link,
    operator: Operator,
    writer: Writer | None,
    clock: Clock = WALL,
    rehearsal: float = 0.0,
) -> Summary:
    """Tick until the operator ends it. Whatever ends it, the last order is to damp.

    `mind` is what the brain infers with. Nothing that robot, network or disk do raises here. The last `rehearsal`
    seconds before a tick are spent on rehearsing it.
    """
    dt, state = brain.contract.control_dt, State()
    late, inference, stops, modes = Spread(), Spread(), [], dict.fromkeys((mode.name.lower() for mode in Mode), 0)
    ticks = missed = skipped = heard = late_chunks = 0
    gc.collect()
    gc.freeze()
    gc.disable()
    began = due = clock.now()
    try:
        while True:
            start = clock.now()
            ask = operator(start - began, state.mode)
            if ask is None:
                break
            sense = link.sense(start)
            if state.mode == Mode.PASSIVE and sense.age > SILENT:
                link.renew()
            before, mind.taken, arrived = state.mode, 0.0, mind.arrived()
            if arrived and state.memory is not None:
                late_chunks += chunked.late(brain.contract, state.memory.plan, 1 + skipped)
            state, order = brain.step(state, sense, ask, skipped, arrived)
            link.send(order, start)
            mind.consider(question_of(state))
            if state.mode == Mode.DAMPING and before != Mode.DAMPING and order.reason:
                stops.append(Stop(start - began, order.reason))
            done = clock.now()
            if writer is not None:
                known = logs.of_tick(start - began, sense, skipped, arrived, ask, order)
                spent = {
                    "late_ms": 1e3 * (start - due),
                    "inference_ms": 1e3 * mind.taken,
                    "tick_ms": 1e3 * (done - start),
                }
                writer.write(**known, **spent)
            ticks, heard = ticks + 1, heard + bool(np.isfinite(sense.age))
            modes[order.mode.name.lower()] += 1
            late.add(1e3 * (start - due))
            if mind.taken:
                inference.add(1e3 * mind.taken)
            due += dt
            skipped = max(0, int((clock.now() - due) / dt))
            missed += skipped + (clock.now() > due)
            due += skipped * dt
            if rehearsal and clock.now() < due - rehearsal:  # a tick that is late already is not kept longer
                clock.sleep_until(due - rehearsal)
                rehearse(brain, state, sense, ask, clock, due)
            clock.sleep_until(due)
    finally:
        _, order = brain.step(State(Mode.DAMPING), link.sense(clock.now()), damping_ask(), 0)
        for _ in range(3):
            link.send(order, clock.now())
        gc.enable()
        gc.unfreeze()
    lost = writer.lost if writer else 0
    return Summary(ticks, missed, late, inference, late_chunks, tuple(stops), modes, lost, heard)


def rehearse(brain: Brain, state: State, sense: Sense, ask: Ask, clock: Clock, until: float) -> None:
    """Do the next tick with what is known by now, as often as there is time, and drop what comes of it: a tick is a
    pure function, and a processor that idled for most of a period has forgotten its code and the weights."""
    began = clock.now()
    while True:
        brain.step(state, sense, ask)
        now = clock.now()
        if now + (now - began) > until:
            break
        began = now
    while clock.now() < until:  # asleep, it would begin to forget
        pass


def damping_ask() -> Ask:
    """Nothing is wanted but rest."""
    return Ask(Mode.DAMPING, Told(np.zeros(2), np.zeros(6), np.zeros(6)))
