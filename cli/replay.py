"""`gambol replay`: decide everything in a controller's log once more."""

import json
from dataclasses import dataclass
from pathlib import Path

import tyro

from ..sim2real import bundle
from ..sim2real import log as logs
from ..sim2real.thinking import brain_of, graph
from .arguments import read

DESCRIPTION = """Decide everything in a controller's log once more, and compare bit for bit.

  gambol run bundle --robot mujoco --log walk.log
  gambol replay walk.log --bundle bundle

Exit code 0 if every decision comes out the same, 1 if one does not.
"""
FAILED = 1


@dataclass(frozen=True)
class Arguments:
    """What the command line chooses."""

    log: tyro.conf.Positional[Path]
    """File that `gambol run --log` wrote."""
    bundle: Path
    """The bundle that ran."""
    json: bool = False
    """Print the result as one JSON object on the last line of stdout."""


def main(argv: list[str]) -> int:
    """Replay, and say what differs. Raises ValueError or OSError for what the user can mend."""
    options = read(Arguments, argv, prog="gambol replay", description=DESCRIPTION)
    loaded = bundle.read(options.bundle)
    contract = loaded.contract
    brain = brain_of(loaded, graph(loaded.files[contract.graph.file], contract.graph))
    log = logs.read(options.log, contract)
    if log.about.get("bundle") != loaded.digest:
        raise ValueError(f"{options.log} is of another bundle, with digest {str(log.about.get('bundle'))[:16]}")
    different = logs.replay(brain, log)
    for number, name in different[:5]:
        print(f"tick {number}: {name} comes out differently")
    print(f"{len(log.ticks)} ticks, {len(different)} decisions differ")
    if options.json:
        print(json.dumps({"ok": not different, "ticks": len(log.ticks), "different": len(different)}))
    return FAILED if different else 0
