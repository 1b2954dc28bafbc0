"""LeRobot's layout of a dataset, version 3.0, and what of version 2.1 is needed to read it.

meta/info.json  meta/stats.json  meta/tasks.parquet  meta/episodes/chunk-000/file-000.parquet
data/chunk-000/file-000.parquet    rows of all steps, several episodes in a file
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

INFO, STATS, TASKS = "meta/info.json", "meta/stats.json", "meta/tasks.parquet"
EPISODES = "meta/episodes/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
EPISODE = ("episode_index", "length", "tasks", "data/chunk_index", "data/file_index")
"""What must be known of an episode, of these."""
DATA = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VERSION, OLDER = "v3.0", "v2.1"
FILES_IN_CHUNK = 1000
DATA_MB = 100
"""A data file is closed when it has grown to so much."""

OWN = {
    "timestamp": {"dtype": "float32", "shape": [1], "names": None},
    "frame_index": {"dtype": "int64", "shape": [1], "names": None},
    "episode_index": {"dtype": "int64", "shape": [1], "names": None},
    "index": {"dtype": "int64", "shape": [1], "names": None},
    "task_index": {"dtype": "int64", "shape": [1], "names": None},
}
"""Columns that every dataset has."""
PICTURES = ("image", "video")
"""Types of features that are pictures."""
TEXT = "string"
"""Type of features that are left out: nothing here reads words."""


def load_json(path: Path) -> dict[str, Any]:
    """Raises ValueError, naming the file."""
    try:
        found = json.loads(path.read_text())
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
    if not isinstance(found, dict):
        raise ValueError(f"{path} holds {type(found).__name__}, not settings")
    return found


def load_info(folder: Path) -> dict[str, Any]:
    """What a dataset says of itself. Raises ValueError, naming the field, for what cannot be."""
    path = folder / INFO
    if not path.is_file():
        raise ValueError(f"{folder} is no LeRobot dataset: there is no {INFO} in it")
    info = load_json(path)
    version = info.get("codebase_version")
    if version not in (VERSION, OLDER):
        raise ValueError(f"{folder} is of version {version!r}: this gambol reads {VERSION} and {OLDER}")
    wanted: dict[str, tuple[Any, str]] = {
        "fps": (int | float, "a number"),
        "total_frames": (int, "a whole number"),
        "features": (dict, "named features"),
    }
    if version == OLDER:
        wanted |= {"data_path": (str, "a path"), "chunks_size": (int, "a whole number")}
    for name, (kind, words) in wanted.items():
        if not isinstance(info.get(name), kind):
            raise ValueError(f"{path}: {name} is {info.get(name)!r}: it must be {words}")
    for name, about in info["features"].items():
        if not isinstance(about, dict) or not isinstance(about.get("shape"), list) or not _known(about.get("dtype")):
            raise ValueError(f"{path}: feature {name!r} is {about!r}: it needs a dtype and a shape")
    if "episode_index" not in info["features"]:
        raise ValueError(f"{path}: features lack episode_index")
    return info


def _known(kind: Any) -> bool:
    """Whether a feature may be of this type."""
    try:
        return kind in (*PICTURES, TEXT) or np.dtype(kind).kind in "fiub"
    except TypeError:
        return False


def inside(folder: Path, name: str) -> Path:
    """The file of that name in the dataset. Raises ValueError for one outside of it."""
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"{folder} names a file outside of itself: {name}")
    return path
