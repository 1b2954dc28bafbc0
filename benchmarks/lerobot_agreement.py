"""Datasets that Gambol writes, read by the real lerobot, and the other way round.

    make .venv-lerobot/.made                    # about 8 GB: lerobot and the PyTorch that it needs
    python benchmarks/lerobot_agreement.py      # appends a row to results/lerobot.jsonl

Numbers must come back bit by bit, pictures as PNG too; as video they are not exact.
"""

import argparse
import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from gambol.policies.data import layout
from gambol.policies.data.read import read
from gambol.policies.data.recording import Recording
from gambol.policies.data.stats import statistics
from gambol.policies.data.write import write
from gambol.policies.judge.provenance import record

ROOT = Path(__file__).parents[1]
PEER = ROOT / ".venv-lerobot" / "bin" / "python"
PICTURE = "observation.images.front"
LENGTHS = (40, 25, 60)
VIDEO_OFF = 40
"""Of 255: what coding may change of a pixel."""


def recording() -> Recording:
    """Three episodes of two tasks, with pictures in which something moves."""
    draw, steps = np.random.default_rng(0), sum(LENGTHS)
    rows, columns = np.mgrid[:96, :128]
    place = np.linspace(10, 110, steps)[:, None, None]
    bright = 40 + 180 * np.exp(-((columns - place) ** 2 + (rows - 48) ** 2) / 400)
    return Recording(
        fps=30,
        arrays={
            "observation.state": draw.normal(size=(steps, 7)).astype(np.float32),
            PICTURE: np.stack([bright, 255 - bright, bright / 2], axis=-1).astype(np.uint8),
            "action": draw.uniform(-1, 1, (steps, 5)).astype(np.float32),
        },
        episode=np.repeat(np.arange(3), LENGTHS),
        tasks=("reach", "wave", "reach"),
        robot="toy",
    )


def peer(word: str, folder: Path, file: Path) -> None:
    """Run lerobot."""
    script = Path(__file__).with_name("peer_lerobot.py")
    command = [str(PEER), str(script), word, str(folder), str(file)]
    alone = os.environ | {"HF_HUB_OFFLINE": "1"}
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=alone)


def read_by_lerobot(ours: Recording, folder: Path, video: bool) -> dict[str, Any]:
    """How far lerobot's arrays are from those that we wrote."""
    write(ours, folder, video)
    peer("read", folder, folder.with_suffix(".npz"))
    with np.load(folder.with_suffix(".npz")) as file:
        theirs = dict(file)
    about = json.loads(str(theirs["about"]))
    assert about["task"] == [ours.tasks[i] for i in ours.episode], "tasks differ"
    assert (about["fps"], about["robot"], about["episodes"]) == (30, "toy", len(LENGTHS)), about
    off = {name: float(np.abs(x.astype(float) - theirs[name]).max()) for name, x in ours.arrays.items()}
    return {"lerobot": about["lerobot"], "video": video, "off": off}


def written_by_lerobot(ours: Recording, folder: Path) -> dict[str, Any]:
    """How far what we read is from what lerobot wrote."""
    source = folder.with_suffix(".npz")
    np.savez(source, episode=ours.episode, tasks=json.dumps(ours.tasks), **ours.arrays)
    peer("write", folder, source)
    theirs = read(folder)
    assert theirs.tasks == ours.tasks and theirs.robot == ours.robot and theirs.fps == ours.fps
    assert np.array_equal(theirs.episode, ours.episode)
    off = {name: float(np.abs(x.astype(float) - theirs.arrays[name]).max()) for name, x in ours.arrays.items()}
    told = layout.load_json(folder / layout.STATS)
    apart = max(
        float(np.abs(np.ravel(statistics(x)[kind]) - np.ravel(told[name][kind])).max())
        for name, x in ours.arrays.items()
        if name != PICTURE  # of which lerobot takes a sample
        for kind in ("min", "max", "mean", "std")
    )
    return {"off": off, "statistics_off": apart, "version": layout.load_json(folder / layout.INFO)["codebase_version"]}


def main() -> None:
    """Compare, print, record. Raises AssertionError where they disagree."""
    parser = argparse.ArgumentParser(description="Datasets of Gambol and of lerobot, each read by the other.")
    parser.add_argument("--try", action="store_true", dest="attempt", help="records nothing")
    arguments = parser.parse_args()
    ours = recording()
    with tempfile.TemporaryDirectory() as scratch:
        found = {
            "png_read": read_by_lerobot(ours, Path(scratch) / "png", video=False),
            "video_read": read_by_lerobot(ours, Path(scratch) / "video", video=True),
            "written": written_by_lerobot(ours, Path(scratch) / "theirs"),
        }
    print(json.dumps(found, indent=1))
    for name, part in found.items():
        exact = {k: v for k, v in part["off"].items() if k != PICTURE or name == "png_read"}
        assert not any(exact.values()), f"{name}: numbers changed: {exact}"
        assert part["off"][PICTURE] <= VIDEO_OFF, f"{name}: pictures are {part['off'][PICTURE]} off"
    if not arguments.attempt:
        record("lerobot", steps=len(ours.episode), **found)


if __name__ == "__main__":
    main()
