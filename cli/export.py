"""`gambol export`: make a bundle of a policy, for a controller on a robot."""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Annotated

import tyro

from ..sim2real.compress.compress import Compared, Compression, Method
from ..sim2real.export import export
from .arguments import read
from .eval import which

DESCRIPTION = """Make a bundle of a policy: its ONNX graph, the contract, recorded ticks, the robot's model, hashes.

  gambol export policies/pretrained/track-b1z1 -o bundle
  gambol export policies/pretrained/track-b1z1 -o small --quantize int8
  gambol export policies/pretrained/track-b1z1 -o thin --prune 1
  gambol verify bundle

A smaller graph is made only if it plays as well: both play the same episodes of the policy's own env.
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
    quantize: Method | None = None
    """Make the graph smaller: int8, w8, w4 or w2. The bundle is written only if it plays as well."""
    prune: int = 0
    """Leave out so many hidden layers, and let the others learn from the whole policy; likewise."""
    heal: int = 200
    """With --prune: updates in which they learn."""
    hqq: bool = False
    """With w8, w4 and w2: half-quadratic quantisation in place of the search for the least error."""
    smooth: float | None = None
    """SmoothQuant's alpha, 0 to 1, before quantising."""
    episodes: int = 256
    """Episodes, or attempts per level, that each of the two graphs plays."""
    margin: float = 0.02
    """Largest drop of the score, 0 to 1, that is allowed."""
    force: bool = False
    """Write the bundle whatever the score is."""
    json: bool = False
    """Print the result as one JSON object on the last line of stdout."""


def main(argv: list[str]) -> int:
    """Export, and say what was made. Raises ValueError or OSError for what the user can mend."""
    options = read(Arguments, argv, prog="gambol export", description=DESCRIPTION)
    names = [field.name for field in fields(Compression) if hasattr(options, field.name)]
    wanted = {name: getattr(options, name) for name in names}
    smaller = any(wanted[name] not in (None, 0, False) for name in ("quantize", "prune", "hqq", "smooth"))
    asked = Compression(**wanted) if smaller else None
    made = export(options.run, options.out, which(options.checkpoint), options.seed, asked)
    if made.compared:
        print(table(made.compared))
    contract = made.contract
    print(
        f"{options.out}: {contract.policy_name}, {contract.selftest.count} recorded ticks, {made.bytes / 1e6:.2f} MB, "
        f"digest {made.digest[:16]}; prove it with gambol verify {options.out}"
    )
    if options.json:
        told = {"bundle": str(options.out), "bytes": made.bytes, "digest": made.digest}
        print(json.dumps(told | ({"compared": as_json(made.compared)} if made.compared else {})))
    return 0


def table(compared: Compared) -> str:
    """Both graphs, a line each."""
    lines = []
    for name, cost in (("fp32", compared.before), ("small", compared.after)):
        score = cost.score
        lines.append(
            f"{name:<6} {cost.bytes:>9,} bytes  p50 {cost.p50_ms:.3f} ms  p99 {cost.p99_ms:.3f} ms  "
            f"score {score.mean:.4f} ({score.lo:.4f} to {score.hi:.4f})"
        )
    error, drop = 100 * compared.action_error, compared.drop
    lines.append(f"actions {error:.2f} % off; score drops by {drop.mean:.4f} ({drop.lo:.4f} to {drop.hi:.4f})")
    return "\n".join(lines)


def as_json(compared: Compared) -> dict:
    """The same as plain data."""
    sides = {"before": compared.before, "after": compared.after}
    costs = {name: cost._asdict() | {"score": asdict(cost.score)} for name, cost in sides.items()}
    return costs | {"action_error": compared.action_error, "drop": asdict(compared.drop)}
