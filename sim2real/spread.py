"""How long things took, in memory that does not grow with their number."""

from math import log

import numpy as np

FINEST, GROWTH, BINS = 1e-4, 1.01, 1900
"""Upper end of the first bin (ms), of each bin to that of the one before, and how many: the last reaches 16 s."""


class Spread:
    """Counts of times by bins 1 % wide."""

    def __init__(self):
        self._counts = np.zeros(BINS, np.int64)

    def add(self, ms: float) -> None:
        """Count a time. What is shorter or longer than all bins counts in the first or the last."""
        place = int(log(ms / FINEST) / log(GROWTH)) + 1 if ms > FINEST else 0
        self._counts[min(place, BINS - 1)] += 1

    def __len__(self) -> int:
        return int(self._counts.sum())

    def quantile(self, share: float) -> float:
        """Time, ms, that a `share` of all did not exceed, at most 1 % too long; 0 where there were none."""
        wanted = share * len(self)
        return float(FINEST * GROWTH ** np.searchsorted(np.cumsum(self._counts), wanted)) if wanted else 0.0
