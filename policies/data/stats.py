"""Statistics of recorded arrays, as LeRobot keeps them, and as openpi does."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

QUANTILES = {"q01": 0.01, "q10": 0.1, "q50": 0.5, "q90": 0.9, "q99": 0.99}
PICTURES_SEEN = 100
"""Pictures that statistics are made of, at most."""

Stats = dict[str, NDArray]
"""min, max, mean, std, count and quantiles: [F], of pictures [3, 1, 1] from 0 to 1."""


def statistics(values: NDArray) -> Stats:
    """Of [N], [N, F] or uint8 [N, H, W, 3]."""
    count, picture = len(values), values.ndim == 4
    if picture:
        chosen = values[np.linspace(0, count - 1, min(count, PICTURES_SEEN)).astype(int)]
        rows = chosen.reshape(-1, 3) / 255.0
    else:
        rows = values.reshape(count, -1).astype(np.float64)
    found = {"min": rows.min(axis=0), "max": rows.max(axis=0), "mean": rows.mean(axis=0), "std": rows.std(axis=0)}
    found |= dict(zip(QUANTILES, np.quantile(rows, list(QUANTILES.values()), axis=0), strict=True))
    if picture:
        found = {name: value.reshape(3, 1, 1) for name, value in found.items()}
    return found | {"count": np.array([count])}


def plain(stats: dict[str, Stats]) -> dict[str, Any]:
    """As JSON."""
    return {name: {kind: value.tolist() for kind, value in one.items()} for name, one in stats.items()}


def norm_stats(stats: dict[str, Stats]) -> dict[str, Any]:
    """As openpi's norm_stats.json: mean, std, q01 and q99 of "state" and "actions"."""
    kinds, called = ("mean", "std", "q01", "q99"), {"observation.state": "state", "action": "actions"}
    named = {ours: theirs for ours, theirs in called.items() if ours in stats}
    return {"norm_stats": {theirs: {k: stats[ours][k].tolist() for k in kinds} for ours, theirs in named.items()}}


def from_norm_stats(data: dict[str, Any]) -> dict[str, Stats]:
    """The inverse of `norm_stats`."""
    called = {"state": "observation.state", "actions": "action"}
    found = data.get("norm_stats", {})
    return {
        called[theirs]: {kind: np.asarray(value, np.float64) for kind, value in found[theirs].items()}
        for theirs in called
        if theirs in found
    }
