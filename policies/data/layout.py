"""LeRobot's layout of a dataset, version 3.0, and what of version 2.1 is needed to read it.

meta/info.json  meta/stats.json  meta/tasks.parquet  meta/episodes/chunk-000/file-000.parquet
data/chunk-000/file-000.parquet    rows of all steps, several episodes in a file
"""

import json
from pathlib import Path
from typing import Any

INFO, STATS, TASKS = "meta/info.json", "meta/stats.json", "meta/tasks.parquet"
EPISODES = "meta/episodes/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
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


def load_json(path: Path) -> dict[str, Any]:
    """Raises ValueError, naming the file."""
    try:
        found = json.loads(path.read_text())
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
    if not isinstance(found, dict):
        raise ValueError(f"{path} holds {type(found).__name__}, not settings")
    return found


def inside(folder: Path, name: str) -> Path:
    """The file of that name in the dataset. Raises ValueError for one outside of it."""
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"{folder} names a file outside of itself: {name}")
    return path
