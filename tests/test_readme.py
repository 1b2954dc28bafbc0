"""No figure on the front page, nor on those of engine and tracking, but from a committed row."""

import pytest

from benchmarks import flow_tables, readme, track_tables


def of_suite(suite: str, engine: str):
    return [row for row in readme.rows("track") if (row["suite"], row["engine"]) == (suite, engine)]


def of_part(part: str):
    table, _ = readme.DEPLOYED[part]
    return once(table, [row for row in readme.rows("sim2real") if row["part"] == part])


def bridged(table, preset="small"):
    """That of each run, as one that knows those before it."""
    rows = readme.bridged(preset)
    return [table(rows[: i + 1]) for i in range(len(rows))]


def once(table, rows):
    return [table([row]) for row in rows] or ["Not measured yet."]


def latency():
    """Columns are heads: any choice of one row each, of those that were measured."""
    rows = readme.newest_of_each("flow_latency", "head")
    return [flow_tables.latency(rows)] if rows else ["Not measured yet."]


MADE_FROM = {
    "demo": lambda: [readme.demo(row) for row in readme.rows("demo")],
    "speed": lambda: [readme.scaling([row]) for row in readme.rows("planar_scaling") if row["engine"] == "fused"],
    "parity": lambda: [readme.parity(row) for row in readme.rows("planar_parity")],
    "agreement": lambda: [readme.agreement(row) for row in readme.rows("planar_agreement")],
    "profile": lambda: [readme.profile(row) for row in readme.rows("planar_profile")],
    "training": lambda: [readme.training([row]) for row in readme.rows("planar_training")],
    "headline": lambda: [track_tables.headline(row) for row in of_suite("track/standard", "batch")],
    "tracking": lambda: [track_tables.tracking(row) for row in of_suite("track/standard", "batch")],
    "beside": lambda: [track_tables.beside([row]) for row in readme.rows("track")],
    "engines": lambda: [track_tables.engines(row) for row in readme.rows("legged_engines")],
    "track-speed": lambda: [track_tables.speed(row) for row in readme.rows("track_speed")],
    "track-quick": lambda: [track_tables.quick(row) for row in readme.rows("track_quick")],
    **{part: lambda part=part: of_part(part) for part in readme.DEPLOYED},
    "latency": latency,
    "reflex-alone": lambda: once(flow_tables.alone, readme.rows("reflex_alone")),
    "generalist": lambda: once(flow_tables.generalist, readme.rows("flow_generalist")),
    "rtc": lambda: bridged(flow_tables.rtc) or ["Not measured yet."],
    "rtc-own": lambda: once(flow_tables.own, readme.bridged("own")),
    "rtc-headline": lambda: bridged(flow_tables.headline) or [flow_tables.headline([])],
}
"""By mark of the pages, what each row of the results would say there. Newer rows than those quoted do no harm."""


SCALING = {
    "size": "m",
    "cores": 2,
    "device": "abacus",
    "repeats": 7,
    "ours": {"1": 20.0, "1024": 4000.0},
    "ratio": 40.0,
    "best": {
        "ours": {"worlds": 1024, "rate": 4010.0},
        "xla": {"worlds": 128, "rate": 900.0},
        "peer": {"worlds": 512, "rate": 100.0},
    },
    "one_world": {"ours": 20.0, "xla": 3.0, "peer": 2.0, "ratio": 10.5},
    "one_core": {"ours": 2100.0, "xla": 600.0, "peer": 70.0, "ratio": 30.0},
    "compile_s": {"ours": 5.0, "xla": 4.0, "peer": 12.0},
    "versions": {"jax": "0.10", "peer:jax": "0.9"},
}


def test_speed_stands_beside_that_of_kinetix_by_size_and_by_worlds():
    lines = readme.scaling([SCALING, SCALING | {"size": "l", "ratio": 20.0}]).splitlines()
    assert lines[2:6] == [
        "| M: best | 100 (512) | 900 (128) | 4,010 (1,024) | 40.0 |",
        "| M: the same on one core | 70 | 600 | 2,100 | 30.0 |",
        "| M: 1 world | 2 | 3 | 20 | 10.5 |",
        "| M: compile, s | 12.0 | 4.0 | 5.0 | 2.4 |",
    ]
    assert lines[6].startswith("| L: best") and lines[6].endswith("| 20.0 |")
    assert lines[11].endswith("| 1 | 1,024 |") and lines[13:15] == ["| M | 20 | 4,000 |", "| L | 20 | 4,000 |"]
    assert len({line.count("|") for line in lines[:10]}) == len({line.count("|") for line in lines[11:15]}) == 1
    assert "2 cores of an abacus" in lines[-1] and "7 pairs" in lines[-1]


