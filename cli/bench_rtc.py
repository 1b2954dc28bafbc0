"""`gambol bench rtc`: how well chunks of actions bridge the time it takes to compute them."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ..policies.judge.provenance import RESULTS, provenance, record
from ..policies.judge.rtc.config import PRESETS
from ..policies.judge.rtc.stages import Failed
from ..policies.judge.rtc.summary import agreement, lines, summary
from ..policies.judge.rtc.workers import run, spent
from .arguments import read

DESCRIPTION = """Real-time chunking on planar levels: experts, recordings, policies, and their solve rates per delay.

  gambol bench rtc --preset tiny
  gambol bench rtc --preset small --workers 2 --out runs/rtc-small

A run that was stopped goes on where it was, with the same command. At its end it says how many rates are within the
intervals of the result before it. Exit code 1 if no expert learns a level.
"""
FAILED = 1


@dataclass(frozen=True)
class Rtc:
    """What the command line chooses."""

    preset: Literal["tiny", "small", "own", "full"] = "small"
    """Minutes; about three hours with two workers on two cores; the same on four levels of our own; the published
    sizes, on the eight published levels that can be had."""
    out: Path | None = None
    """Folder of the run, by default runs/rtc-PRESET."""
    workers: int = 1
    """Processes that share cores and levels; what training says goes to OUT/worker-*.log. For CPUs."""
    save: bool = True
    """Append the result to benchmarks/results/rtc.jsonl."""
    json: bool = False
    """Print one JSON object as the last line."""


def main(argv: list[str]) -> int:
    """Run the benchmark and print its table. Raises ValueError for bad input."""
    options = read(Rtc, argv, prog="gambol bench rtc", description=DESCRIPTION)
    folder = options.out or Path("runs") / f"rtc-{options.preset}"
    bench = PRESETS[options.preset]
    if options.save and not RESULTS.is_dir():
        raise ValueError(f"{RESULTS} does not exist, as Gambol is installed without its repository: use --no-save")
    try:
        found = summary(run(bench, folder, options.workers))
    except Failed as error:
        print(error, file=sys.stderr)
        return FAILED
    about = {"preset": options.preset, "rollouts": bench.rollouts, "seeds": bench.seeds}
    row = {**about, "workers": options.workers, "seconds": round(spent(folder)), **found}
    before = earlier(options.preset)
    row = record("rtc", **row) if options.save else {"what": "rtc", **provenance(), **row}
    print("\n".join(lines(found)))
    if before:
        print(f"beside the result of commit {before['commit'][:7]}: {agreement(found, before)}")
    if options.json:
        print(json.dumps(row))
    return 0


def earlier(preset: str) -> dict[str, Any] | None:
    """The newest result of a preset that is kept; the oldest are of another protocol, which had no blocks."""
    path = RESULTS / "rtc.jsonl"
    rows = map(json.loads, path.read_text().splitlines()) if path.exists() else ()
    return next((row for row in reversed(list(rows)) if row["preset"] == preset and "blocks" in row), None)
