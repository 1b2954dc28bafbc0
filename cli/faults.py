"""`gambol faults`: let things go wrong, and see that robot and controller stay safe."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro

from ..sim2real import bundle
from ..sim2real.faults import live
from ..sim2real.faults.campaign import Outcome, play
from ..sim2real.faults.catalogue import FAULTS
from .arguments import read

DESCRIPTION = """Play scripted faults on a simulated robot that walks under a bundle's policy. Most of them run in
lockstep, faster than real time and the same every time; faults of processes take their time.

  gambol faults bundle
  gambol faults bundle --only gyroscope encoder

Each must end as its row says: in damping, or with a robot that goes on walking; and no order may ever be outside what
the robot's joints and drives allow. Exit code 0 if each does, 1 if one does not.
"""
FAILED = 1


@dataclass(frozen=True)
class Arguments:
    """What the command line chooses."""

    bundle: tyro.conf.Positional[Path]
    """Folder of the bundle."""
    only: tuple[str, ...] = ()
    """Faults with one of these words in their names; by default all."""
    live: bool = True
    """Also those of processes, in real time, about 15 s each."""
    seed: int = 0
    """Of noise."""
    json: bool = False
    """Print the result as one JSON object on the last line of stdout."""


def main(argv: list[str]) -> int:
    """Play, and say how each fault ended. Raises ValueError or OSError for what the user can mend."""
    options = read(Arguments, argv, prog="gambol faults", description=DESCRIPTION)

    def chosen(name: str) -> bool:
        return not options.only or any(word.lower() in name.lower() for word in options.only)

    scripted = [fault for fault in FAULTS if chosen(fault.name)]
    processes = [fault for fault in live.FAULTS if options.live and chosen(fault.name)]
    if not scripted and not processes:
        raise ValueError(f"--only {' '.join(options.only)}: no fault has such a name")
    loaded = bundle.read(options.bundle)
    outcomes = []
    for fault in scripted:
        outcomes.append(tell(play(loaded, fault, options.seed)))
    for fault in processes:
        outcomes.append(tell(live.play(options.bundle, loaded, fault)))
    bad = [outcome for outcome in outcomes if not outcome.ok]
    ends = Counter(outcome.ended for outcome in outcomes)
    print(f"{len(outcomes)} faults: {', '.join(f'{n} {end}' for end, n in sorted(ends.items()))}; {len(bad)} not safe")
    if options.json:
        rows = [outcome._asdict() for outcome in outcomes]
        for row in rows:
            row |= {name: None for name in ("after", "height") if not np.isfinite(row[name])}
        print(json.dumps({"ok": not bad, "faults": rows}))
    return FAILED if bad else 0


def tell(outcome: Outcome) -> Outcome:
    """Print a row, and pass the outcome on."""
    when = f"after {1e3 * outcome.after:4.0f} ms" if outcome.after >= 0 else "as it rises" if outcome.after < 0 else ""
    row = f"{'ok' if outcome.ok else 'NOT SAFE':<8}  {outcome.name:<42} {outcome.ended:<6} {when:<14} {outcome.reason}"
    print("; ".join([row.rstrip(), *outcome.complaints]), flush=True)
    return outcome
