"""Draw docs/flow.png: which chunk is executed when, and how far a new one is held to the one before.

python -m benchmarks.flow_picture
"""

from pathlib import Path

import numpy as np
from gambol.policies.rtc.weights import Schedule, soft_mask
from matplotlib.axes import Axes
from matplotlib.figure import Figure

PICTURE = Path(__file__).parents[1] / "docs" / "flow.png"
HORIZON, EVERY, DELAY, CHUNKS = 8, 3, 2, 4
MASKS: dict[str, Schedule] = {"guided, identity": "exponential", "hard": "zeros"}
COLOURS = ("#2a6f97", "#c8553d", "#6a994e", "#8d6a9f")


def timeline(axes: Axes) -> None:
    """A row for each chunk: what of it is executed, what is too late and what is never reached."""
    for row in range(CHUNKS):
        asked, colour = row * EVERY, COLOURS[row % len(COLOURS)]
        ready = asked + (DELAY if row else 0)
        until = asked + EVERY + DELAY
        for step in range(asked, asked + HORIZON):
            done = ready <= step < until
            axes.barh(
                -row, 0.92, left=step + 0.04, height=0.7, color=colour if done else "white", alpha=1.0 if done else 0.9
            )
            axes.barh(-row, 0.92, left=step + 0.04, height=0.7, fill=False, edgecolor=colour, linewidth=0.8)
        axes.plot(asked, -row + 0.55, marker="v", color="black", markersize=5, clip_on=False)
        if row:
            axes.annotate("", (ready, -row - 0.52), (asked, -row - 0.52), arrowprops={"arrowstyle": "->", "lw": 0.9})
    axes.set_yticks([-row for row in range(CHUNKS)], [f"chunk {row}" for row in range(CHUNKS)])
    axes.set_xticks(range(0, EVERY * CHUNKS + HORIZON, EVERY))
    axes.set_xlim(0, EVERY * (CHUNKS - 1) + HORIZON + 0.2)
    axes.set_xlabel("control step")
    title = f"A chunk of {HORIZON} is asked for every {EVERY} steps (triangle) and arrives {DELAY} steps later; "
    axes.set_title(f"{title}filled: executed", fontsize=9, loc="left")


def masks(axes: Axes) -> None:
    """The weights of the chunk before, action by action of the new one."""
    place, width = np.arange(HORIZON), 0.28
    rows = {name: np.asarray(soft_mask(HORIZON, DELAY, EVERY, schedule)) for name, schedule in MASKS.items()}
    rows["settled: given, not led"] = (place < DELAY).astype(float)
    for i, (name, weights) in enumerate(rows.items()):
        axes.bar(place + (i - 1) * width, weights, width, label=name, color=COLOURS[i])
    axes.axvspan(-0.5, DELAY - 0.5, color="0.9", zorder=0)
    axes.axvspan(HORIZON - EVERY - 0.5, HORIZON - 0.5, color="0.95", zorder=0)
    axes.text(DELAY / 2 - 0.5, 1.08, "executed meanwhile", ha="center", fontsize=8)
    axes.text(HORIZON - EVERY / 2 - 0.5, 1.08, "beyond the chunk before", ha="center", fontsize=8)
    axes.set(xlabel="action of the new chunk", ylabel="weight of the one before", ylim=(0, 1.2), xticks=place)
    axes.legend(fontsize=8, loc="center right", frameon=False)


def main() -> None:
    """Draw."""
    figure = Figure((8, 5.2), layout="constrained", dpi=110)
    upper, lower = figure.subplots(2, height_ratios=(1.1, 1))
    timeline(upper)
    masks(lower)
    for axes in (upper, lower):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(PICTURE)


if __name__ == "__main__":
    main()
