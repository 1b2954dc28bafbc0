"""The chart of a report: one bar per level with its interval, the mean, and baselines as lines to beat."""

import io
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from .report import Report, label, title

INK, BAR, MEAN, FAINT = "#1f2933", "#8db8d6", "#12507b", "#d9e2ec"
BASELINES = ("#c8553d", "#e09f3e", "#7d5ba6", "#588157")
ROW_INCHES = 0.24


def draw_chart(report: Report, baselines: dict[str, Report]) -> bytes:
    """PNG bytes: levels from the best solve rate down, so that the eye sees the shape and not the alphabet."""
    rates = {name: group["solve_rate"] for name, group in report["groups"].items()}
    names = sorted(rates, key=lambda name: (-rates[name]["mean"], name))
    figure = Figure(figsize=(8, 1.9 + ROW_INCHES * len(names)), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    bars(axes, [label(report, name) for name in names], [rates[name] for name in names])
    axes.set_xlim(0, 1.005)
    _line(axes, report, "mean", MEAN, "-")
    for (name, baseline), colour in zip(baselines.items(), BASELINES, strict=False):
        _line(axes, baseline, name, colour, "--")
    attempts, percent = report["attempts"], round(100 * report["confidence"])
    axes.set_title(f"{report['suite']}: {title(report)}", loc="left", fontsize=11, color=INK, pad=24)
    axes.set_xlabel(f"solve rate, {attempts} attempts per level, {percent} % intervals", fontsize=9, color=INK)
    axes.legend(
        loc="lower left", bbox_to_anchor=(0, 1), ncols=len(baselines) + 1, frameon=False, fontsize=8, borderaxespad=0.2
    )
    return png(figure)


def png(figure: Figure) -> bytes:
    """The figure as a PNG file."""
    canvas = FigureCanvasAgg(figure)
    out = io.BytesIO()
    canvas.print_png(out)
    return out.getvalue()


def bars(axes: Any, names: list[str], rates: list[dict[str, float]], colours: Any = BAR) -> None:
    """A bar from zero per name, downward, each with its interval; entries as in reports."""
    rows = range(len(names))
    means = [rate["mean"] for rate in rates]
    below = [max(0.0, rate["mean"] - rate["lo"]) for rate in rates]
    above = [max(0.0, rate["hi"] - rate["mean"]) for rate in rates]
    axes.barh(rows, means, height=0.7, color=colours, zorder=2)
    axes.errorbar(means, rows, xerr=[below, above], fmt="none", ecolor=INK, elinewidth=0.9, capsize=2, zorder=3)
    axes.set_yticks(rows, names, fontsize=8)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(length=0, labelsize=8, colors=INK)
    axes.grid(axis="x", color=FAINT, linewidth=0.8, zorder=0)
    axes.set_axisbelow(True)
    for side in axes.spines.values():
        side.set_visible(False)


def _line(axes: Any, report: Report, label: str, colour: str, style: str) -> None:
    mean = report["metrics"]["solve_rate"]["mean"]
    axes.axvline(mean, color=colour, linestyle=style, linewidth=1.3, zorder=4, label=f"{label} {mean:.2f}")
