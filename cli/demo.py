"""`gambol demo`: the whole way in minutes: train on one published level, judge there, and on levels never seen."""

import json
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from rich.console import Console
from rich.table import Table

from ..envs.planar.env import Engine, PlanarConfig
from ..policies.judge.provenance import record
from ..policies.judge.report import Report, span
from ..policies.judge.suite import smallest_size
from ..policies.learn.config import load_preset
from ..policies.learn.run import NonFiniteError, Result, train
from . import eval as judging
from .arguments import read

DONE, FAILED, INTERRUPTED = 0, 1, 130
GOAL = 0.9
"""Solve rate on the trained level that counts as learned."""


@dataclass(frozen=True)
class Arguments:
    """Train on one published level from scratch, judge the policy there and on the levels of its suite it never saw.

    Example: gambol demo --seed 1
    """

    seed: int = 0
    """Start of every random number."""
    attempts: int = 100
    """Attempts per level."""
    engine: Engine = "auto"
    """What computes the physics."""
    out: str = "runs"
    """Folder for the run."""
    record: bool = False
    """Append the result to benchmarks/results/demo.jsonl."""
    json: bool = False
    """Print the result as one JSON object on the last line of stdout."""


def main(argv: list[str]) -> int:
    """Train, judge and say where everything is. Returns 1 if the policy did not learn its level."""
    options = read(Arguments, argv, prog="gambol demo")
    if options.attempts < 1:
        raise ValueError(f"--attempts is {options.attempts}: it must be at least 1")
    preset = load_preset("demo")
    env = replace(cast(PlanarConfig, preset.env), engine=options.engine)
    config = replace(preset, seed=options.seed, env=env, run=replace(preset.run, out=options.out))
    (level,) = env.levels
    print(f"Training on {level} from scratch, {config.run.total_steps:,} steps.", flush=True)
    began = time.monotonic()
    try:
        result = train(config)
    except NonFiniteError as error:
        print(f"gambol: {error}", file=sys.stderr)
        return FAILED
    trained = time.monotonic() - began
    if result.interrupted:
        print(f"stopped and saved; go on with: gambol train --resume {result.run_dir}")
        return INTERRUPTED
    suite = f"kinetix/{smallest_size(level)}"
    judge = judging.Arguments(run=str(result.run_dir), suite=suite, attempts=options.attempts, seed=options.seed)
    print(f"\nJudging it and a random policy: {options.attempts} attempts at each level of {suite}.", flush=True)
    reports = {"random": judging.judge(replace(judge, policy="random")), "trained": judging.judge(judge)}
    print(f"\nFilming {level}.", flush=True)
    judging.judge(replace(judge, suite=level, video=True))
    row = summary(result, level, suite, options, reports, trained, time.monotonic() - began)
    show(row)
    if options.record:
        row = record("demo", **row)
    if options.json:
        print(json.dumps(row))
    return DONE if row["trained"]["learned_level"]["mean"] >= GOAL else FAILED


def summary(
    result: Result, level: str, suite: str, options: Arguments, reports: dict[str, Report], trained: float, total: float
) -> dict[str, Any]:
    """What the demo found: solve rates of both policies on the level trained on and on the others."""
    return {
        "level": level,
        "suite": suite,
        "seed": options.seed,
        "attempts": options.attempts,
        "steps": result.step,
        "train_seconds": round(trained, 1),
        "seconds": round(total, 1),
        "run": str(result.run_dir),
        **{name: rates(report, level) for name, report in reports.items()},
    }


def rates(report: Report, level: str) -> dict[str, Any]:
    """The level's solve rate with its interval, and the mean over all other levels."""
    others = [group["solve_rate"]["mean"] for name, group in report["groups"].items() if name != level]
    return {
        "learned_level": report["groups"][level]["solve_rate"],
        "unseen_levels": {"mean": sum(others) / len(others), "levels": len(others)},
    }


def show(row: dict[str, Any]) -> None:
    """The table of the demo, and where the report, the chart and the film lie."""
    table = Table(title=f"Solve rate over {row['attempts']} attempts per level", title_justify="left")
    table.add_column("policy")
    unseen = row["trained"]["unseen_levels"]["levels"]
    for column in (row["level"], "95 % interval", f"{unseen} levels it never saw"):
        table.add_column(column, justify="right")
    for name in ("random", "trained"):
        learned = row[name]["learned_level"]
        table.add_row(name, f"{learned['mean']:.2f}", span(learned), f"{row[name]['unseen_levels']['mean']:.2f}")
    table.caption = f"{row['steps']:,} steps in {row['train_seconds']:.0f} s; {row['seconds']:.0f} s with judging"
    console = Console()
    console.print(table)
    run = Path(row["run"])
    for what, where in (("report and chart", run / "eval"), ("film", run / "videos"), ("all of it", run)):
        console.print(f"{what:>16}: {where}", highlight=False, soft_wrap=True)
