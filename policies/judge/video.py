"""Frames to films: H.264 in an MP4 file, which every browser plays."""

import os
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

GAP = 4
"""Pixels between the pictures of a grid."""
SMALLEST = 16
"""Pixels: the encoder takes no smaller side."""


def write_video(path: str | Path, frames: Iterable[np.ndarray], fps: float = 30) -> None:
    """Write `frames`, each uint8 [H, W, 3] RGB of one size, to the MP4 file `path`; its folder is made if missing.

    An odd height or width is rounded up by repeating the last row or column, since the colour format needs even ones.
    A reader finds the old file or the whole new one. Raises ValueError without frames, on a frame of another shape or
    kind than the first, and on a rate that is not positive; OSError where the file cannot be written.
    """
    import av

    if not 0 < fps < 1000:
        raise ValueError(f"fps is {fps}: frames per second must be above 0 and below 1000")
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    rate = Fraction(fps).limit_denominator(1001)
    try:
        with av.open(partial, "w", format="mp4", options={"movflags": "+faststart"}) as file:
            stream = None
            for frame in _checked(frames):
                if stream is None:
                    stream = file.add_stream("libx264", rate, options={"crf": "20", "preset": "veryfast"})
                    stream.height, stream.width = frame.shape[:2]
                    stream.pix_fmt = "yuv420p"
                file.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            if stream is None:
                raise ValueError("frames is empty: a video needs at least one frame")
            file.mux(stream.encode(None))
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def tile(pictures: Sequence[np.ndarray], columns: int) -> np.ndarray:
    """Lay pictures out in a grid, row by row, with white between them and in the places left over.

    `pictures` are frames [H, W, 3] or clips [F, H, W, 3], uint8 of one shape; returns one of the same kind. Raises
    ValueError without pictures, on unequal shapes and without columns.
    """
    if columns < 1:
        raise ValueError(f"columns is {columns}: a grid needs at least 1")
    shapes = sorted({np.shape(picture) for picture in pictures})
    if len(shapes) != 1:
        raise ValueError(f"pictures have the shapes {shapes}: a grid needs at least one picture, all of one shape")
    *lead, height, width, channels = shapes[0]
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    size = (rows * (height + GAP) - GAP, columns * (width + GAP) - GAP)
    grid = np.full((*lead, *size, channels), 255, np.uint8)
    for i, picture in enumerate(pictures):
        top, left = (i // columns) * (height + GAP), (i % columns) * (width + GAP)
        grid[..., top : top + height, left : left + width, :] = picture
    return grid


def _checked(frames: Iterable[np.ndarray]) -> Iterable[np.ndarray]:
    """The frames, made even in size. Raises ValueError where one is not a picture like the first."""
    first = None
    for i, frame in enumerate(frames):
        frame = np.asarray(frame)
        first = frame.shape if first is None else first
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or min(frame.shape[:2]) < SMALLEST:
            needs = f"give uint8 [H, W, 3] of at least {SMALLEST} pixels a side"
            raise ValueError(f"frames[{i}] is {frame.dtype} {list(frame.shape)}: {needs}")
        if frame.shape != first:
            raise ValueError(f"frames[{i}] is {list(frame.shape)}, frames[0] {list(first)}: give frames of one size")
        odd = [(0, side % 2) for side in frame.shape[:2]]
        yield np.pad(frame, (*odd, (0, 0)), mode="edge")
