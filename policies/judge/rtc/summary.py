"""What the cells say: means over levels and seeds with intervals, and who is better, pair by pair."""

from typing import Any

import numpy as np

from ..statistics import bootstrap, paired_bootstrap
from .config import shortest
from .play import SMOOTHNESS

Cells = list[dict[str, Any]]


def summary(cells: Cells) -> dict[str, Any]:
    """By method and delay, with the shortest blocks: the solve rate with its interval, smoothness, and the difference
    to naive chunks. The same under `blocks` for every length of which there are cells with other delays.

    A level and a seed of training are one pair: pairs are resampled, then episodes, the same pairs for both sides of a
    difference.
    """
    short = [cell for cell in cells if cell["every"] == shortest(cell["delay"])]
    longer = sorted({cell["every"] for cell in cells if cell not in short})
    delays = sorted({cell["delay"] for cell in short})
    rates = {(cell["level"], cell["seed"]): cell["expert"] for cell in cells}
    return {
        "experts": float(np.mean(list(rates.values()))),
        "methods": by_method(short),
        "blocks": {str(every): by_method([cell for cell in cells if cell["every"] == every]) for every in longer},
        "levels": {level: _level(of_level(short, level), delays) for level in dict.fromkeys(c["level"] for c in cells)},
        "delays": delays,
        "commits": sorted({commit for cell in cells for commit in cell["commits"]}),
    }


def by_method(cells: Cells) -> dict[str, dict[str, Any]]:
    """Method to delay to what is found there; all cells of a delay have blocks of one length."""
    methods, delays = list(dict.fromkeys(cell["method"] for cell in cells)), sorted({cell["delay"] for cell in cells})
    return {
        method: {
            str(delay): _cell(_of(cells, method, delay), None if method == "naive" else _of(cells, "naive", delay))
            for delay in delays
        }
        for method in methods
    }


def _cell(chosen: Cells, naive: Cells | None) -> dict[str, Any]:
    """A rate with its interval; beside naive chunks, where they are another method."""
    spread = bootstrap(_solved(chosen))
    found = {"pairs": len(chosen), "rate": spread.mean, "lo": spread.lo, "hi": spread.hi}
    found |= {name: float(np.mean([cell[name] for cell in chosen])) for name in SMOOTHNESS}
    if naive is not None:
        better = paired_bootstrap(_solved(naive), _solved(chosen))
        found |= {"better": {"mean": better.mean, "lo": better.lo, "hi": better.hi}}
    return found


def _level(cells: Cells, delays: list[int]) -> dict[str, Any]:
    """Rates of one level by method, in the order of delays, and those of its experts by seed."""
    rates = {
        method: [float(np.mean([cell["rate"] for cell in _of(cells, method, delay)])) for delay in delays]
        for method in dict.fromkeys(cell["method"] for cell in cells)
    }
    return rates | {"experts": [cell["expert"] for cell in _of(cells, "naive", delays[0])]}


def lines(found: dict[str, Any]) -> list[str]:
    """A table for people: solve rates, a row per method."""
    head = "".join(f"{f'delay {delay}':>16}" for delay in found["delays"])
    table = [f"{'solved, %':15}{head}" + "".join(f"{name:>9}" for name in SMOOTHNESS)]
    for method, rows in found["methods"].items():
        cells = [rows[str(delay)] for delay in found["delays"]]
        text = "".join(f"{100 * c['rate']:7.1f} ({100 * c['lo']:.0f}-{100 * c['hi']:.0f})".rjust(16) for c in cells)
        table.append(f"{method:15}{text}" + "".join(f"{cells[-1][name]:9.3f}" for name in SMOOTHNESS))
    last = found["delays"][-1]
    return [*table, f"experts solve {found['experts']:.1%}; {', '.join(SMOOTHNESS)} are those at delay {last}"]


def agreement(found: dict[str, Any], before: dict[str, Any]) -> str:
    """How the rates of a summary agree with those of an earlier one, in one line."""
    now, then = by_pace(found), by_pace(before)
    pairs = [(now[pace], then[pace]) for pace in now if pace in then]
    within = sum(old["lo"] <= new["rate"] <= old["hi"] for new, old in pairs)
    equal = sum(old["rate"] == new["rate"] for new, old in pairs)
    return f"{within} of {len(pairs)} rates are within its intervals, {equal} of them equal"


def by_pace(found: dict[str, Any]) -> dict[tuple[str, int, int], dict[str, Any]]:
    """What a summary found, by method, delay and length of blocks."""
    blocks = [(methods, int(every)) for every, methods in found["blocks"].items()]
    return {
        (method, int(delay), every or shortest(int(delay))): cell
        for methods, every in ((found["methods"], 0), *blocks)
        for method, cells in methods.items()
        for delay, cell in cells.items()
    }


def of_level(cells: Cells, level: str) -> Cells:
    """Those of one level."""
    return [cell for cell in cells if cell["level"] == level]


def _of(cells: Cells, method: str, delay: int) -> Cells:
    """Cells of one method and delay, in the order of levels and seeds."""
    chosen = [cell for cell in cells if cell["method"] == method and cell["delay"] == delay]
    return sorted(chosen, key=lambda cell: (cell["level"], cell["seed"]))


def _solved(cells: Cells) -> np.ndarray:
    """[pairs, episodes]."""
    return np.array([[int(one) for one in cell["solved"]] for cell in cells])
