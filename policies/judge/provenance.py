"""Where a figure comes from: commit, versions, cores, device and date, carried by every report and committed row."""

import datetime
import importlib.metadata
import json
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

from ...sim.machine import cores

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"
PACKAGES = (
    *("gambol", "jax", "jaxlib", "warp-lang", "flax", "optax", "orbax-checkpoint"),
    *("mujoco", "mujoco-mjx", "mujoco-warp", "gymnasium", "numpy", "opencv-python"),
)
"""Distributions whose versions are recorded."""


def provenance() -> dict[str, Any]:
    """Return commit, versions, cores, device and date (UTC) of this process, ready for JSON."""
    now = datetime.datetime.now(datetime.UTC)
    return {
        "commit": commit(),
        "versions": versions(),
        "cores": cores(),
        "device": device(),
        "date": now.isoformat(timespec="seconds"),
    }


def record(what: str, *, folder: Path = RESULTS, **fields: Any) -> dict[str, Any]:
    """Append one measurement with its provenance to `folder/<what>.jsonl` and return the row.

    Fields win over provenance of the same name, e.g. a `device` that a child process reported.
    Raises OSError if the folder is missing, as it is where Gambol was installed without its repository.
    """
    row = {"what": what, **provenance(), **fields}
    line = json.dumps(row, allow_nan=False) + "\n"
    with (folder / f"{what}.jsonl").open("a") as file:
        file.write(line)
    return row


def commit(root: Path = ROOT) -> str:
    """Return the commit checked out in `root`, "+dirty" added if files differ; "unknown" outside a checkout.

    Changed results do not count: appending a row would make the next one dirty.
    """
    if not (root / ".git").exists():
        return "unknown"
    command = ["git", "status", "--porcelain=v2", "--branch", "--", ".", ":(exclude)benchmarks/results"]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        return "unknown"
    status = done.stdout.splitlines()
    head = next(line.removeprefix("# branch.oid ") for line in status if line.startswith("# branch.oid "))
    dirty = any(not line.startswith("#") for line in status)
    return head + "+dirty" * dirty


def versions() -> dict[str, str]:
    """Return the versions of Python and of `PACKAGES`, those not installed left out."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def device() -> str:
    """Return where this process computes: JAX's devices if it uses JAX, else the processor."""
    jax = sys.modules.get("jax")
    if jax is None or jax.default_backend() == "cpu":
        return processor()
    return f"{jax.device_count()} x {jax.devices()[0].device_kind}"


def processor() -> str:
    """Return the processor's model name, or its architecture where the system does not tell."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())
