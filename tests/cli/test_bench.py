import json
import sys

import pytest
from gambol.cli import bench, main

PEER = """
import json, sys, time
import numpy as np
size, worlds, steps, actions = sys.argv[1:]
assert np.load(actions).shape == (int(steps), int(worlds), 6)
print(json.dumps({"compile_s": 1.5, "versions": {"kinetix-env": "3.0.2"}}), flush=True)
for _ in sys.stdin:
    print(%s, flush=True)
"""


@pytest.fixture
def peer(tmp_path, monkeypatch):
    def install(seconds):
        script = tmp_path / "peer.py"
        script.write_text(PEER % seconds)
        monkeypatch.setattr(bench, "PEER_SCRIPT", script)
        monkeypatch.setattr(bench, "PEER_PYTHON", type(script)(sys.executable))

    return install


def test_both_sides_are_timed_in_turn(peer, capsys):
    peer("1000.0")
    arguments = ["planar", "--size", "s", "--worlds", "3", "--steps", "2", "--repeats", "1", "--no-save", "--json"]
    assert bench.main(arguments) == 0
    row = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert {"what", "ours", "peer", "ratio", "unit", "commit", "cores", "device", "versions"} <= set(row)
    assert row["peer"] == pytest.approx(3 * 2 / 1000)
    assert row["ratio"] == pytest.approx(row["ours"] / row["peer"])
    assert row["compile_s"]["peer"] == 1.5
    assert row["versions"]["peer:kinetix-env"] == "3.0.2"


def test_a_peer_that_dies_is_reported(peer, capsys):
    peer("1 / 0")
    arguments = ["planar", "--size", "s", "--worlds", "3", "--steps", "2", "--repeats", "1", "--no-save"]
    assert main.main(["bench", *arguments]) == 2
    assert "gambol: the peer's process ended: ZeroDivisionError" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("bench planar --worlds 0", "worlds is 0: it must be at least 1"),
        ("bench cubes", "there is nothing called 'cubes' to time: use planar"),
        ("bench planar --size xl", "--size"),
    ],
)
def test_wrong_use_is_one_line(arguments, message, capsys):
    assert main.main(arguments.split()) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_missing_peer_names_the_command(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(bench, "PEER_PYTHON", tmp_path / "python")
    assert main.main(["bench", "planar", "--size", "s", "--no-save"]) == 2
    assert "`make peers`" in capsys.readouterr().err
