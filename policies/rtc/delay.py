"""How long a chunk will take: the longest of the last few, without those that were slow because they were first."""

from typing import NamedTuple

WARM_UP = 2
"""Measurements that do not count: compilation, first touch of memory."""
KEPT = 10


class Waits(NamedTuple):
    """How long chunks took, in control steps."""

    count: int = 0
    """Of all that were measured."""
    last: tuple[int, ...] = ()
    """Those that count."""


def measured(waits: Waits, steps: int) -> Waits:
    """One more chunk took so many control steps, rounded up."""
    last = (*waits.last, steps)[-KEPT:] if waits.count >= WARM_UP else ()
    return Waits(waits.count + 1, last)


def expected(waits: Waits, first: int, most: int) -> int:
    """Control steps to expect for the next chunk: `first` before anything was measured, and never more than `most`,
    what a chunk can bridge."""
    return min(max(waits.last, default=first), most)
