"""Two reports of the same levels, side by side: is b better than a, and how sure is that?"""

from typing import Any

import numpy as np

from .report import CONFIDENCE, Report, label, span, title
from .statistics import Difference, paired_bootstrap

SCOPES = {"difference_same_levels": "new attempts at these levels", "difference": "levels of this kind"}
"""The two differences of a comparison, and what each interval speaks about."""


def compare(a: Report, b: Report, seed: int = 0) -> dict[str, Any]:
    """The comparison as a JSON object: the difference b - a of the mean solve rates, and both rates level by level.

    Raises ValueError, naming what differs, where suite, levels, their contents or the protocol are not the same.
    """
    same_task(a, b)
    first, second = _outcomes(a, list(a["levels"])), _outcomes(b, list(a["levels"]))
    return {
        "suite": a["suite"],
        "a": title(a),
        "b": title(b),
        "mean": {side: report["metrics"]["solve_rate"]["mean"] for side, report in (("a", a), ("b", b))},
        "difference": _entry(paired_bootstrap(first, second, CONFIDENCE, seed=seed)),
        "difference_same_levels": _entry(paired_bootstrap(first, second, CONFIDENCE, new_levels=False, seed=seed)),
        "confidence": CONFIDENCE,
        "levels": {
            name: {"a": a["groups"][name]["solve_rate"], "b": b["groups"][name]["solve_rate"]} for name in a["levels"]
        },
    }


def verdict(comparison: dict[str, Any]) -> str:
    """One sentence on the difference, judged over new attempts at these levels."""
    difference = comparison["difference_same_levels"]
    if difference["lo"] > 0:
        return "b solves these levels more often than a"
    if difference["hi"] < 0:
        return "a solves these levels more often than b"
    return "no difference shown, the interval holds zero"


def comparison_markdown(comparison: dict[str, Any]) -> str:
    """The comparison as a Markdown page; levels that differ most come first."""
    percent = round(100 * comparison["confidence"])
    levels = comparison["levels"].items()
    ordered = sorted(levels, key=lambda item: -abs(item[1]["b"]["mean"] - item[1]["a"]["mean"]))
    return "\n".join(
        [
            f"# {comparison['suite']}: a against b",
            "",
            f"- a: {comparison['a']}, mean solve rate {comparison['mean']['a']:.3f}",
            f"- b: {comparison['b']}, mean solve rate {comparison['mean']['b']:.3f}",
            "",
            f"b - a = **{comparison['difference']['mean']:+.3f}**: {verdict(comparison)}.",
            "",
            f"| {percent} % interval over | b - a | interval | p |",
            "|---|---:|---:|---:|",
            *(
                f"| {over} | {entry['mean']:+.3f} | {span(entry)} | {entry['p']:.4f} |"
                for entry, over in ((comparison[key], over) for key, over in SCOPES.items())
            ),
            "",
            "| level | a | b | b - a |",
            "|---|---:|---:|---:|",
            *(
                f"| {label(comparison, name)} | {span(rate['a'], mean=True)} | {span(rate['b'], mean=True)} "
                f"| {rate['b']['mean'] - rate['a']['mean']:+.2f} |"
                for name, rate in ordered
            ),
            "",
        ]
    )


def same_task(a: Report, b: Report) -> None:
    """Raises ValueError, naming what differs, unless suite, levels, their contents and the protocol are the same."""
    for report in (a, b):
        if "levels" not in report:
            raise ValueError(f"suite {report['suite']} has no levels: only suites of levels can be compared")
    if a["suite"] != b["suite"]:
        raise ValueError(f"suite is {a['suite']} in a and {b['suite']} in b: evaluate both on the same suite")
    for name in [*a["levels"], *b["levels"]]:
        hashes = [report["levels"].get(name, {}).get("hash") for report in (a, b)]
        if None in hashes:
            raise ValueError(f"level {name} is missing in {'ab'[hashes.index(None)]}: evaluate both on the same levels")
        if hashes[0] != hashes[1]:
            raise ValueError(f"level {name} is {hashes[0][:12]} in a and {hashes[1][:12]} in b: its content changed")
    for name in sorted(a["protocol"] | b["protocol"]):
        rules = [report["protocol"].get(name) for report in (a, b)]
        if rules[0] != rules[1]:
            raise ValueError(f"protocol.{name} is {rules[0]} in a and {rules[1]} in b: evaluate both alike")


def _outcomes(report: Report, names: list[str]) -> np.ndarray:
    """[levels, attempts] of 0 and 1. Attempts are exchangeable, so that their counts carry all there is."""
    levels = [report["levels"][name] for name in names]
    return np.array([np.arange(level["attempts"]) < level["solved"] for level in levels], float)


def _entry(difference: Difference) -> dict[str, float]:
    return {"mean": difference.mean, "lo": difference.lo, "hi": difference.hi, "p": difference.p}
