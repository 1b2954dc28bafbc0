"""`gambol export`: make a bundle of a policy, for a controller on a robot."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from ..sim2real.export import export
from .arguments import read
from .eval import which

DESCRIPTION = """Make a bundle of a policy: its ONNX graph, the contract, recorded ticks, the robot's model, hashes.

  gambol export policies/pretrained/track-b1z1 -o bundle
  gambol verify bundle
"""


@dataclass(frozen=True)
class Arguments:
    """What the command line chooses."""

    run: tyro.conf.Positional[Path]
    """Folder of a run or of a shipped policy."""
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """Folder to make."""
    checkpoint: str = "best"
    """best, latest, or the step of a checkpoint."""
    seed: int = 0
    """Of the roll-outs that are recorded."""
    json: bool = False
    """Print the result as one JSON object on the last line of stdout."""


def main(argv: list[str]) -> int:
    """Export, and say what was made. Raises ValueError or OSError for what the user can mend."""
    options = read(Arguments, argv, prog="gambol export", description=DESCRIPTION)
    made = export(options.run, options.out, which(options.checkpoint), options.seed)
    contract = made.contract
    print(
        f"{options.out}: {contract.policy_name}, {contract.selftest.count} recorded ticks, {made.bytes / 1e6:.2f} MB, "
        f"digest {made.digest[:16]}; prove it with gambol verify {options.out}"
    )
    if options.json:
        print(json.dumps({"bundle": str(options.out), "bytes": made.bytes, "digest": made.digest}))
    return 0
