"""Write the tables of README and docs from the newest rows, between `<!-- NAME -->` and `<!-- /NAME -->`.

python -m benchmarks.readme
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import deploy_tables as deploy
from benchmarks import flow_tables as flow
from benchmarks import track_tables as track

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", *(ROOT / "docs" / f"{name}.md" for name in ("engine", "track", "deploy", "flow")))

Row = dict[str, Any]


def rows(what: str) -> list[Row]:
    """All rows of one kind that were measured on a commit as it stands, oldest first."""
    path = ROOT / "benchmarks" / "results" / f"{what}.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return [row for row in map(json.loads, lines) if not row["commit"].endswith("+dirty")]


def newest(what: str, **wanted: Any) -> Row:
    """The last row whose fields are as `wanted`."""
    return next(row for row in reversed(rows(what)) if all(row[name] == value for name, value in wanted.items()))


def newest_of_each(what: str, *names: str, **wanted: Any) -> list[Row]:
    """The last row of each combination of these fields, of rows that are as `wanted`, in the order in which they came
    up first."""
    found = [row for row in rows(what) if all(row[name] == value for name, value in wanted.items())]
    return list({tuple(row[name] for name in names): row for row in found}.values())


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


def agreement(row: Row) -> str:
    """How closely the two engines agree."""
    errors, states = row["errors"], row["states"]
    return (
        f"From {states:,} states on {row['levels']} published and random levels, quirks on and off, one step of both "
        f"engines agrees to {errors['position']:.0e} m, {errors['angle']:.0e} rad, {errors['velocity']:.0e} m/s and "
        f"{errors['angular_velocity']:.0e} rad/s; {errors['contacts']:.0f} contacts and {errors['outcome']:.0f} "
        f"outcomes differ. Left out are {row['ties']:,} states ({row['ties'] / states:.1%}; on published levels "
        f"{row['ties_published']:,}) that are ties: there the JAX engine parts from itself, at least a quarter as far, "
        "when its input is moved by one unit in the last place."
    )


def profile(row: Row) -> str:
    """Where the time of an env step goes."""
    sizes = row["microseconds"]
    lines = [
        f"| microseconds per env step of one world | {' | '.join(size.upper() for size in sizes)} |",
        f"|---|{'---:|' * len(sizes)}",
        *(
            f"| {part} | {' | '.join(f'{parts[part]:.2f}' for parts in sizes.values())} |"
            for part in next(iter(sizes.values()))
        ),
        "",
        f"{row['worlds']:,} worlds, {where(row)}.",
    ]
    return "\n".join(lines)


def training(timed: list[Row]) -> str:
    """What the engine is to a PPO update."""

    def line(row: Row) -> str:
        plain = row["seconds"].get("update with plain products")
        saved = f"{1 - row['seconds']['update'] / plain:.0%}" if plain else "not measured"
        return f"| `{row['engine']}` | {row['steps_per_second']:,.0f} | {row['engine_share']:.0%} | {saved} |"

    lines = [
        "| PPO on `kinetix/m`, flat observation | env steps/s | engine's share of an update | saved by `mlp.product` |",
        "|---|---:|---:|---:|",
        *map(line, timed),
        "",
        f"The settings of the preset `demo` on all levels, {where(timed[-1])}.",
    ]
    return "\n".join(lines)


def where(row: Row) -> str:
    """The machine of a row."""
    return f"{row['cores']} cores of an {row['device']}, jax {row['versions']['jax']}"


def tables() -> dict[str, str]:
    """By mark, the newest results."""
    return {
        "demo": demo(newest("demo")),
        "speed": scaling([newest("planar_scaling", size=size, engine="fused") for size in "sml"]),
        "parity": parity(newest("planar_parity", suite="kinetix")),
        "agreement": agreement(newest("planar_agreement")),
        "profile": profile(newest("planar_profile")),
        "training": training([newest("planar_training", engine=engine) for engine in ("xla", "fused")]),
        "headline": track.headline(newest("track", suite="track/standard", engine="batch")),
        "tracking": track.tracking(newest("track", suite="track/standard", engine="batch")),
        "beside": track.beside(newest_of_each("track", "suite", "engine")),
        "engines": track.engines(newest("legged_engines")),
        "track-speed": track.speed(newest("track_speed")),
        "track-quick": track.quick(newest("track_quick", preset="track-b1z1-quick")),
        **{part: deployed(part, *how) for part, how in DEPLOYED.items()},
        "latency": once_measured(flow.latency, newest_of_each("flow_latency", "head")),
        "reflex-alone": once_measured(flow.alone, rows("reflex_alone")),
        "generalist": once_measured(flow.generalist, rows("flow_generalist")),
        "rtc": once_measured(flow.rtc, bridged("small")),
        "rtc-own": once_measured(flow.own, bridged("own")),
        "rtc-headline": flow.headline(bridged("small")),
    }


DEPLOYED = {
    "score": (deploy.score, "latency_ms"),
    "controller": (deploy.controller, "part"),
    "faults": (deploy.faults, "part"),
    "compression": (deploy.compression, "how"),
    "server": (deploy.server, "clients"),
}
"""By part of `sim2real.py`: its table, and the field of which every value has a row of its own."""


def bridged(preset: str) -> list[Row]:
    """Runs of real-time chunking; the oldest are of another protocol."""
    return [row for row in rows("rtc") if row["preset"] == preset and "blocks" in row]


def deployed(part: str, table: Callable[[list[Row]], str], field: str) -> str:
    """The table of a part, or that there is none yet."""
    return once_measured(table, newest_of_each("sim2real", field, part=part))


def once_measured(table: Callable[[list[Row]], str], found: list[Row]) -> str:
    """A table, if there are rows for it."""
    return table(found) if found else "Not measured yet."


def marked(name: str) -> re.Pattern[str]:
    """Where a page holds the table of a mark, as the pattern's only group."""
    return re.compile(rf"(?<=<!-- {name} -->\n)(.*?)(?=<!-- /{name} -->)", re.DOTALL)


def text_of(name: str) -> list[str]:
    """What the pages hold at a mark."""
    return [found for page in PAGES for found in marked(name).findall(page.read_text())]


if __name__ == "__main__":
    for page in PAGES:
        text = page.read_text()
        for name, table in tables().items():
            text = marked(name).sub(lambda _, table=table: f"{table}\n", text)
        page.write_text(text)
