"""Reading LeRobot datasets, of version 3.0 and 2.1, into memory."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import layout
from .recording import Recording
from .video import frames
from .write import require_pyarrow


def read(folder: Path) -> Recording:
    """All of a dataset. Raises ValueError, naming the file and what is wrong with it."""
    require_pyarrow()
    info = layout.load_info(folder)
    episodes = _episodes(folder) if info["codebase_version"] == layout.VERSION else _older_episodes(folder, info)
    if not episodes:
        raise ValueError(f"{folder} holds no episodes")
    features = {name: about for name, about in info["features"].items() if about["dtype"] != layout.TEXT}
    tables = [_table(folder, name, features) for name in dict.fromkeys(row["file"] for row in episodes)]
    columns = {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
    episode = columns["episode_index"].astype(np.int64)
    lengths = np.array([row["length"] for row in episodes])
    if not np.array_equal(episode, np.repeat(np.arange(len(lengths)), lengths)):
        raise ValueError(f"{folder}: steps in the data files are not those that meta/episodes tells of")
    if len(episode) != info["total_frames"]:
        raise ValueError(f"{folder} has {len(episode)} steps, {layout.INFO} says {info['total_frames']}")
    arrays = {name: values for name, values in columns.items() if name not in layout.OWN}
    arrays |= {n: frames(folder, n, episodes, info) for n, about in features.items() if about["dtype"] == "video"}
    names = {name: tuple(_flat(f["names"])) for name, f in features.items() if name in arrays and _flat(f.get("names"))}
    tasks = tuple(row["task"] for row in episodes)
    return Recording(info["fps"], arrays, episode, tasks, names, str(info.get("robot_type") or "unknown"))


def _episodes(folder: Path) -> list[dict[str, Any]]:
    """The file, length, task and videos of each."""
    found = []
    files = sorted((folder / "meta" / "episodes").glob("*/*.parquet"))
    if not files:
        raise ValueError(f"{folder} holds no meta/episodes: it was never finished")
    for path in files:
        for row in _rows(path, layout.EPISODE):
            at = {"chunk_index": row["data/chunk_index"], "file_index": row["data/file_index"]}
            task = (row["tasks"] or [""])[0]
            found.append({**row, "file": layout.DATA.format(**at), "task": task})
    return sorted(found, key=lambda row: row["episode_index"])


def _older_episodes(folder: Path, info: dict[str, Any]) -> list[dict[str, Any]]:
    """The same of version 2.1, where every episode has a file of its own."""
    path, found = folder / "meta" / "episodes.jsonl", []
    try:
        lines = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
    for row in lines:
        _whole(path, ("episode_index", "length", "tasks"), row)
        number = row["episode_index"]
        at = {"episode_chunk": number // info["chunks_size"], "episode_index": number}
        videos = {"older_video": (info.get("video_path") or "", at)}
        found.append({**row, **videos, "file": info["data_path"].format(**at), "task": (row["tasks"] or [""])[0]})
    return sorted(found, key=lambda row: row["episode_index"])


def _rows(path: Path, wanted: tuple[str, ...]) -> list[dict[str, Any]]:
    from pyarrow import ArrowException, parquet

    try:
        table = parquet.read_table(path)
    except (OSError, ArrowException) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
    _whole(path, wanted, table.column_names)
    kept = [name for name in table.column_names if not name.startswith("stats/")]
    return table.select(kept).to_pylist()


def _table(folder: Path, name: str, features: dict[str, Any]) -> dict[str, NDArray]:
    """The columns of a data file."""
    from pyarrow import ArrowException, parquet

    path = layout.inside(folder, name)
    try:
        table = parquet.read_table(path)
    except (OSError, ArrowException) as error:
        raise ValueError(f"{path} cannot be read, its writer may not have finished it: {error}") from None
    wanted = {feature: about for feature, about in features.items() if about["dtype"] != "video"}
    _whole(path, wanted, table.column_names)
    return {feature: _values(f"{path}, {feature}", table[feature], about) for feature, about in wanted.items()}


def _whole(where: Path, wanted: Iterable[str], there: Iterable[str]) -> None:
    """Raises ValueError if a field is missing."""
    missing = sorted(set(wanted) - set(there))
    if missing:
        raise ValueError(f"{where} lacks {missing[0]}")


def _values(where: str, column: Any, about: dict[str, Any]) -> NDArray:
    """[N, ...] as the feature says; a feature of one number is [N]. Raises ValueError, saying `where`, for others."""
    import pyarrow as arrow

    if column.null_count:
        raise ValueError(f"{where}: {column.null_count} of {len(column)} steps are empty")
    column, shape = column.combine_chunks(), tuple(about["shape"])
    if about["dtype"] == "image":
        pictures = [_picture(where, cell) for cell in column.to_pylist()]
        if len(sizes := {picture.shape for picture in pictures}) > 1:
            raise ValueError(f"{where}: pictures are of {len(sizes)} sizes")
        return np.stack(pictures)
    while isinstance(column, arrow.FixedSizeListArray | arrow.ListArray | arrow.ExtensionArray):
        column = column.storage if isinstance(column, arrow.ExtensionArray) else column.flatten()
    values = column.to_numpy(zero_copy_only=False).astype(about["dtype"], copy=False)
    try:
        return values if shape == (1,) else values.reshape(-1, *shape)
    except ValueError:
        raise ValueError(f"{where}: {len(values)} numbers are no arrays of {shape}, as {layout.INFO} says") from None


def _picture(where: str, cell: Any) -> NDArray:
    """uint8 [H, W, 3] of a picture in a table."""
    from cv2 import IMREAD_COLOR, imdecode

    coded = cell.get("bytes") if isinstance(cell, dict) else None
    found = imdecode(np.frombuffer(coded, np.uint8), IMREAD_COLOR) if coded else None
    if found is None:
        raise ValueError(f"{where}: a step holds no picture")
    return found[..., ::-1]


def _flat(names: Any) -> list[str]:
    """Names of entries: a list, or lists by a name of their own."""
    if isinstance(names, dict):
        return [str(name) for group in names.values() for name in (group if isinstance(group, list) else [group])]
    return [str(name) for name in names] if isinstance(names, list) else []
