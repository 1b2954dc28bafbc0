"""The chart of a judgement of whole-body tracking: a panel per measure, a bar with its interval per group of steps."""

import math

from matplotlib.figure import Figure

from .chart import BAR, INK, MEAN, bars, png
from .report import Report, title
from .track_report import by_group, headline, listed

ACROSS = 2
"""Panels side by side."""
PANEL_INCHES = 2.3


def draw_chart(report: Report) -> bytes:
    """PNG bytes: all steps together on top of each panel. Groups without such steps have no bar."""
    names = listed(report)
    down = math.ceil(len(names) / ACROSS)
    figure = Figure(figsize=(10, 0.9 + PANEL_INCHES * down), dpi=150, layout="constrained")
    figure.suptitle(f"{report['suite']}: {title(report)}\n{headline(report)}", fontsize=10, color=INK)
    panels = figure.subplots(down, ACROSS, squeeze=False).ravel()
    for panel in panels[len(names) :]:
        panel.set_axis_off()
    for panel, name in zip(panels, names, strict=False):
        found = {group: of[name] for group, of in by_group(report).items() if name in of}
        found = {group: measure for group, measure in found.items() if measure["mean"] is not None}
        bars(panel, list(found), list(found.values()), [MEAN if group == "all" else BAR for group in found])
        panel.set_xlim(left=0)
        panel.set_title(f"{name}, {report['units'][name]}", loc="left", fontsize=9, color=INK)
    return png(figure)
