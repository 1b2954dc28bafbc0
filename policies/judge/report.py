"""What an evaluation says, as a JSON report, a Markdown table and a chart; all of them written whole or not at all."""

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np

from ...envs.files import write_atomically
from .provenance import provenance
from .rollout import ENDINGS, Evaluation
from .statistics import Interval, bootstrap, wilson

SCHEMA = 1
CONFIDENCE = 0.95
REQUIRED = {"schema": int, "suite": str, "policy": str} | dict.fromkeys(("metrics", "groups", "protocol"), dict)
"""Keys and kinds of values without which a JSON file is no report."""
LEVEL = {"hash", "solved", "attempts"}
"""Keys without which an entry of `levels` cannot be compared."""
RATE = {"mean", "lo", "hi"}
"""Keys of a solve rate."""

Report = dict[str, Any]
"""The JSON object; docs/judging.md describes its fields."""


def build(
    evaluation: Evaluation,
    *,
    suite: str,
    policy: str,
    hashes: dict[str, str],
    protocol: dict[str, Any],
    run: str | None = None,
    checkpoint: int | None = None,
) -> Report:
    """The report of one evaluation. `hashes` maps level names to content hashes, `protocol` says under which rules the
    levels were played; two reports are compared only where both agree."""
    rates = [wilson(int(row.sum()), evaluation.attempts, CONFIDENCE) for row in evaluation.solved]
    total = evaluation.solved.size
    metrics = {"solve_rate": _mean_rate(evaluation.solved, rates)} | {
        name: bootstrap(value, CONFIDENCE) for name, value in evaluation.values.items()
    }
    return assemble(
        suite=suite,
        policy=policy,
        run=run,
        checkpoint=checkpoint,
        metrics={name: entry(interval, total) for name, interval in metrics.items()},
        solve_rate_same_levels=entry(_mean_rate(evaluation.solved, rates, new_levels=False), total),
        groups={
            name: {"solve_rate": entry(rate, evaluation.attempts)}
            for name, rate in zip(evaluation.levels, rates, strict=True)
        },
        levels={name: _level(evaluation, i, hashes[name]) for i, name in enumerate(evaluation.levels)},
        attempts=evaluation.attempts,
        seed=evaluation.seed,
        protocol={"sampled": True, "first_episode_only": True, "steps": evaluation.steps, **protocol},
        seconds=evaluation.seconds,
    )


def assemble(*, seconds: float, **said: Any) -> Report:
    """A report of any kind of suite: what it says, how sure, and where it was made."""
    return {
        "schema": SCHEMA,
        **said,
        "confidence": CONFIDENCE,
        "made_with": provenance(),
        "seconds": round(seconds, 3),
    }


def summary(report: Report) -> dict[str, Any]:
    """The part of a report that `gambol eval --json` prints."""
    return {key: report[key] for key in ("suite", "policy", "metrics", "groups", "seconds")}


def read(path: Path) -> Report:
    """Load a report. Raises ValueError, naming the file and what is wrong, where it is none."""
    try:
        report = json.loads(path.read_text())
    except (ValueError, RecursionError) as error:  # no text, no JSON, or nested too deeply
        raise ValueError(f"{path}: not a JSON report: {error}") from None
    problem = _problem(report)
    if problem:
        raise ValueError(f"{path}: {problem}: make the report again with gambol eval")
    return report


def write(report: Report, folder: Path, stem: str, baselines: dict[str, Report] | None = None) -> list[Path]:
    """Write the report of a suite of levels as `save` does.

    `baselines`, by name, are reports of the same suite that the page and the chart show beside this one.
    """
    from .chart import draw_chart

    return save(report, folder, stem, markdown(report, baselines or {}), draw_chart(report, baselines or {}))


def save(report: Report, folder: Path, stem: str, page: str, chart: bytes) -> list[Path]:
    """Write `<stem>.json`, `.md` and `.png` into `folder` and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    contents = {".json": json.dumps(report, indent=1, allow_nan=False).encode(), ".md": page.encode(), ".png": chart}
    for suffix, content in contents.items():
        write_atomically(folder / f"{stem}{suffix}", content)
    return [folder / f"{stem}{suffix}" for suffix in contents]


def stem(suite: str) -> str:
    """File name of a suite's report: `kinetix/m` becomes `kinetix-m`."""
    return re.sub(r"[^A-Za-z0-9_.]+", "-", suite).strip("-.")


