"""A training run as a process: how it is asked to stop, and that it has its folder to itself."""

import fcntl
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType


@contextmanager
def stop_on_signal() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C or SIGTERM sets, so that the update in flight can end; a second acts as usual.
    What is ignored, as Ctrl-C by what a script has put in the background, stays so."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop  # Python hands signals to the main thread only
        return

    def ask(number: int, frame: FrameType | None) -> None:
        stop.set()
        restore()
        print("gambol: stopping after this update; once more to stop at once", file=sys.stderr)

    heard = [number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, ask) for number in heard}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    try:
        yield stop
    finally:
        restore()


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold `folder` against other processes; the lock goes with the process. Raises `ValueError` if one holds it."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(f"{folder} is in use: another process trains this run") from None
        yield
    finally:
        os.close(handle)
