"""Pictures of a dataset as video: all episodes of a camera one after the other in a file."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import layout

VIDEO = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
CODEC, PIXELS = "libx264", "yuv420p"
OPTIONS = {"crf": "18", "g": "2"}
"""Hardly visible losses, and a full picture every other frame: any step is found fast."""


def encode(path: Path, pictures: NDArray, fps: int) -> dict[str, Any]:
    """Write uint8 [N, H, W, 3] and return what info.json says of the file. Raises ValueError for odd sizes."""
    import av

    _, high, wide, _ = pictures.shape
    if high % 2 or wide % 2:
        raise ValueError(f"pictures are {high} by {wide}: video needs even sizes")
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as file:
        stream = file.add_stream(CODEC, rate=fps, options=OPTIONS)
        stream.width, stream.height, stream.pix_fmt = wide, high, PIXELS
        for picture in pictures:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")))
        file.mux(stream.encode())
    about = {"video.height": high, "video.width": wide, "video.codec": "h264", "video.pix_fmt": PIXELS}
    return about | {"video.is_depth_map": False, "video.fps": fps, "video.channels": 3, "has_audio": False}


def located(name: str, begin: int, end: int, fps: int) -> dict[str, Any]:
    """Where an episode of steps `begin` to `end` is in the one file of a camera, as meta/episodes tells it."""
    at = {"chunk_index": 0, "file_index": 0, "from_timestamp": begin / fps, "to_timestamp": end / fps}
    return {f"videos/{name}/{key}": value for key, value in at.items()}


def frames(folder: Path, name: str, episodes: list[dict[str, Any]], info: dict[str, Any]) -> NDArray:
    """uint8 [N, H, W, 3] of all episodes. Raises ValueError for a file that is missing, damaged or too short."""
    fps, found, decoded = info["fps"], [], {}
    for row in episodes:
        template, at = row.get("older_video", (info.get("video_path") or VIDEO, None))
        if at is None:
            at = {key: row[f"videos/{name}/{key}"] for key in ("chunk_index", "file_index")}
        path, start = (
            layout.inside(folder, template.format(video_key=name, **at)),
            row.get(f"videos/{name}/from_timestamp", 0.0),
        )
        if path not in decoded:
            decoded = {path: _decode(path)}  # episodes of a file follow each other
        first = round(start * fps)
        pictures = decoded[path][first : first + row["length"]]
        if len(pictures) < row["length"]:
            raise ValueError(f"{path} ends before episode {row['episode_index']} does")
        found.append(pictures)
    return np.concatenate(found)


def _decode(path: Path) -> NDArray:
    import av

    try:
        with av.open(str(path)) as file:
            return np.stack([frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)])
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
