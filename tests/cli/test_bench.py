import json
import os
import sys

import pytest
from gambol.cli import bench, bench_sides, main

SIDE = """
import json, os, sys
print(json.dumps(ABOUT | ({"engine": sys.argv[2]} if len(sys.argv) > 2 else {})), flush=True)
for line in sys.stdin:
    wish, worlds, *steps = line.split()
    worlds, cores = int(worlds), len(os.sched_getaffinity(0))
    rate = RATE
    print(json.dumps(1.5 if wish == "compile" else worlds * int(*steps) / rate), flush=True)
"""
"""A side with so many env steps/s."""
CORES = len(os.sched_getaffinity(0))


@pytest.fixture
def side(tmp_path, monkeypatch):
    """Put scripts of so many env steps/s in place of the sides."""
    monkeypatch.setattr(bench_sides, "PEER_PYTHON", type(tmp_path)(sys.executable))

    def install(**rates):
        for name, rate in rates.items():
            script = tmp_path / f"{name}.py"
            script.write_text(SIDE.replace("ABOUT", repr({"versions": {"kinetix-env": "3.0.2"}})).replace("RATE", rate))
            monkeypatch.setattr(bench_sides, f"{name}_SCRIPT", script)

    return install


def run(line, capsys):
    """The row that a command prints and the lines before it."""
    assert bench.main([*line.split(), "--no-save", "--json"]) == 0
    *text, row = capsys.readouterr().out.splitlines()
    return json.loads(row), text


def test_both_sides_are_timed_in_turn(side, capsys):
    side(PEER="0.006")
    row, text = run("planar --size s --worlds 3 --engine xla --steps 2 --repeats 1", capsys)
    assert {"what", "ours", "peer", "ratio", "unit", "commit", "cores", "device", "versions"} <= set(row)
    assert (row["what"], row["worlds"], row["engine"], row["steps"]) == ("planar", 3, "xla", 2)
    assert row["peer"] == pytest.approx(0.006)
    assert row["ours"] > 1 and row["ratio"] == pytest.approx(row["ours"] / row["peer"])
    assert row["compile_s"]["peer"] == 1.5 < row["compile_s"]["ours"] < 500
    assert row["versions"]["peer:kinetix-env"] == "3.0.2"
    assert any("3 worlds: ours" in line for line in text)


def test_scaling_finds_the_best_of_each_side_and_times_it_on_one_core(side, capsys):
    side(
        OURS="(4000 if sys.argv[2] == 'fused' else 1000) * cores * min(worlds, 16)", PEER="100 * min(worlds, 8 + cores)"
    )
    row, text = run("planar --scaling --engine fused --worlds 4 16 --peer-worlds 8 --repeats 2", capsys)
    assert (row["what"], row["engine"], row["cores"]) == ("planar_scaling", "fused", CORES)
    assert row["ours"] == pytest.approx({"1": 4000 * CORES, "4": 16000 * CORES, "16": 64000 * CORES})
    assert row["xla"] == pytest.approx({"1": 1000 * CORES, "8": 8000 * CORES})
    assert row["peer"] == pytest.approx({"1": 100, "8": 800})
    assert {name: of["worlds"] for name, of in row["best"].items()} == {"ours": 16, "xla": 8, "peer": 8}
    assert row["ratio"] == pytest.approx(80 * CORES)
    assert row["one_world"] == pytest.approx(
        {"ours": 4000 * CORES, "xla": 1000 * CORES, "peer": 100, "ratio": 40 * CORES}
    )
    assert row["one_core"] == pytest.approx({"ours": 64000, "xla": 8000, "peer": 800, "ratio": 80})
    assert row["compile_s"] == {"ours": 1.5, "xla": 1.5, "peer": 1.5}
    assert text[0].startswith("1 worlds: ours") and text[-1].startswith("best, on one core: ours 64,000")


def test_xla_is_not_timed_beside_itself(side, capsys):
    side(OURS="1000 * worlds", PEER="100 * worlds")
    row, _ = run("planar --scaling --engine xla --worlds 2 --peer-worlds 2 --repeats 1 --cores 1", capsys)
    assert (row["engine"], row["cores"], row["ratio"]) == ("xla", 1, pytest.approx(10))
    assert "xla" not in row and set(row["best"]) == {"ours", "peer"}
    assert len(os.sched_getaffinity(0)) == CORES


def test_a_peer_that_dies_is_reported(side, capsys):
    side(OURS="1000", PEER="1 / 0")
    assert main.main(["bench", "planar", "--no-save"]) == 2
    error = capsys.readouterr().err
    assert "`make peers`" in error and "ended: ZeroDivisionError" in error and error.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("bench planar --worlds 0", "worlds is 0: it must be at least 1"),
        ("bench planar --peer-worlds 8 0", "peer_worlds is 0: it must be at least 1"),
        ("bench planar --worlds 1 2", "worlds is 1 2: name one number, or add --scaling"),
        ("bench planar --cores 4096", "cores is 4096: this machine has"),
        ("bench cubes", "there is nothing called 'cubes' to measure: use planar or rtc"),
        ("bench planar --size xl", "--size"),
    ],
)
def test_wrong_use_is_one_line(arguments, message, capsys):
    assert main.main(arguments.split()) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_missing_peer_names_the_command(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(bench_sides, "PEER_PYTHON", tmp_path / "python")
    assert main.main(["bench", "planar", "--size", "s", "--no-save"]) == 2
    assert "`make peers`" in capsys.readouterr().err
