"""Tables of chunks of actions, from the rows of `benchmarks/flow_latency.py` and of `gambol bench rtc`."""

from typing import Any

Row = dict[str, Any]
PARTS = {
    "encode": "what is observed, encoded",
    "denoise": "one step of the flow",
    "onnx naive": "a chunk, `naive`",
    "onnx naive int8": "the same in 8 bits",
    "reflex": "a reflex, for every action",
}
LED = {"settled": 1.07, "identity": None, "guided": 2.5}
"""Ways to go on from the chunk before, and what they may cost."""
PUBLISHED = {
    "`naive`, public policies (JIT-Reflex)": (91.6, 76.2, 70.5, 58.4, 48.8),
    "`guided`, the same": (91.6, 89.1, 84.1, 74.8, 61.6),
    "`settled`, tuned from them (soft-rtc), blocks of 4": (89.1, 87.5, 84.6, 77.6, 68.8),
    "REMAC (arXiv 2601.20130)": (88.8, 87.9, 85.9, 81.7, 77.9),
}
"""Solved, %, of the twelve published levels at delay 0 to 4, as others report them; the papers on real-time chunking
themselves have figures alone."""


def latency(found: list[Row]) -> str:
    """How long a chunk takes on one core, a column per head."""

    def line(title: str, cells: list[str]) -> str:
        return f"| {title} | {' | '.join(cells)} |"

    def times(runtime: str, method: str) -> list[str]:
        return [f"{row['over_naive'][f'{runtime} {method}']:.2f} x" for row in found]

    lines = [
        line("ONNX Runtime, one core, ms", [f"`{row['head']}`" for row in found]),
        f"|---|{'---:|' * len(found)}",
        *(
            line(title, [f"{row['ms'][part]:.3f}" for row in found])
            for part, title in PARTS.items()
            if all(part in row["ms"] for row in found)
        ),
        *(line(f"`{method}` to `naive`{_aim(most)}", times("onnx", method)) for method, most in LED.items()),
        *(line(f"JAX: `{method}` to `naive`", times("jax", method)) for method in LED),
        "",
        f"One question at a time on {found[0]['device']}, {found[0]['steps']} steps of the flow, medians; ratios are "
        "medians of those of one turn. Weights in 8 bits move a chunk by "
        + ", ".join(f"{100 * row['action_error']:.1f} %" for row in found)
        + ".",
    ]
    return "\n".join(lines)


def _aim(most: float | None) -> str:
    return f" (aim: at most {most:g})" if most else ""


def rtc(found: list[Row]) -> str:
    """How well chunks bridge a delay."""
    row = found[-1]
    lines = [
        f"| solved, % | {' | '.join(f'delay {delay}' for delay in row['delays'])} | change | jerk |",
        f"|---|{'---:|' * (len(row['delays']) + 2)}",
        *(
            f"| `{method}` | {' | '.join(_share(cells[str(delay)]) for delay in row['delays'])} | "
            f"{_mean(cells, 'delta'):.2f} | {_mean(cells, 'jerk'):.2f} |"
            for method, cells in row["methods"].items()
        ),
        *(f"| {name} | {' | '.join(map(str, rates))} | | |" for name, rates in PUBLISHED.items()),
        "",
        f"{len(row['levels'])} published levels, those of eight that an expert learns in 4 M steps; {row['seeds']} "
        f"policies each, {row['rollouts']} episodes per cell; 95 % "
        f"intervals over level, policy and episode. The experts solve {100 * row['experts']:.1f} %. Change and jerk "
        "are mean lengths of the first and second differences of actions, over all delays. A block is as long as "
        "the delay, at least one step.",
        "",
        *_by_level(row),
        "",
        f"The last {len(PUBLISHED)} rows of the first table are means of the twelve published levels, whose policies "
        "have 3 million weights and see 32 million chunks of six experts or more. Eight of the twelve can be had, "
        "`gambol bench rtc --preset full` is for them; it has not been run.",
        "",
        *_better(row),
        *_again(found),
    ]
    return "\n".join(lines)


def _share(cell: Row) -> str:
    return f"{100 * cell['rate']:.1f} ({100 * cell['lo']:.0f} to {100 * cell['hi']:.0f})"


def _mean(cells: Row, name: str) -> float:
    return sum(cell[name] for cell in cells.values()) / len(cells)


def _better(row: Row) -> list[str]:
    """At the longest delay, pair by pair."""
    last = str(max(row["delays"]))
    return [
        f"`{method}` at delay {last}, beside `naive`: {100 * of['mean']:+.1f} points "
        f"({100 * of['lo']:+.1f} to {100 * of['hi']:+.1f})."
        for method in ("settled", "guided")
        if method in row["methods"] and (of := row["methods"][method][last]["better"])
    ]


def _by_level(row: Row) -> list[str]:
    """The same at the longest delay, a row per level."""
    last, methods = len(row["delays"]) - 1, list(row["methods"])

    def shares(rates: Row) -> str:
        return " | ".join(f"{100 * rates[method][last]:.1f}" for method in methods)

    return [
        f"| delay {row['delays'][last]} | {' | '.join(f'`{method}`' for method in methods)} | expert |",
        f"|---|{'---:|' * (len(methods) + 1)}",
        *(
            f"| `{level.rsplit('/', 1)[-1]}` | {shares(rates)} | {100 * rates['expert']:.1f} |"
            for level, rates in row["levels"].items()
        ),
    ]


def alone(found: list[Row]) -> str:
    """What a network like the reflex does without the chunk."""
    row = found[-1]
    means = {
        level.rsplit("/", 1)[-1]: [sum(r) / len(r) for r in (rates, row["reflex"][level])]
        for level, rates in row["alone"].items()
    }
    by_level = ", ".join(
        f"`{level}` {100 * without:.1f} ({100 * told:.1f})" for level, (without, told) in means.items()
    )
    return (
        "How much of that is the chunk's? Networks like the reflex, learned alike, that are not told the planned "
        f"action solve, in % (in brackets the reflex at delay 0): {by_level}. Each of these levels can be seen whole "
        "in every step."
    )


def _again(found: list[Row]) -> list[str]:
    """How the newest run agrees with the one before."""
    if len(found) < 2:
        return []
    before, row = found[-2:]
    pairs = [
        (cell, before["methods"][method][delay])
        for method, cells in row["methods"].items()
        for delay, cell in cells.items()
        if delay in before["methods"].get(method, {})
    ]
    within = sum(old["lo"] <= new["rate"] <= old["hi"] for new, old in pairs)
    return [
        "",
        f"The run before, of commit {before['commit'][:7]}: {within} of {len(pairs)} rates are within its intervals.",
    ]
