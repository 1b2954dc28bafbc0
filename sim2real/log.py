"""Every tick of a controller on disk: what it knew, what it decided, how long it took. Enough to decide it all again.

A log is one line of JSON, then records of one size. A tick that was cut off by a crash is left out when it is read.
"""

import json
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .brain import Ask, Brain, Mode, Order, Sense, State
from .contract import Contract, load_json
from .onboard.words import Told

FORMAT = 2
DECIDED = ("target", "kp", "kd", "mode", "reason")
"""What a replay must find again."""


class Log(NamedTuple):
    """What `read` returns."""

    about: dict[str, Any]
    """Its first line."""
    ticks: NDArray
    """[T] records."""


def record_type(contract: Contract) -> np.dtype:
    """Of a record."""
    joints, feet = len(contract.joint_names), len(contract.robot.feet) if contract.robot else 0
    return np.dtype(
        [
            *[("time", "<f8"), ("age", "<f8"), ("turn", "<f8", 4), ("rate", "<f8", 3)],
            *[("joints", "<f8", joints), ("joint_rates", "<f8", joints), ("feet_force", "<f8", feet)],
            *[("skipped", "<i4"), ("arrived", "u1"), ("asked_mode", "u1"), ("command", "<f8", 2)],
            *[("goal", "<f8", 6), ("goal_next", "<f8", 6)],
            *[
                ("target", "<f8", joints),
                ("kp", "<f8", joints),
                ("kd", "<f8", joints),
                ("mode", "u1"),
                ("reason", "u1"),
            ],
            *[("late_ms", "<f4"), ("inference_ms", "<f4"), ("tick_ms", "<f4")],
        ]
    )


class Writer:
    """A log that grows. If the disk takes no more, the robot matters more than the log: it is closed; `lost` counts.

    Raises OSError only where it cannot be begun.
    """

    def __init__(self, file: BinaryIO, contract: Contract, digest: str):
        """`file` is new and has no buffer: what was written is there, whatever happens next. The log closes it."""
        self.lost = 0
        self._type = record_type(contract)
        self._file: BinaryIO | None = file
        about = {"format": FORMAT, "policy": contract.policy_name, "bundle": digest, "record": self._type.itemsize}
        self._file.write(json.dumps(about).encode() + b"\n")

    def write(self, **values: Any) -> None:
        """One tick, under the names of `record_type`."""
        if self._file is None:
            self.lost += 1
            return
        record = np.zeros((), self._type)
        for name, value in values.items():
            record[name] = value
        try:
            if self._file.write(record.tobytes()) != self._type.itemsize:
                raise OSError("the disk is full")
        except OSError:
            self.lost += 1
            self.close()

    def close(self) -> None:
        """Finish."""
        if self._file is not None:
            self._file.close()
            self._file = None


def read(path: Path, contract: Contract) -> Log:
    """A log of a controller under this contract. Raises ValueError for what is none, OSError if it cannot be read."""
    first, _, rest = path.read_bytes().partition(b"\n")
    about = load_json(first, str(path))
    kind = record_type(contract)
    if not isinstance(about, dict) or about.get("format") != FORMAT or about.get("record") != kind.itemsize:
        raise ValueError(f"{path} is not a log of such a robot")
    whole = len(rest) // kind.itemsize
    return Log(about, np.frombuffer(rest[: whole * kind.itemsize], kind))


def of_tick(time: float, sense: Sense, skipped: int, arrived: bool, ask: Ask, order: Order) -> dict[str, Any]:
    """What a tick knew and decided, by the names of `record_type`."""
    known = {"time": time, **sense._asdict(), "skipped": skipped, "arrived": arrived}
    known |= {"asked_mode": int(ask.mode), **ask.told._asdict()}
    return known | {**order._asdict(), "mode": int(order.mode), "reason": int(order.reason)}


def replay(brain: Brain, log: Log) -> list[tuple[int, str]]:
    """Decide everything again; ticks and fields that come out differently in even one bit."""
    state, found = State(), []
    for number, record in enumerate(log.ticks):
        arrays = [np.array(record[name]) for name in Sense._fields[1:]]
        ask = Ask(Mode(int(record["asked_mode"])), Told(*(np.array(record[name]) for name in Told._fields)))
        sense, arrived = Sense(float(record["age"]), *arrays), bool(record["arrived"])
        state, order = brain.step(state, sense, ask, int(record["skipped"]), arrived)
        for name in DECIDED:
            again = np.asarray(getattr(order, name), record.dtype[name].base)
            if again.tobytes() != np.array(record[name]).tobytes():
                found.append((number, name))
    return found
