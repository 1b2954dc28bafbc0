"""No figure on the front page, nor on those of engine and tracking, but from a committed row."""

import pytest

from benchmarks import readme, track_tables


def of_suite(suite: str, engine: str):
    return [row for row in readme.rows("track") if (row["suite"], row["engine"]) == (suite, engine)]


def of_part(part: str):
    table, _ = readme.DEPLOYED[part]
    rows = [row for row in readme.rows("sim2real") if row["part"] == part]
    return [table([row]) for row in rows] or ["Not measured yet."]


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
