"""The benchmark by several processes: each has some of the cores and some of the levels.

Networks this small keep one core busy and no more, so a level per core is done sooner than level after level on all.
"""

import json
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from ....envs.files import write_atomically
from ...learn.process import exclusive
from .config import RtcBench
from .stages import Failed, begin, cells, play_levels

FAILED, STOPPED = 1, 130
"""Exit codes of a worker."""
SECONDS = "seconds.json"
BEAT = 10.0
"""Seconds between looks at the clock: a run that is killed loses no more."""


def run(bench: RtcBench, folder: Path, workers: int = 1) -> list[dict[str, Any]]:
    """All stages of all levels; returns the cells.

    With several `workers` the progress of training goes to `<folder>/worker-<number>.log`. Raises ValueError if
    `folder` holds a benchmark with other settings, or is in use, or `workers` cannot be; Failed if one fails.
    """
    cores, levels = free_cores(), len(bench.levels)
    if not 1 <= workers <= min(levels, len(cores)):
        raise ValueError(
            f"workers is {workers}: at least 1, at most one for each of {levels} levels and {len(cores)} cores"
        )
    done = begin(bench, folder)
    with exclusive(folder), clocked(folder):
        if workers == 1:
            play_levels(bench, bench.levels, folder, done, say)
        else:
            side_by_side(bench, folder, done, [set(cores[number::workers]) for number in range(workers)])
    return cells(folder)


@contextmanager
def clocked(folder: Path) -> Iterator[None]:
    """Add the time inside to what is `spent`, also if the process is killed."""
    before, began, over = spent(folder), time.monotonic(), threading.Event()

    def keep() -> None:
        last = False
        while not last:
            last = over.wait(BEAT)
            write_atomically(folder / SECONDS, json.dumps(before + time.monotonic() - began).encode())

    thread = threading.Thread(target=keep, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def spent(folder: Path) -> float:
    """Seconds on a benchmark, over all times that it was gone on with."""
    return json.loads((folder / SECONDS).read_text()) if (folder / SECONDS).exists() else 0.0


def free_cores() -> list[int]:
    """Those that this process may use."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))


def side_by_side(bench: RtcBench, folder: Path, done: list[dict[str, Any]], shares: list[set[int]]) -> None:
    """A process for each share of the cores. Ctrl-C and SIGTERM ask each to end its update and save. Raises Failed if
    one fails, KeyboardInterrupt when they were asked to stop, and did."""
    context = multiprocessing.get_context("spawn")
    logs = [folder / f"worker-{number}.log" for number in range(len(shares))]
    levels = [bench.levels[number :: len(shares)] for number in range(len(shares))]
    processes = [
        context.Process(target=work, args=(bench, own, folder, done, log))
        for own, log in zip(levels, logs, strict=True)
    ]

    def ask(*_: object) -> None:
        for process in processes:
            if process.pid:
                process.terminate()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        for process, share in zip(processes, shares, strict=True):
            start(process, share)
        found = join({process: why(log) for process, log in zip(processes, logs, strict=True)})
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if found:
        raise Failed("; ".join(found))
    if any(process.exitcode for process in processes):
        raise KeyboardInterrupt


def why(log: Path) -> str:
    """Where it is said what went wrong."""
    return f"the end of {log} says why, if it could"


def start(process: Any, share: set[int]) -> None:
    """Start a process on a share of the cores; it has it from its first moment, as JAX counts cores only once."""
    if not hasattr(os, "sched_setaffinity"):
        process.start()
        return
    mine = os.sched_getaffinity(0)
    os.sched_setaffinity(0, share)
    try:
        process.start()
    finally:
        os.sched_setaffinity(0, mine)


def join(processes: dict[Any, str]) -> list[str]:
    """Wait for all; the failures of those that were not stopped, each of which is said at once, as the others go on
    for hours."""
    running, found = dict(processes), []
    while running:
        wait([process.sentinel for process in running])
        for process in [process for process in running if process.exitcode is not None]:
            hint = running.pop(process)
            if process.exitcode not in (0, STOPPED, -signal.SIGTERM):
                found.append(f"a worker failed (exit code {process.exitcode}): {hint}")
                say(found[-1])
    return found


def work(bench: RtcBench, levels: tuple[str, ...], folder: Path, done: list[dict[str, Any]], log: Path) -> None:
    """A worker. A terminal's Ctrl-C reaches it too, but its parent passes that on, as SIGTERM."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with log.open("a", buffering=1) as stream, redirect_stderr(stream):
        try:
            play_levels(bench, levels, folder, done, say)
        except KeyboardInterrupt:
            os._exit(STOPPED)  # XLA may still compute in threads, and would crash in an orderly exit
        except Failed as error:
            print(error, file=sys.stderr)
            say(str(error))
            sys.exit(FAILED)
        except Exception:
            traceback.print_exc()  # into the log, which the parent names
            sys.exit(FAILED)


def say(text: str) -> None:
    """A line for the user, whatever else is said to a log."""
    print(text, file=sys.__stderr__, flush=True)
