"""Write the README's tables from the newest rows in `results/`, between the marks `<!-- NAME -->` and `<!-- /NAME -->`.

python benchmarks/readme.py
"""

import json
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
WORLDS = 128

Row = dict[str, Any]


def rows(what: str) -> list[Row]:
    """All rows of one kind, oldest first."""
    return [json.loads(line) for line in (ROOT / "benchmarks" / "results" / f"{what}.jsonl").read_text().splitlines()]


def newest(what: str, **wanted: Any) -> Row:
    """The last row whose fields are as `wanted`."""
    return next(row for row in reversed(rows(what)) if all(row[name] == value for name, value in wanted.items()))


def demo() -> str:
    """What the last recorded demo found."""
    row = newest("demo")
    random, trained = row["random"], row["trained"]
    unseen = f"{trained['unseen_levels']['levels']} levels of `{row['suite']}` it never saw"
    lines = [
        f"| policy | `{row['level']}`, learned | {unseen} |",
        "|---|---:|---:|",
        *(
            f"| {name} | {found['learned_level']['mean']:.2f} ({found['learned_level']['lo']:.2f} to "
            f"{found['learned_level']['hi']:.2f}) | {found['unseen_levels']['mean']:.2f} |"
            for name, found in (("random", random), ("trained", trained))
        ),
        "",
        f"Solve rates over {row['attempts']} attempts per level, 95 % intervals. {row['steps']:,} env steps in "
        f"{row['train_seconds']:.0f} s of training, {row['seconds']:.0f} s with judging and filming, {where(row)}.",
    ]
    return "\n".join(lines)


def numbers() -> str:
    """Speed and compile time beside Kinetix, and how closely the physics follow."""
    speeds = [newest("planar", size=size, worlds=WORLDS) for size in "sml"]
    lines = [
        f"| planar levels, {WORLDS} worlds, flat observation | Gambol | kinetix-env 3.0.2 | ratio |",
        "|---|---:|---:|---:|",
        *(
            f"| {row['size'].upper()}: env steps/s | {row['ours']:,.0f} | {row['peer']:,.0f} | {row['ratio']:.1f} |"
            for row in speeds
        ),
        *(
            f"| {row['size'].upper()}: compile, s | {row['compile_s']['ours']:.1f} | {row['compile_s']['peer']:.1f} "
            f"| {row['compile_s']['peer'] / row['compile_s']['ours']:.1f} |"
            for row in speeds
        ),
        "",
        f"Both timed in turn in one call, {where(speeds[0])} (Kinetix on {speeds[0]['versions']['peer:jax']}, the "
        f"newest it allows); the ratio is the median of {speeds[0]['repeats']} pairs. One env step is two physics "
        "steps. Gambol resets finished worlds by itself, Kinetix ran without, its faster form.",
        "",
        parity(),
    ]
    return "\n".join(lines)


def parity() -> str:
    """One sentence on the agreement with jax2d."""
    row = newest("planar_parity", suite="kinetix")
    one, last, median = (
        f"{row[name]:.0e}" for name in ("position_error_1", "velocity_error_1", "position_error_median")
    )
    contacts, outcomes = row["contacts_differ_on_path"], row["rewards_differ_on_path"]
    return (
        f"The physics are those of {row['peer']}. On all {row['levels']} published levels, under the same random "
        f"actions, positions agree to {one} m and velocities to {last} m/s after one physics step. "
        f"After {row['steps']} steps the median difference is {median} m and {row['share_within_1cm']:.1%} of the "
        f"levels are within 1 cm; until paths part by 0.1 mm, {contacts} contacts and {outcomes} outcomes differ."
    )


def where(row: Row) -> str:
    """The machine of a row."""
    return f"{row['cores']} cores of an {row['device']}, jax {row['versions']['jax']}"


def filled(text: str) -> str:
    """The README with its tables as the results are now."""
    for make in (demo, numbers):
        mark = make.__name__
        text, found = re.subn(
            rf"<!-- {mark} -->\n.*?<!-- /{mark} -->",
            lambda _, mark=mark, make=make: f"<!-- {mark} -->\n{make()}\n<!-- /{mark} -->",
            text,
            flags=re.DOTALL,
        )
        assert found == 1, mark
    return text


if __name__ == "__main__":
    README.write_text(filled(README.read_text()))
