"""`gambol data`: look at LeRobot datasets."""

import json
from dataclasses import dataclass
from pathlib import Path

import tyro

from ..envs.files import write_atomically
from ..policies.data.chart import draw
from ..policies.data.read import read as read_dataset
from ..policies.data.stats import norm_stats, plain, statistics
from .arguments import read

DESCRIPTION = """Look at a LeRobot dataset (version 3.0 or 2.1).

  gambol data show dataset
  gambol data show dataset --draw spread.png --norm-stats norm_stats.json
"""
MOST = 8
"""Entries of an array that are printed."""


@dataclass(frozen=True)
class Show:
    """Print statistics of every array."""

    folder: tyro.conf.Positional[Path]
    """The dataset."""
    draw: Path | None = None
    """Also draw how the numbers are spread, to this PNG."""
    norm_stats: Path | None = None
    """Also write the statistics as openpi reads them, to this JSON file."""
    json: bool = False
    """Print them as one JSON object on the last line of stdout."""


def main(argv: list[str]) -> int:
    """Show. Raises ValueError or OSError for what the user can mend."""
    if argv[:1] not in (["show"], ["--help"], ["-h"]):
        raise ValueError(f"{' '.join(['gambol data', *argv[:1]])}: use gambol data show DATASET")
    options = read(Show, argv[1:] if argv[0] == "show" else argv, prog="gambol data show", description=DESCRIPTION)
    recording = read_dataset(options.folder)
    stats = {name: statistics(values) for name, values in recording.arrays.items()}
    lengths, tasks = recording.lengths, sorted(set(recording.tasks))
    print(f"{options.folder}: {len(lengths)} episodes of {lengths.min()} to {lengths.max()} steps, {recording.fps} Hz")
    print(f"tasks: {'; '.join(tasks[:5])}{' ...' if len(tasks) > 5 else ''}")
    for name, values in recording.arrays.items():
        print(f"\n{name}  {values.dtype}{list(values.shape[1:])}")
        if values.ndim > 2:
            continue
        one = {kind: value.ravel() for kind, value in stats[name].items()}
        entries = recording.names.get(name, tuple(map(str, range(len(one["mean"])))))
        print(f"  {'':24}" + "".join(f"{kind:>11}" for kind in ("mean", "std", "min", "q01", "q99", "max")))
        for i, entry in list(enumerate(entries))[:MOST]:
            cells = "".join(f"{one[kind][i]:11.4g}" for kind in ("mean", "std", "min", "q01", "q99", "max"))
            print(f"  {entry[:24]:24}{cells}")
        if len(entries) > MOST:
            print(f"  and {len(entries) - MOST} more")
        still = int((one["std"] < 1e-6).sum())
        if still:
            print(f"  {still} of {len(entries)} never change")
    if options.draw:
        draw(recording, options.draw)
    if options.norm_stats:
        write_atomically(options.norm_stats, json.dumps(norm_stats(stats), indent=1).encode())
    if options.json:
        counts = {"episodes": len(lengths), "steps": int(lengths.sum()), "fps": recording.fps}
        print(json.dumps({**counts, "stats": plain(stats)}))
    return 0
