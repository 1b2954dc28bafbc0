"""A trained policy as a small folder that can go into a repository: parameters, settings, where it comes from, curves.

    <folder>/  config.yaml  run.json  metrics.jsonl  curves.png  policy.npz

`load_policy` reads it like a run. Optimiser, critic and worlds stay behind, so it cannot be trained on.
"""

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ...envs.make import with_engine
from . import checkpoint as checkpoints
from . import shipped
from .checkpoint import Which
from .config import RunConfig, TrainConfig, differing, load_preset, presets, save_yaml
from .log import METRICS, OF_EPISODES, Row, read_rows
from .run import CHECKPOINTS, CONFIG, PROVENANCE, Build, build, load_run, shapes_of

CURVES = "curves.png"
MOST_BYTES = 5_000_000
MOST_ROWS = 300
"""Of metrics; longer training curves are thinned evenly."""
ACROSS = 4
"""Curves side by side."""
DRAWN = (*OF_EPISODES, "step_")
"""How metrics begin that are drawn ..."""
REWARDS = "step_reward_"
"""... but for these, the terms of the reward."""
IMMATERIAL = {"run.out", "run.tensorboard", "run.wandb_project"}
"""Settings that change nothing of what is learned."""


def ship(run_dir: Path, folder: Path, checkpoint: Which = "best", build: Build = build) -> dict[str, Any]:
    """Make `folder` from the run in `run_dir`, whole or not at all; returns what its run.json says.

    The run's own physics engine need not run here. Raises ValueError where there is no such run or checkpoint, where
    `folder` exists, and where it would be larger than `MOST_BYTES`; OSError where it cannot be written.
    """
    if (run_dir / shipped.FILE).exists():
        raise ValueError(f"{run_dir} is a shipped policy: copy the folder, or name the run that it came from")
    if folder.exists():
        raise ValueError(f"{folder} exists: remove it, or choose another name with -o")
    config = load_run(run_dir)
    _, learner = build(replace(config, env=with_engine(config.env, "auto")))
    found = checkpoints.restore(run_dir / CHECKPOINTS, shapes_of(learner), checkpoint)
    about = made_with(run_dir) | {
        "seed": config.seed,
        "steps": found.step,
        "seconds": found.about["seconds"],
        "command": command(config, folder),
    }
    scratch = folder.with_name(f".{folder.name}.writing")
    shutil.rmtree(scratch, ignore_errors=True)
    try:
        scratch.mkdir(parents=True)
        # The place where it was trained means nothing elsewhere.
        save_yaml(replace(config, run=replace(config.run, out=RunConfig().out)), scratch / CONFIG)
        (scratch / PROVENANCE).write_text(json.dumps(about, indent=1) + "\n")
        rows = read_rows(run_dir / METRICS)
        (scratch / METRICS).write_text("".join(json.dumps(row) + "\n" for row in thinned(rows)))
        (scratch / CURVES).write_bytes(draw(rows, config.name, found.step))
        shipped.write(scratch / shipped.FILE, learner.params_of(found.state), found.step)
        size = sum(file.stat().st_size for file in scratch.iterdir())
        if size > MOST_BYTES:
            limit = f"a shipped policy has at most {MOST_BYTES / 1e6:g} MB"
            raise ValueError(f"{folder} would have {size / 1e6:.1f} MB: {limit}; train a smaller network")
        scratch.rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return about


def made_with(run_dir: Path) -> dict[str, Any]:
    """What a run says of where it was made. Raises ValueError if it says nothing."""
    try:
        about = json.loads((run_dir / PROVENANCE).read_text())
    except (OSError, ValueError):
        about = None
    if not isinstance(about, dict):
        raise ValueError(f"{run_dir} has no readable {PROVENANCE}: a policy is shipped with its provenance only")
    return about


def command(config: TrainConfig, folder: Path) -> str:
    """What trains it once more: its preset if that has the same settings but for the seed, else the shipped ones."""
    if config.name in presets():
        other = set(differing(load_preset(config.name), config)) - IMMATERIAL
        if other <= {"seed"}:
            return f"gambol train {config.name}" + f" --seed {config.seed}" * bool(other)
    place = folder.resolve()
    return f"gambol train {place.relative_to(Path.cwd()) if place.is_relative_to(Path.cwd()) else folder}/{CONFIG}"


def thinned(rows: list[Row], most: int = MOST_ROWS) -> list[Row]:
    """At most so many rows at even distances, the first and the last among them."""
    chosen = np.linspace(0, len(rows) - 1, min(len(rows), most)).round().astype(int)
    return [rows[i] for i in chosen]


def draw(rows: list[Row], name: str, step: int) -> bytes:
    """PNG bytes: means over the episodes that ended, or over all steps; of what only learned from recorded ones, its
    losses. A line marks the checkpoint at `step`."""
    from matplotlib.figure import Figure

    from ..judge.chart import FAINT, INK, MEAN, png

    last = rows[-1] if rows else {}
    names = [key for key in last if key.startswith(DRAWN) and not key.startswith(REWARDS)]
    names, unit = (names, "control steps") if names else ([key for key in last if key.endswith("loss")], "chunks")
    down = max(1, math.ceil(len(names) / ACROSS))
    figure = Figure(figsize=(3 * ACROSS, 0.6 + 1.8 * down), dpi=100, layout="constrained")
    figure.suptitle(f"{name}: means over episodes or steps, by million {unit}", fontsize=10, color=INK)
    panels = figure.subplots(down, ACROSS, squeeze=False).ravel()
    for panel in panels[len(names) :]:
        panel.set_axis_off()
    for panel, key in zip(panels, names, strict=False):
        points = [(row["step"] / 1e6, row[key]) for row in rows if row.get(key) is not None]
        panel.plot(*zip(*points, strict=True), color=MEAN, linewidth=1.0)
        panel.axvline(step / 1e6, color=INK, linewidth=0.8, linestyle="--")
        panel.set_title(key, loc="left", fontsize=8, color=INK)
        panel.tick_params(length=0, labelsize=7, colors=INK)
        panel.grid(color=FAINT, linewidth=0.8)
        panel.set_axisbelow(True)
        for side in panel.spines.values():
            side.set_visible(False)
    return png(figure)
