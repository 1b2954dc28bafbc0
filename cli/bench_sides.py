"""The sides of a bench: processes that time rollouts when asked, and wait while others do."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from ..policies.judge.provenance import ROOT

OURS_SCRIPT = ROOT / "benchmarks" / "ours_planar.py"
PEER_SCRIPT = ROOT / "benchmarks" / "peer_kinetix.py"
PEER_PYTHON = ROOT / ".venv-peers" / "bin" / "python"
LEAST_STEPS = 16
SECONDS = 0.5
"""Of a timed rollout, unless `LEAST_STEPS` take longer."""


class Side:
    """A process that answers as `benchmarks/timed.py` says. Raises ValueError where it ends by itself."""

    def __init__(self, name: str, command: list[Any]):
        self._name, self._command = name, [str(word) for word in command]
        self.compiled: dict[int, float] = {}
        """By number of worlds, the seconds of compiling; in the order in which it was done."""
        self.about: dict[str, Any] = {}
        """What it says of itself."""

    def __enter__(self) -> "Side":
        self._folder = tempfile.TemporaryDirectory()
        # Programs kept from earlier would hide what compiling costs, and the peer has a JAX for the CPU alone.
        settings = {
            "JAX_ENABLE_COMPILATION_CACHE": "0",
            "JAX_PLATFORMS": "cpu",
            "WARP_CACHE_PATH": self._folder.name,
        }
        self._log = (Path(self._folder.name) / "log").open("w+")
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=os.environ | settings,
        )
        with ExitStack() as undo:
            undo.callback(self.__exit__)
            self.about = self._answer()
            undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._log.close()
        self._folder.cleanup()

    def run(self, worlds: int, steps: int) -> float:
        """Seconds of `steps` env steps of so many worlds, which are compiled first if they were not yet."""
        if worlds not in self.compiled:
            self.compiled[worlds] = self._ask(f"compile {worlds}")
        return self._ask(f"run {worlds} {steps}")

    def fitting_steps(self, worlds: int) -> int:
        """Env steps that take about `SECONDS`, at least `LEAST_STEPS`."""
        steps = LEAST_STEPS
        while (seconds := self.run(worlds, steps)) < SECONDS / 8:
            steps *= 4
        return max(LEAST_STEPS, round(steps * SECONDS / seconds))

    def _ask(self, wish: str) -> float:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{wish}\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._log.seek(0)
            last = self._log.read().strip().splitlines()[-1:]
            raise ValueError(f"{self._name} ended: {' '.join(last)}")
        return json.loads(line)


def ours(size: str, engine: str) -> Side:
    """Gambol, with one of its engines."""
    return Side("our process", [sys.executable, OURS_SCRIPT, size, engine])


def peer(size: str) -> Side:
    """Kinetix. Raises ValueError where its environment is missing."""
    if not PEER_PYTHON.exists():
        raise ValueError(f"{PEER_PYTHON} is missing: make the peer's environment with `make peers`")
    return Side("the peer's process (`make peers` makes it anew)", [PEER_PYTHON, PEER_SCRIPT, size])


def in_turn(points: dict[str, tuple[Side, int]], repeats: int, steps: int | None) -> dict[str, list[float]]:
    """Env steps/s of every side at its number of worlds, by name, `repeats` times in turn.

    `steps` are the env steps of each rollout; None: as many as fit.
    """
    fitting = {name: steps or side.fitting_steps(worlds) for name, (side, worlds) in points.items()}
    rates: dict[str, list[float]] = {name: [] for name in points}
    for _ in range(repeats):
        for name, (side, worlds) in points.items():
            rates[name].append(worlds * fitting[name] / side.run(worlds, fitting[name]))
    return rates


@contextmanager
def held_to(cores: int | None) -> Iterator[None]:
    """Let this process, and those it starts, use only so many cores; all of them if None. Raises ValueError."""
    if cores is None:
        yield
        return
    if not hasattr(os, "sched_setaffinity"):
        raise ValueError("this system cannot hold a process to some of its cores")
    free = os.sched_getaffinity(0)
    if cores > len(free):
        raise ValueError(f"cores is {cores}: this machine has {len(free)}")
    os.sched_setaffinity(0, sorted(free)[:cores])
    try:
        yield
    finally:
        os.sched_setaffinity(0, free)
