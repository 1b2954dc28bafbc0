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
    """All rows of one kind that were measured on a commit as it stands, oldest first."""
    path = ROOT / "benchmarks" / "results" / f"{what}.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return [row for row in map(json.loads, lines) if not row["commit"].endswith("+dirty")]


def newest(what: str, **wanted: Any) -> Row:
    """The last row whose fields are as `wanted`."""
    return next(row for row in reversed(rows(what)) if all(row[name] == value for name, value in wanted.items()))


def demo(row: Row) -> str:
    """What a recorded demo found."""
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


def speed(timed: list[Row]) -> str:
    """Speed and compile time beside Kinetix, one row of results per size."""
    lines = [
        f"| planar levels, {WORLDS} worlds, flat observation | Gambol | kinetix-env 3.0.2 | ratio |",
        "|---|---:|---:|---:|",
        *(
            f"| {row['size'].upper()}: env steps/s | {row['ours']:,.0f} | {row['peer']:,.0f} | {row['ratio']:.1f} |"
            for row in timed
        ),
        *(
            f"| {row['size'].upper()}: compile, s | {row['compile_s']['ours']:.1f} | {row['compile_s']['peer']:.1f} "
            f"| {row['compile_s']['peer'] / row['compile_s']['ours']:.1f} |"
            for row in timed
        ),
        "",
        f"Both timed in turn in one call, {where(timed[0])} (Kinetix on {timed[0]['versions']['peer:jax']}, the "
        f"newest it allows); the ratio is the median of {timed[0]['repeats']} pairs. One env step is two physics "
        "steps. Gambol resets finished worlds by itself; Kinetix ran without, which spares it a reset every step.",
    ]
    return "\n".join(lines)


def scaling(timed: list[Row]) -> str:
    """Speed of both engines beside Kinetix, and how it grows with the worlds, one row of results per size."""
    counts = [f"{int(worlds):,}" for worlds in timed[0]["ours"]]
    lines = [
        "| planar levels, flat observation, env steps/s | kinetix-env 3.0.2 | Gambol `xla` | Gambol `fused` | ratio |",
        "|---|---:|---:|---:|---:|",
        *(line for row in timed for line in beside(row)),
        "",
        f"| Gambol `fused`, env steps/s by worlds | {' | '.join(counts)} |",
        f"|---|{'---:|' * len(counts)}",
        *(
            f"| {row['size'].upper()} | {' | '.join(f'{rate:,.0f}' for rate in row['ours'].values())} |"
            for row in timed
        ),
        "",
        f"All timed in turn in one call per size, {where(timed[0])} (Kinetix on {timed[0]['versions']['peer:jax']}, "
        "the newest it allows). Best is at the number of worlds, in brackets, that is fastest for each; the ratio is "
        f"`fused` to Kinetix, the median of {timed[0]['repeats']} pairs. One env step is two physics steps. Gambol "
        "resets finished worlds by itself; Kinetix ran without, which spares it a reset every step.",
    ]
    return "\n".join(lines)


def beside(row: Row) -> list[str]:
    """The lines of one size that set both engines beside Kinetix."""
    size, sides = row["size"].upper(), ("peer", "xla", "ours")

    def line(title: str, cells: list[str], ratio: float) -> str:
        return f"| {size}: {title} | {' | '.join(cells)} | {ratio:.1f} |"

    best = [row["best"][side] for side in sides]
    compiling = row["compile_s"]
    return [
        line("best", [f"{of['rate']:,.0f} ({of['worlds']:,})" for of in best], row["ratio"]),
        *(
            line(title, [f"{row[name][side]:,.0f}" for side in sides], row[name]["ratio"])
            for title, name in (("the same on one core", "one_core"), ("1 world", "one_world"))
        ),
        line("compile, s", [f"{compiling[side]:.1f}" for side in sides], compiling["peer"] / compiling["ours"]),
    ]


def parity(row: Row) -> str:
    """How closely the physics follow jax2d."""
    one, last, median = (
        f"{row[name]:.0e}" for name in ("position_error_1", "velocity_error_1", "position_error_median")
    )
    contacts, outcomes = row["contacts_differ_on_path"], row["rewards_differ_on_path"]
    return (
        f"The physics are those of {row['peer']}. On all {row['levels']} published levels, under the same random "
        f"actions, positions agree to {one} m and velocities to {last} m/s after one physics step. "
        f"After {row['steps']} steps the median difference is {median} m and {row['share_within_1cm']:.1%} of the "
        f"levels are within 1 cm; until paths part by {1000 * row['diverged_m']:g} mm, {contacts} contacts and "
        f"{outcomes} outcomes differ."
    )


def where(row: Row) -> str:
    """The machine of a row."""
    return f"{row['cores']} cores of an {row['device']}, jax {row['versions']['jax']}"


def tables() -> dict[str, str]:
    """By mark, the newest results; of speed those over many numbers of worlds, once there are some of every size."""
    measured = {row["size"] for row in rows("planar_scaling") if row["engine"] == "fused"}
    if measured == {*"sml"}:
        fast = scaling([newest("planar_scaling", size=size, engine="fused") for size in "sml"])
    else:
        fast = speed([newest("planar", size=size, worlds=WORLDS) for size in "sml"])
    return {
        "demo": demo(newest("demo")),
        "speed": fast,
        "parity": parity(newest("planar_parity", suite="kinetix")),
    }


def marked(name: str) -> re.Pattern[str]:
    """Where the README holds the table of a mark, as the pattern's only group."""
    return re.compile(rf"(?<=<!-- {name} -->\n)(.*?)(?=<!-- /{name} -->)", re.DOTALL)


if __name__ == "__main__":
    text = README.read_text()
    for name, table in tables().items():
        text = marked(name).sub(lambda _, table=table: f"{table}\n", text)
    README.write_text(text)
