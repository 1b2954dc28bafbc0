"""What a server counts, as text that Prometheus reads."""

from collections import deque

import numpy as np

KEPT = 10_000
"""Requests whose times are kept for quantiles."""


class Metrics:
    """Counts since the start."""

    def __init__(self):
        self.counts = dict.fromkeys(("clients", "requests", "errors", "refused", "batches"), 0)
        self.now = 0
        """Clients connected."""
        self._total: deque[float] = deque(maxlen=KEPT)
        self._infer: deque[float] = deque(maxlen=KEPT)

    def answered(self, total: float, infer: float) -> None:
        """A request that took so many seconds, of which the graph so many."""
        self.counts["requests"] += 1
        self._total.append(total)
        self._infer.append(infer)

    def text(self) -> str:
        """All of it."""
        lines = [f"gambol_{name}_total {count}" for name, count in self.counts.items()]
        lines.append(f"gambol_clients_connected {self.now}")
        for name, taken in (("request", self._total), ("infer", self._infer)):
            for quantile in (0.5, 0.99):
                seconds = float(np.quantile(taken, quantile)) if taken else 0.0
                lines.append(f'gambol_{name}_seconds{{quantile="{quantile}"}} {seconds:.6f}')
        return "\n".join(lines) + "\n"
