"""What the cells say: means over levels and seeds with intervals, and who is better, pair by pair."""

from typing import Any

import numpy as np

from ..statistics import bootstrap, paired_bootstrap

Cells = list[dict[str, Any]]


def summary(cells: Cells) -> dict[str, Any]:
    """By method and delay: the solve rate with its interval, and smoothness. Differences to naive chunks likewise.

    A level and a seed of training are one pair: pairs are resampled, then episodes, the same pairs for both sides of a
    difference.
    """
    methods = list(dict.fromkeys(cell["method"] for cell in cells))
    delays = sorted({cell["delay"] for cell in cells})
    found: dict[str, Any] = {"experts": float(np.mean([cell["expert"] for cell in cells])), "methods": {}}
    for method in methods:
        rows = {}
        for delay in delays:
            chosen = _of(cells, method, delay)
            spread, solved = bootstrap(_solved(chosen)), {"pairs": len(chosen)}
            solved |= {"rate": spread.mean, "lo": spread.lo, "hi": spread.hi}
            solved |= {name: float(np.mean([cell[name] for cell in chosen])) for name in ("delta", "jerk")}
            if method != "naive":
                better = paired_bootstrap(_solved(_of(cells, "naive", delay)), _solved(chosen))
                solved |= {"better": {"mean": better.mean, "lo": better.lo, "hi": better.hi}}
            rows[str(delay)] = solved
        found["methods"][method] = rows
    found["levels"] = {
        level: {
            method: [
                float(np.mean([c["rate"] for c in _of(cells, method, delay) if c["level"] == level]))
                for delay in delays
            ]
            for method in methods
        }
        | {"expert": next(cell["expert"] for cell in cells if cell["level"] == level)}
        for level in dict.fromkeys(cell["level"] for cell in cells)
    }
    return found | {"delays": delays}


def lines(found: dict[str, Any]) -> list[str]:
    """A table for people: solve rates, a row per method."""
    head = (
        f"{'solved, %':15}"
        + "".join(f"{f'delay {delay}':>16}" for delay in found["delays"])
        + f"{'delta':>9}{'jerk':>9}"
    )
    table = [head]
    for method, rows in found["methods"].items():
        cells = [rows[str(delay)] for delay in found["delays"]]
        text = "".join(f"{100 * c['rate']:7.1f} ({100 * c['lo']:.0f}-{100 * c['hi']:.0f})".rjust(16) for c in cells)
        table.append(
            f"{method:15}{text}{np.mean([c['delta'] for c in cells]):9.3f}{np.mean([c['jerk'] for c in cells]):9.3f}"
        )
    return [*table, f"experts solve {found['experts']:.1%}"]


def _of(cells: Cells, method: str, delay: int) -> Cells:
    """Cells of one method and delay, in the order of levels and seeds."""
    chosen = [cell for cell in cells if cell["method"] == method and cell["delay"] == delay]
    return sorted(chosen, key=lambda cell: (cell["level"], cell["seed"]))


def _solved(cells: Cells) -> np.ndarray:
    """[pairs, episodes]."""
    return np.array([[int(one) for one in cell["solved"]] for cell in cells])
