"""`gambol verify`: prove a bundle before any motor gets torque."""

import json
from dataclasses import dataclass
from pathlib import Path

import tyro
from rich.console import Console
from rich.markup import escape

from ..sim2real.verify import verify
from .arguments import read

DESCRIPTION = """Prove a bundle: its files are whole, its contract fits the graph and the robot's model, and the graph
does what was recorded, from observations and from raw readings.

  gambol verify bundle

Exit code 0 if every check holds, 1 if one does not.
"""
FAILED = 1


@dataclass(frozen=True)
class Arguments:
    """What the command line chooses."""

    bundle: tyro.conf.Positional[Path]
    """Folder of the bundle."""
    json: bool = False
    """Print the result as one JSON object on the last line of stdout."""


def main(argv: list[str]) -> int:
    """Verify, and say what came of every check. Raises ValueError for what is no bundle at all."""
    options = read(Arguments, argv, prog="gambol verify", description=DESCRIPTION)
    checks = verify(options.bundle)
    ok = all(check.ok for check in checks.values())
    console = Console(soft_wrap=True)
    for name, check in checks.items():
        console.print(f"{'[green]ok[/]     ' if check.ok else '[red]REFUSED[/]'}  {name:<9} {escape(check.detail)}")
    if options.json:
        told = {name: {"ok": check.ok, "detail": check.detail} for name, check in checks.items()}
        print(json.dumps({"ok": ok, "checks": told}))
    return 0 if ok else FAILED
