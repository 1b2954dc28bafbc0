"""What this machine can do for Gambol, and which command brings what is missing.

Example: `gambol doctor --json`
"""

import importlib.metadata
import importlib.util
import json
import os
import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jax

from ..envs.planar import suites
from ..policies.judge.provenance import cores, processor, versions
from .arguments import read
from .cache import cache_folder, enable_compilation_cache

PIP = f"{sys.executable} -m pip install"
NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")


@dataclass(frozen=True)
class Doctor:
    """What the command line chooses."""

    json: bool = False
    """Print one JSON object on the last line instead of the table."""


@dataclass(frozen=True)
class Check:
    """One thing looked at."""

    ok: bool
    """Whether it is there and usable."""
    detail: str
    """What was found."""
    fix: str = ""
    """The command that brings what is missing."""
    required: bool = False
    """Whether training is impossible without it."""


def main(argv: list[str]) -> int:
    """Print the examination; exit code 0 if training is possible, else 1."""
    options = read(Doctor, argv, prog="gambol doctor", description=__doc__)
    checks = examine()
    able = all(check.ok for check in checks.values() if check.required)
    if options.json:
        report = {"ok": able, "checks": {name: asdict(check) for name, check in checks.items()}, "versions": versions()}
        print(json.dumps(report))
    else:
        print_table(checks)
        print("Training is possible." if able else "Training is not possible: mend what is marked 'needed'.")
    return 0 if able else 1


def examine() -> dict[str, Check]:
    """Look at everything once; the order is that of the table."""
    found, failure = start_jax()
    return {
        "processor": Check(True, f"{processor()}, {cores()} cores"),
        "memory": Check(True, f"{memory_gib():.1f} GiB"),
        "python": Check(True, f"{sys.version.split()[0]} at {sys.executable}"),
        "devices": devices(found, failure),
        "accelerator": accelerator(found),
        "planar engines": planar_engines(found),
        "tracking engines": tracking_engines(found),
        "kinetix levels": kinetix_levels(),
        "drawing": package("cv2", "OpenCV, needs no display", "opencv-python", required=True),
        "video": video(),
        "pictures of robots": pictures(),
        "page of robots": package("viser", "viser", "viser"),
        "charts": package("matplotlib", "matplotlib, needs no display", "matplotlib"),
        "tensorboard": package("tensorboardX", "tensorboardX", "tensorboardX"),
        "wandb": package("wandb", "wandb, used only where a run asks for it", "wandb"),
        "compilation cache": compilation_cache(),
        "disk": Check(True, f"{shutil.disk_usage(Path.cwd()).free / 2**30:.1f} GiB free in {Path.cwd()}"),
    }


def print_table(checks: dict[str, Check]) -> None:
    """Print one line for each check, the versions, and the commands that mend what is not there."""
    width = max(map(len, checks))
    for name, check in checks.items():
        mark = "ok" if check.ok else "needed" if check.required else "-"
        print(f"{name:<{width}}  {mark:<6}  {check.detail}")
        if not check.ok:
            print(f"{'':<{width}}  {'':<6}  to mend: {check.fix}")
    print(f"{'versions':<{width}}  {'':<6}  " + ", ".join(f"{name} {version}" for name, version in versions().items()))


def start_jax() -> tuple[list[Any], str]:
    """Start JAX; returns its devices and, if there are none, why."""
    try:
        return jax.devices(), ""
    except (RuntimeError, AssertionError) as error:  # JAX 0.10 asserts, wordlessly, where JAX_PLATFORMS has no plugin
        return [], (str(error) or "the platform did not start").splitlines()[0]


def devices(found: list[Any], failure: str) -> Check:
    """What JAX computes on."""
    if not found:
        chosen = os.environ.get("JAX_PLATFORMS")
        fix = f"unset JAX_PLATFORMS  # it is {chosen}" if chosen else f"{PIP} --force-reinstall jax=={jax.__version__}"
        return Check(False, f"JAX starts no device: {failure}", fix, required=True)
    kinds = ", ".join(device.device_kind for device in found)
    return Check(True, f"platform {found[0].platform}, {len(found)} device(s): {kinds}", required=True)


def accelerator(found: list[Any]) -> Check:
    """Whether an NVIDIA card that is plugged in is also used."""
    if not NVIDIA_DRIVER.exists():
        return Check(True, "no NVIDIA driver, so no card is left unused")
    if any(device.platform == "gpu" for device in found):
        return Check(True, "JAX uses the NVIDIA card")
    return Check(False, "JAX does not use the NVIDIA card of this machine", f'{PIP} "jax[cuda13]=={jax.__version__}"')


def planar_engines(found: list[Any]) -> Check:
    """Which engines compute planar worlds on JAX's platform."""
    from ..sim.planar import fused

    reason = fused.unavailable(found[0].platform if found else "cpu")
    if not reason:
        return Check(True, f"xla, fused (Warp {importlib.metadata.version('warp-lang')})")
    missing = package("warp", "", "warp-lang")
    return Check(missing.ok, f"xla; not fused: {reason}", missing.fix)


def tracking_engines(found: list[Any]) -> Check:
    """Which engines compute legged robots on JAX's platform."""
    from ..sim.legged.physics import unavailable

    missing = unavailable(found[0].platform if found else "cpu")
    runs = ", ".join(name for name, reason in missing.items() if not reason)
    absent = "; ".join(f"not {name}: {reason}" for name, reason in missing.items() if reason)
    needed = package("mujoco_warp", "", "mujoco-warp")
    return Check(needed.ok, "; ".join(filter(None, (runs, absent))), needed.fix)


def pictures() -> Check:
    """Whether robots can be filmed without a screen."""
    from ..policies.judge.gl import choose_gl

    try:
        return Check(True, f"MuJoCo draws by {choose_gl()}")
    except ValueError as error:
        detail, _, fix = str(error).rpartition(": ")
        return Check(False, detail, fix)


def kinetix_levels() -> Check:
    """The published levels, which lie inside the kinetix-env wheel and are found without importing it."""
    try:
        counts = [f"{suite} {len(suites.find_one(suite))}" for suite in suites.suite_names()]
    except ValueError as error:
        return Check(False, str(error), f"{sys.executable} -m {suites.INSTALL}")
    return Check(True, ", ".join(counts))


def video() -> Check:
    """The H.264 encoder, which PyAV carries with it."""
    fix = f"{PIP} av"
    try:
        import av
    except ImportError as error:
        return Check(False, str(error), fix)
    if "libx264" not in av.codecs_available:
        return Check(False, f"PyAV {av.__version__} is built without libx264", f"{fix} --force-reinstall")
    return Check(True, f"H.264 by PyAV {av.__version__}")


def package(module: str, detail: str, distribution: str, required: bool = False) -> Check:
    """Whether a package can be found; it is not imported."""
    if importlib.util.find_spec(module) is None:
        return Check(False, f"{distribution} is not installed", f"{PIP} {distribution}", required)
    return Check(True, detail, required=required)


def compilation_cache() -> Check:
    """Where compiled programs are kept between starts, and how much they take."""
    folder = Path(os.environ.get("JAX_COMPILATION_CACHE_DIR") or cache_folder())
    if not enable_compilation_cache():
        return Check(False, f"{folder} cannot be written: every start compiles anew", "export XDG_CACHE_HOME=FOLDER")
    size = sum(file.stat().st_size for file in folder.glob("*") if file.is_file()) if folder.exists() else 0
    return Check(True, f"{folder}, {size / 2**20:.0f} MiB")


def memory_gib() -> float:
    """The machine's main memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
