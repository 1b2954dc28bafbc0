"""How long a chunk will take: the longest of the last few, without those that were slow because they were first."""

from collections import deque

WARM_UP = 2
"""Measurements that do not count: compilation, first touch of memory."""
KEPT = 10


class DelayEstimator:
    """In control steps. Not thread-safe."""

    def __init__(self, first: int, most: int):
        """`first` is what is assumed before anything was measured, `most` what a chunk can bridge."""
        if not 0 <= first <= most:
            raise ValueError(f"first is {first}: it must be 0 to most, {most}")
        self._first, self._most, self._seen = first, most, 0
        self._kept: deque[int] = deque(maxlen=KEPT)

    def measured(self, steps: int) -> None:
        """A chunk took so many control steps, rounded up."""
        self._seen += 1
        if self._seen > WARM_UP:
            self._kept.append(steps)

    def __call__(self) -> int:
        """Steps to expect for the next chunk."""
        return min(max(self._kept, default=self._first), self._most)
