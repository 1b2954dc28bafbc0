"""`gambol ship`: make a small folder of a run's policy, to keep in a repository or to give away."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from ..policies.learn.ship import ship
from .arguments import read
from .eval import which

DESCRIPTION = """Make a small folder of a run's policy: its parameters, settings, provenance and training curves.

  gambol ship runs/track-b1z1/2026-01-31_12-00-00 -o policies/pretrained/track-b1z1

What reads runs reads it too: gambol eval policies/pretrained/track-b1z1 --suite track/standard
"""


@dataclass(frozen=True)
class Arguments:
    """What the command line chooses."""

    run: tyro.conf.Positional[Path]
    """Folder of the run."""
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """Folder to make."""
    checkpoint: str = "best"
    """best, latest, or the step of a checkpoint."""
    json: bool = False
    """Print the result as one JSON object on the last line of stdout."""


def main(argv: list[str]) -> int:
    """Ship, and say what was shipped. Raises ValueError or OSError for what the user can mend."""
    options = read(Arguments, argv, prog="gambol ship", description=DESCRIPTION)
    about = ship(options.run, options.out, which(options.checkpoint))
    size = sum(file.stat().st_size for file in options.out.iterdir())
    print(f"{options.out}: step {about['steps']:,}, {size / 1e6:.2f} MB; trained by: {about['command']}")
    if options.json:
        print(json.dumps({"policy": str(options.out), "bytes": size, **about}))
    return 0