def markdown(report: Report, baselines: dict[str, Report]) -> str:
    """The report as a Markdown page, levels in the order of the suite."""
    rate, again = report["metrics"]["solve_rate"], report["solve_rate_same_levels"]
    percent = round(100 * report["confidence"])
    lines = [
        f"# {report['suite']}: {title(report)}",
        "",
        f"Mean solve rate **{rate['mean']:.3f}**: {len(report['levels'])} levels, {report['attempts']} attempts each.",
        f"{percent} % interval {span(rate)} over levels of this kind, {span(again)} over new attempts at these levels.",
        "",
        *(f"Baseline {name}: {span(base['metrics']['solve_rate'], mean=True)}\n" for name, base in baselines.items()),
        f"| level | solved | solve rate | {percent} % interval | return | env steps |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, level in report["levels"].items():
        rate = report["groups"][name]["solve_rate"]
        lines.append(
            f"| {label(report, name)} | {level['solved']}/{level['attempts']} | {rate['mean']:.2f} | {span(rate)} "
            f"| {number(level['return'])} | {number(level['length'])} |"
        )
    return "\n".join([*lines, *footer(report)])


def footer(report: Report) -> list[str]:
    """The last lines of a page: how it was judged, and where it was made."""
    made = report["made_with"]
    protocol = ", ".join(f"{key} {value}" for key, value in report["protocol"].items())
    versions = ", ".join(f"{key} {value}" for key, value in made["versions"].items())
    return [
        "",
        f"Protocol: {protocol}, seed {report['seed']}.",
        "",
        f"Made in {report['seconds']:.1f} s on {made['device']}, {made['cores']} cores, {made['date']}, "
        f"commit {made['commit']}, {versions}.",
        "",
    ]


def label(report: Report, name: str) -> str:
    """A level's name without the suite's, which stands above the table already."""
    return name.removeprefix(f"{report['suite'].rstrip('/')}/")


def title(report: Report) -> str:
    """Who was judged: the run and its checkpoint, or the policy where there is no run."""
    return report["policy"] if report["run"] is None else f"{report['run']}, checkpoint {report['checkpoint']}"


def span(entry: dict[str, Any], mean: bool = False) -> str:
    """`lo to hi`, led by the mean where asked for."""
    ends = f"{number(entry['lo'])} to {number(entry['hi'])}"
    return f"{number(entry['mean'])} ({ends})" if mean else ends


def number(value: float | None) -> str:
    """Two decimals; a value that was not finite shows as such."""
    return "not finite" if value is None else f"{value:.2f}"


def _problem(report: Any) -> str | None:
    """What keeps a JSON value from being a report."""
    for key, kind in REQUIRED.items():
        value = report.get(key) if isinstance(report, dict) else None
        if not isinstance(value, kind):
            return f"{key} is {json.dumps(value)[:60]}, not {kind.__name__}"
    if report["schema"] != SCHEMA:
        return f"schema is {report['schema']}, this gambol reads {SCHEMA}"
    if not {"run", "checkpoint"}.issubset(report):
        return "run or checkpoint is missing"
    return _problem_of_levels(report) if "levels" in report else None


def _problem_of_levels(report: Report) -> str | None:
    """What keeps a report from being one of a suite of levels."""
    if not isinstance(report["levels"], dict):
        return f"levels is {json.dumps(report['levels'])[:60]}, not dict"
    for name, level in report["levels"].items():
        if not isinstance(level, dict) or not LEVEL.issubset(level):
            return f"levels.{name} lacks {' or '.join(sorted(LEVEL))}"
    rates = {"metrics": report["metrics"]} | {f"groups.{name}": report["groups"].get(name) for name in report["levels"]}
    for name, rate in rates.items():
        found = rate.get("solve_rate") if isinstance(rate, dict) else None
        if not isinstance(found, dict) or not RATE.issubset(found):
            return f"{name}.solve_rate lacks {' or '.join(sorted(RATE))}"
    return None


def _mean_rate(solved: np.ndarray, rates: list[Interval], new_levels: bool = True) -> Interval:
    """Of one level the mean is a plain proportion, for which Wilson's interval beats the bootstrap's."""
    return rates[0] if len(rates) == 1 else bootstrap(solved, CONFIDENCE, new_levels=new_levels)


def entry(interval: Interval, n: int) -> dict[str, Any]:
    """An interval as reports have it, of `n` samples."""
    return {"mean": _finite(interval.mean), "lo": _finite(interval.lo), "hi": _finite(interval.hi), "n": n}


def _level(evaluation: Evaluation, i: int, content: str) -> dict[str, Any]:
    endings = np.bincount(evaluation.ending[i], minlength=len(ENDINGS))
    return {
        "hash": content,
        "solved": int(evaluation.solved[i].sum()),
        "attempts": evaluation.attempts,
        **{name: _finite(float(value[i].mean())) for name, value in evaluation.values.items()},
        "endings": dict(zip(ENDINGS, endings.tolist(), strict=True)),
    }


def _finite(value: float) -> float | None:
    """JSON knows no NaN."""
    return value if math.isfinite(value) else None
