"""Writing a recording as a LeRobot dataset of version 3.0, whole or not at all."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from . import layout
from .recording import Recording
from .stats import plain, statistics
from .video import VIDEO, encode, located


def write(recording: Recording, folder: Path, video: bool = False) -> None:
    """Make `folder`, with pictures as video if asked for (smaller, not exact), else as PNG.

    Raises ValueError if it exists or pyarrow is missing, OSError if it cannot be written.
    """
    require_pyarrow()
    if folder.exists():
        raise ValueError(f"{folder} exists: remove it, or choose another name with -o")
    scratch = folder.with_name(f".{folder.name}.writing")
    shutil.rmtree(scratch, ignore_errors=True)
    try:
        _fill(recording, scratch, video)
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch.rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def require_pyarrow() -> None:
    """Raises ValueError, saying what to install, where pyarrow is missing."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        raise ValueError("datasets need pyarrow: pip install 'gambol[data]'") from None


def _fill(recording: Recording, folder: Path, video: bool) -> None:
    import pyarrow as arrow
    from pyarrow import parquet

    texts = sorted(set(recording.tasks))
    ends = np.cumsum(recording.lengths)
    columns = _own(recording, texts) | recording.arrays
    filmed = {}
    for name in [name for name, values in columns.items() if video and values.ndim == 4]:
        path = folder / VIDEO.format(video_key=name, chunk_index=0, file_index=0)
        filmed[name] = encode(path, columns[name], recording.fps)
    kept = {name: values for name, values in columns.items() if name not in filmed}
    rows: list[dict[str, Any]] = []
    files = _files(kept, ends)
    for number, (first, past) in enumerate(files):
        at = {"chunk_index": number // layout.FILES_IN_CHUNK, "file_index": number % layout.FILES_IN_CHUNK}
        start, stop = (ends[first - 1] if first else 0), ends[past - 1]
        table = arrow.table({name: _column(values[start:stop]) for name, values in kept.items()})
        path = folder / layout.DATA.format(**at)
        path.parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(table, path)
        for episode in range(first, past):
            begin, end = (ends[episode - 1] if episode else 0), ends[episode]
            row = {"episode_index": episode, "tasks": [recording.tasks[episode]], "length": int(end - begin)}
            row |= {f"data/{name}": value for name, value in at.items()}
            row |= {"dataset_from_index": int(begin), "dataset_to_index": int(end)}
            row |= {"meta/episodes/chunk_index": 0, "meta/episodes/file_index": 0}
            for name in filmed:
                row |= located(name, int(begin), int(end), recording.fps)
            own = {name: statistics(values[begin:end]) for name, values in columns.items()}
            row |= {f"stats/{name}/{kind}": v.tolist() for name, one in own.items() for kind, v in one.items()}
            rows.append(row)
    path = folder / layout.EPISODES.format(chunk_index=0, file_index=0)
    path.parent.mkdir(parents=True)
    parquet.write_table(arrow.Table.from_pylist(rows), path)
    _write_tasks(folder / layout.TASKS, texts)
    _save_json(folder / layout.STATS, plain({name: statistics(values) for name, values in columns.items()}))
    _save_json(folder / layout.INFO, _info(recording, len(texts), columns, filmed))


def _own(recording: Recording, texts: list[str]) -> dict[str, np.ndarray]:
    """The columns that every dataset has."""
    lengths = recording.lengths
    frame = np.arange(len(recording.episode)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    task = np.array([texts.index(text) for text in recording.tasks])
    return {
        "timestamp": (frame / recording.fps).astype(np.float32),
        "frame_index": frame.astype(np.int64),
        "episode_index": recording.episode.astype(np.int64),
        "index": np.arange(len(frame), dtype=np.int64),
        "task_index": task[recording.episode].astype(np.int64),
    }


def _files(columns: dict[str, np.ndarray], ends: np.ndarray) -> list[tuple[int, int]]:
    """First episode of each data file, and the one past its last."""
    size = sum(values.nbytes for values in columns.values()) / max(1, int(ends[-1]))
    found, first = [], 0
    for episode in range(len(ends)):
        begun = ends[first - 1] if first else 0
        if (ends[episode] - begun) * size >= layout.DATA_MB * 1e6 or episode == len(ends) - 1:
            found.append((first, episode + 1))
            first = episode + 1
    return found


def _column(values: np.ndarray) -> Any:
    """Numbers alone, lists of fixed length, or pictures as PNG."""
    import pyarrow as arrow

    if values.ndim == 4:
        from cv2 import imencode

        pictures = [{"bytes": imencode(".png", picture[..., ::-1])[1].tobytes(), "path": None} for picture in values]
        return arrow.array(pictures, arrow.struct({"bytes": arrow.binary(), "path": arrow.string()}))
    if values.ndim == 1 or values.shape[1:] == (1,):
        return arrow.array(values.reshape(len(values)))
    found = arrow.array(np.ascontiguousarray(values).reshape(-1))
    for size in values.shape[:0:-1]:
        found = arrow.FixedSizeListArray.from_arrays(found, size)
    return found


def _info(
    recording: Recording, tasks: int, columns: dict[str, np.ndarray], filmed: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    episodes = len(recording.tasks)
    features = {}
    for name, values in columns.items():
        if values.ndim == 4:
            about = {"shape": list(values.shape[1:]), "names": ["height", "width", "channels"]}
            seen = {"dtype": "video", "info": filmed[name]} if name in filmed else {"dtype": "image"}
            features[name] = seen | about
        else:
            names, shape = recording.names.get(name), list(values.shape[1:]) or [1]
            features[name] = {"dtype": str(values.dtype), "shape": shape, "names": list(names) if names else None}
    return {
        "codebase_version": layout.VERSION,
        "robot_type": recording.robot,
        "total_episodes": episodes,
        "total_frames": len(recording.episode),
        "total_tasks": tasks,
        "chunks_size": layout.FILES_IN_CHUNK,
        "data_files_size_in_mb": layout.DATA_MB,
        "video_files_size_in_mb": 200,
        "fps": recording.fps,
        "splits": {"train": f"0:{episodes}"},
        "data_path": layout.DATA,
        "video_path": VIDEO if filmed else None,
        "features": features,
    }


def _write_tasks(path: Path, texts: list[str]) -> None:
    """The texts are the index of a pandas frame, which is what LeRobot reads."""
    import pyarrow as arrow
    from pyarrow import parquet

    index = "__index_level_0__"
    table = arrow.table({"task_index": arrow.array(range(len(texts)), arrow.int64()), index: arrow.array(texts)})
    column = {"metadata": None, "field_name": "task_index", "name": "task_index", "pandas_type": "int64"}
    texts_ = {"metadata": None, "field_name": index, "name": None, "pandas_type": "unicode", "numpy_type": "object"}
    frame = {"index_columns": [index], "column_indexes": [], "columns": [column | {"numpy_type": "int64"}, texts_]}
    parquet.write_table(table.replace_schema_metadata({"pandas": json.dumps(frame)}), path)


def _save_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=4) + "\n")
