"""The benchmark by several processes: each has some of the cores and some of the levels.

Networks this small keep one core busy and no more, so a level per core is done sooner than level after level on all.
"""

import multiprocessing
import os
import signal
import sys
import traceback
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

from .config import RtcBench
from .stages import begin, cells, play_levels

FAILED, STOPPED = 1, 130
"""Exit codes of a worker."""


def run(bench: RtcBench, folder: Path, workers: int = 1) -> list[dict[str, Any]]:
    """All stages of all levels; returns the cells.

    With several `workers` the progress of training goes to `<folder>/worker-<number>.log`. Raises ValueError if
    `folder` holds a benchmark with other settings or `workers` cannot be, ChildProcessError if a worker fails.
    """
    cores, levels = free_cores(), len(bench.levels)
    if not 1 <= workers <= min(levels, len(cores)):
        raise ValueError(
            f"workers is {workers}: at least 1, at most one for each of {levels} levels and {len(cores)} cores"
        )
    done = begin(bench, folder)
    if workers == 1:
        play_levels(bench, bench.levels, folder, done, say)
    else:
        side_by_side(bench, folder, done, [set(cores[number::workers]) for number in range(workers)])
    return cells(folder)


def free_cores() -> list[int]:
    """Those that this process may use."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))


def side_by_side(bench: RtcBench, folder: Path, done: list[dict[str, Any]], shares: list[set[int]]) -> None:
    """A process for each share of the cores. Raises KeyboardInterrupt when they were asked to stop, and did."""
    context = multiprocessing.get_context("spawn")
    logs = [folder / f"worker-{number}.log" for number in range(len(shares))]
    levels = [bench.levels[number :: len(shares)] for number in range(len(shares))]
    processes = [
        context.Process(target=work, args=(bench, own, folder, done, log))
        for own, log in zip(levels, logs, strict=True)
    ]
    before = signal.signal(signal.SIGTERM, lambda *_: [process.terminate() for process in processes])
    try:
        for process, share in zip(processes, shares, strict=True):
            start(process, share)
        join(processes)
    finally:
        signal.signal(signal.SIGTERM, before)
    codes = {process.exitcode for process in processes}
    if codes & {STOPPED, -signal.SIGINT, -signal.SIGTERM}:
        raise KeyboardInterrupt
    for process, log in zip(processes, logs, strict=True):
        if process.exitcode:
            raise ChildProcessError(f"a worker failed: the end of {log} says why")


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


def join(processes: list[Any]) -> None:
    """Wait for all. Ctrl-C reaches them too: each ends its update and saves, so one is waited for."""
    try:
        for process in processes:
            process.join()
    except KeyboardInterrupt:
        for process in processes:
            process.join()
        raise


def work(bench: RtcBench, levels: tuple[str, ...], folder: Path, done: list[dict[str, Any]], log: Path) -> None:
    """A worker."""
    with log.open("a", buffering=1) as stream, redirect_stderr(stream):
        try:
            play_levels(bench, levels, folder, done, say)
        except KeyboardInterrupt:
            os._exit(STOPPED)  # XLA may still compute in threads, and would crash in an orderly exit
        except Exception:
            traceback.print_exc()  # into the log, which the parent names
            sys.exit(FAILED)


def say(text: str) -> None:
    """A line for the user, whatever else is said to a log."""
    print(text, file=sys.__stderr__, flush=True)
