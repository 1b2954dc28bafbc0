import json
from types import SimpleNamespace

import numpy as np
import pytest
from gambol.cli import collect as command
from gambol.cli import main as cli
from gambol.policies.data.read import read
from gambol.policies.data.recording import Recording

RECORDING = Recording(
    20,
    {
        "observation.state": np.arange(12, dtype=np.float32).reshape(4, 3),
        "action": np.array([[0.0], [1.0], [0.0], [1.0]], np.float32),
        "next.success": np.array([False, True, False, False]),
    },
    np.array([0, 0, 1, 1]),
    ("reach", "reach"),
    names={"action": ("push",)},
)


@pytest.fixture
def asked(monkeypatch):
    found = {}

    def load_policy(run, checkpoint, build, temperature):
        found.update(run=str(run), checkpoint=checkpoint, temperature=temperature)
        return SimpleNamespace(env="env", policy="policy", params="params")

    def collect(*words):
        found["words"] = words
        return RECORDING

    monkeypatch.setattr(command, "load_policy", load_policy)
    monkeypatch.setattr(command, "collect", collect)
    return found


def test_it_records_and_says_what(asked, tmp_path, capsys):
    out = str(tmp_path / "set")
    words = ["collect", "runs/x", "-o", out, "--episodes", "2", "--noise", "0.1", "--only-solved", "--checkpoint", "64"]
    assert cli.main([*words, "--json"]) == 0
    assert asked == {
        "run": "runs/x",
        "checkpoint": 64,
        "temperature": 1.0,
        "words": ("env", "policy", "params", 2, 64, 0, 0.1, True),
    }
    text, last = capsys.readouterr().out.splitlines()
    assert text == f"{out}: 2 episodes, 4 steps, 50.0% solved"
    assert json.loads(last) == {"dataset": out, "episodes": 2, "steps": 4, "solved": 0.5}
    np.testing.assert_array_equal(read(tmp_path / "set").arrays["action"], [0, 1, 0, 1])
    assert cli.main(words) == 2
    assert "exists: remove it" in capsys.readouterr().err


def test_a_dataset_is_shown(asked, tmp_path, capsys):
    folder = tmp_path / "set"
    assert cli.main(["collect", "runs/x", "-o", str(folder)]) == 0
    capsys.readouterr()
    drawn, stats = tmp_path / "spread.png", tmp_path / "norm_stats.json"
    words = ["data", "show", str(folder), "--draw", str(drawn), "--norm-stats", str(stats), "--json"]
    assert cli.main(words) == 0
    *text, last = capsys.readouterr().out.splitlines()
    assert text[0] == f"{folder}: 2 episodes of 2 to 2 steps, 20 Hz" and text[1] == "tasks: reach"
    row = next(line for line in text if line.strip().startswith("push"))
    assert row.split()[1:4] == ["0.5", "0.5", "0"]
    assert json.loads(last)["stats"]["observation.state"]["mean"] == [4.5, 5.5, 6.5]
    assert json.loads(stats.read_text())["norm_stats"]["actions"]["mean"] == [0.5]
    assert drawn.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["data"], "use gambol data show DATASET"),
        (["data", "draw"], "gambol data draw: use gambol data show DATASET"),
        (["data", "show", "nowhere"], "nowhere is no LeRobot dataset"),
        (["collect", "nowhere", "-o", "x"], "nowhere"),
    ],
)
def test_wrong_use_is_one_line(words, message, capsys):
    assert cli.main(words) == 2
    assert message in capsys.readouterr().err
