"""A picture of recorded numbers: how the entries of each array are spread, and how long episodes are."""

import io
from pathlib import Path

import numpy as np

from ...envs.files import write_atomically
from .recording import Recording

MOST = 24
"""Entries of an array that are drawn."""
ACROSS = 6


def draw(recording: Recording, path: Path) -> None:
    """Write a PNG. Raises OSError."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    drawn = [("episode length, steps", recording.lengths)]
    for name, values in recording.arrays.items():
        if values.ndim <= 2:
            columns = values.reshape(len(values), -1)
            names = recording.names.get(name, range(columns.shape[1]))
            drawn += [(f"{name}: {entry}", column) for entry, column in list(zip(names, columns.T, strict=True))[:MOST]]
    down = -(-len(drawn) // ACROSS)
    figure = Figure(figsize=(2.2 * ACROSS, 1.6 * down), layout="constrained")
    FigureCanvasAgg(figure)
    for place, (title, values) in zip(figure.subplots(down, ACROSS, squeeze=False).flat, drawn, strict=False):
        place.hist(np.asarray(values, np.float64), bins=40, color="#3b6ea5")
        place.set_title(title, fontsize=7)
        place.tick_params(labelsize=6)
        place.set_yticks([])
    for place in figure.axes[len(drawn) :]:
        place.set_visible(False)
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=110)
    write_atomically(path, content.getvalue())