@pytest.mark.parametrize("mark", MADE_FROM)
def test_every_line_comes_from_a_row(mark):
    (table,) = readme.text_of(mark)
    lines = table.splitlines()
    assert lines
    assert set(lines) <= {line for text in MADE_FROM[mark]() for line in text.splitlines()}, (
        "figures that no row has: run python -m benchmarks.readme"
    )


def test_what_chunks_take_and_bridge_stands_by_head_and_by_delay():
    over = {f"{runtime} {method}": 1.05 for runtime in ("onnx", "jax") for method in flow_tables.LED}
    row = {"head": "tiny", "ms": dict.fromkeys(flow_tables.PARTS, 0.5), "over_naive": over | {"onnx guided": 2.4}}
    row |= {"device": "abacus", "steps": 5, "action_error": 0.012}
    lines = flow_tables.latency([row, row | {"head": "small"}]).splitlines()
    assert (
        lines[0].endswith("| `tiny` | `small` |")
        and "| `guided` to `naive` (aim: at most 2.5) | 2.40 x | 2.40 x |" in lines
    )
    assert lines[-1].endswith("by 1.2 %, 1.2 %.") and "abacus" in lines[-1]
    cell = {"rate": 0.5, "lo": 0.4, "hi": 0.6, "delta": 1.0, "jerk": 2.0, "jump": 1.5}
    better = {"better": {"mean": 0.2, "lo": 0.1, "hi": 0.3}}
    methods = {"naive": {"0": cell, "4": cell}, "settled": {"0": cell | better, "4": cell | {"delta": 3.0} | better}}
    found = {
        "delays": [0, 4],
        "commit": "0123456789",
        "levels": {f"k/{name}": {"naive": [0.5, 0.25], "settled": [0.5, 0.75], "experts": [1.0, 0.9]} for name in "ab"},
        "blocks": {"4": {method: {"0": cell, "4": cell} for method in ("naive", "settled")}},
        "seeds": 2,
        "rollouts": 9,
        "experts": 0.9,
        "methods": methods,
    }
    lines = flow_tables.rtc([found]).splitlines()
    assert lines[3] == "| `settled` | 50.0 (40 to 60) | 50.0 (40 to 60) | 3.00 | 2.00 | 1.50 |"
    assert "`settled` at delay 4, beside `naive`: +20.0 points (+10.0 to +30.0)." in lines
    assert "| `b` | 25.0 | 75.0 | 100.0, 90.0 |" in lines and "In blocks of 4 steps:" in lines
    assert "solve 50 % of episodes\n  on 2 levels, naive ones 50 % (" in flow_tables.headline([found])
    other = found | {"methods": methods | {"naive": {"0": cell | {"rate": 0.61}, "4": cell | {"rate": 0.6}}}}
    again = flow_tables.rtc([found, other]).splitlines()[-1]
    rates = {"k/a": [0.5, 1.0]}
    assert "`a` 75.0 (75.0)" in flow_tables.alone([{"alone": rates, "reflex": rates}])
    alike = {"k/a": {"settled": [0.5, 0.25], "reflex": [1.0, 0.75]}}
    each = {"k/a": {"settled": [0.6, 0.3], "reflex": [0.9, 0.8]}}
    row = {"all": alike, "each": each, "times": 2, "delays": [0, 4], "seeds": 2, "rollouts": 9}
    assert "| `a` | 50.0 (60.0) | 25.0 (30.0) | 100.0 (90.0) | 75.0 (80.0) |" in flow_tables.generalist([row])
    told = "of commit 0123456, had the same seeds: 5 of 6 rates are within its intervals, 5 of them equal."
    assert again.endswith(told)
