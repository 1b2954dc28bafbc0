"""Tables of chunks of actions, from the rows of `benchmarks/flow_latency.py` and of `gambol bench rtc`."""

from typing import Any

from gambol.policies.judge.rtc.summary import agreement

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
    "`guided`, the same": (None, 89.1, 84.1, 74.8, 61.6),
    "REMAC (arXiv 2601.20130)": (88.8, 87.9, 85.9, 81.7, 77.9),
}
"""Solved, %, of the twelve published levels at delay 0 to 4, as others report them; the papers on real-time chunking
themselves have figures alone."""
IN_FOURS = {
    "`naive`, public policies (soft-rtc)": (89.8, 80.5, 68.8, 56.8, 49.5),
    "`guided`, the same": (86.2, 86.5, 80.7, 72.7, 63.0),
    "`settled`, tuned from them": (89.1, 87.5, 84.6, 77.6, 68.8),
    "the same, on these four levels": (86.0, None, 75.0, None, 61.8),
}
"""With blocks of four steps, 32 episodes per level and delay."""
FOUR = {"mjc_half_cheetah", "mjc_walker", "mjc_swimmer", "grasp_easy"}
"""Of which the last row is."""


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
    last = str(row["delays"][-1])
    lines = [
        *_by_delay(row["methods"], row["delays"], PUBLISHED),
        "",
        f"{len(row['levels'])} published levels; {row['seeds']} policies each, every one learned from episodes of an "
        f"expert of its own, which solve {100 * row['experts']:.1f} %; {row['rollouts']} episodes per cell; 95 % "
        "intervals: policies are drawn anew, then episodes. A block, the steps of a chunk that are executed, is as "
        "long as the delay, at least one step of 1/30 s. Change and jerk are mean lengths of the first and second "
        f"differences of actions, jump is that of the first where a chunk takes over, all at delay {last}: then "
        "`hard` is `guided` and `ensemble` is `naive`, as chunks overlap in the delay alone.",
        "",
        *_better(row),
        "",
        *_by_level(row),
        *(line for every, methods in row["blocks"].items() for line in _in_blocks(every, methods, row)),
        "",
        f"The last {len(PUBLISHED)} rows of the first table, and those that follow `reflex` in the other, are of "
        "others, over the twelve published levels (eight can be had) unless they say otherwise. They are no measure "
        "of ours, as their task is harder: their policies (a mixer of 3 million weights, 32 million chunks) learn "
        "from up to eight experts at once, ours from one, and levels of ours are those that an expert learns soon. "
        "What can be compared is how methods stand to each other. `gambol bench rtc --preset full` is as published "
        "but for what its page says; it has not been run.",
        *_again(found),
    ]
    return "\n".join(lines)


def own(found: list[Row]) -> str:
    """The same on levels of our own."""
    row = found[-1]
    return "\n".join(
        [
            "On four levels of our own (`--preset own`), with all else alike:",
            "",
            *_by_delay(row["methods"], row["delays"], {}),
            "",
            *_by_level(row),
        ]
    )


def headline(found: list[Row]) -> str:
    """The point of the front page."""
    told = ""
    if found:
        last = str(found[-1]["delays"][-1])
        given, naive = (100 * found[-1]["methods"][method][last]["rate"] for method in ("settled", "naive"))
        told = (
            f". {last} steps late, chunks that are given what is being executed solve {given:.0f} % of episodes\n  on "
            f"{len(found[-1]['levels'])} levels, naive ones {naive:.0f} %"
        )
    return (
        "- **Chunks of actions**: a flow-matching head that learns from LeRobot datasets and acts while the next chunk "
        f"is still being\n  computed{told} ([docs/flow.md](docs/flow.md))."
    )


def _by_delay(methods: Row, delays: list[int], others: dict[str, tuple[float | None, ...]]) -> list[str]:
    """A row per method, and those of others."""
    return [
        f"| solved, % | {' | '.join(f'delay {delay}' for delay in delays)} | change | jerk | jump |",
        f"|---|{'---:|' * (len(delays) + 3)}",
        *(
            f"| `{method}` | {' | '.join(_share(cells[str(delay)]) for delay in delays)} | "
            + " | ".join(f"{cells[str(delays[-1])][name]:.2f}" for name in ("delta", "jerk", "jump"))
            + " |"
            for method, cells in methods.items()
        ),
        *(
            f"| {name} | {' | '.join('' if rate is None else str(rate) for rate in rates)} | | | |"
            for name, rates in others.items()
        ),
    ]


def _in_blocks(every: str, methods: Row, row: Row) -> list[str]:
    """The table of longer blocks."""
    levels = {level.rsplit("/", 1)[-1] for level in row["levels"]}
    others = {name: rates for name, rates in IN_FOURS.items() if "these" not in name or levels == FOUR}
    delays = [delay for delay in row["delays"] if str(delay) in methods["naive"]]
    return ["", f"In blocks of {every} steps:", "", *_by_delay(methods, delays, others if every == "4" else {})]


def _share(cell: Row) -> str:
    return f"{100 * cell['rate']:.1f} ({100 * cell['lo']:.0f} to {100 * cell['hi']:.0f})"


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
        f"| delay {row['delays'][last]} | {' | '.join(f'`{method}`' for method in methods)} | experts |",
        f"|---|{'---:|' * (len(methods) + 1)}",
        *(
            f"| `{level.rsplit('/', 1)[-1]}` | {shares(rates)} | "
            f"{', '.join(f'{100 * rate:.1f}' for rate in rates['experts'])} |"
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


def generalist(found: list[Row]) -> str:
    """One policy of all levels beside one each."""
    row = found[-1]
    delays = row["delays"]
    kinds = [(kind, place) for kind in ("settled", "reflex") for place in range(len(delays))]

    def cells(level: str) -> str:
        shares = ((row[who][level][kind][place] for who in ("all", "each")) for kind, place in kinds)
        return " | ".join(f"{100 * alike:.1f} ({100 * own:.1f})" for alike, own in shares)

    return "\n".join(
        [
            "One policy for all of these levels, which is not told the one it plays, learned from the recordings of "
            f"all with {row['times']} times the chunks of one of the policies above, whose rates stand in brackets:",
            "",
            f"| solved, % | {' | '.join(f'`{kind}`, delay {delays[place]}' for kind, place in kinds)} |",
            f"|---|{'---:|' * len(kinds)}",
            *(f"| `{level.rsplit('/', 1)[-1]}` | {cells(level)} |" for level in row["all"]),
            "",
            f"{row['seeds']} of each, {row['rollouts']} episodes per cell and policy.",
        ]
    )


def _again(found: list[Row]) -> list[str]:
    """How the newest run agrees with the one before."""
    if len(found) < 2:
        return []
    before, row = found[-2:]
    return ["", f"The run before, of commit {before['commit'][:7]}, had the same seeds: {agreement(row, before)}."]
