import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from gambol.cli import export as command
from gambol.cli import main as cli
from gambol.policies.judge.statistics import Interval
from gambol.sim2real import extras
from gambol.sim2real.compress.compress import Compared, Compression, Cost


def test_it_exports_and_says_what(monkeypatch, tmp_path, capsys):
    asked = []

    def export(*words):
        asked.append(words)
        contract = SimpleNamespace(policy_name="walker", selftest=SimpleNamespace(count=128))
        return SimpleNamespace(contract=contract, bytes=450_000, digest="ab" * 32, compared=None)

    monkeypatch.setattr(command, "export", export)
    assert cli.main(["export", "runs/x", "-o", str(tmp_path / "b"), "--checkpoint", "640", "--json"]) == 0
    assert asked == [(Path("runs/x"), tmp_path / "b", 640, 0, None)]
    text, last = capsys.readouterr().out.splitlines()
    assert "walker, 128 recorded ticks, 0.45 MB, digest abababababababab; prove it with gambol verify" in text
    assert json.loads(last) == {"bundle": str(tmp_path / "b"), "bytes": 450_000, "digest": "ab" * 32}


def test_a_smaller_graph_is_shown_beside_the_first(monkeypatch, tmp_path, capsys):
    asked, score = [], Interval(0.9, 0.88, 0.92)

    def export(*words):
        asked.append(words[-1])
        contract = SimpleNamespace(policy_name="walker", selftest=SimpleNamespace(count=128))
        compared = Compared(
            Cost(1000, 0.1, 0.2, score), Cost(300, 0.05, 0.1, score), 0.013, Interval(0.001, -0.01, 0.01)
        )
        return SimpleNamespace(contract=contract, bytes=450_000, digest="ab" * 32, compared=compared)

    monkeypatch.setattr(command, "export", export)
    words = ["--quantize", "w4", "--hqq", "--smooth", "0.5", "--prune", "1", "--episodes", "8", "--margin", "0.1"]
    assert cli.main(["export", "runs/x", "-o", str(tmp_path / "b"), *words, "--json"]) == 0
    assert asked == [Compression("w4", prune=1, hqq=True, smooth=0.5, episodes=8, margin=0.1)]
    text = capsys.readouterr().out
    assert "1,000 bytes" in text and "actions 1.30 % off; score drops by 0.0010 (-0.0100 to 0.0100)" in text
    told = json.loads(text.splitlines()[-1])["compared"]
    assert told["after"]["bytes"] == 300 and told["before"]["score"]["mean"] == 0.9
    assert cli.main(["export", "runs/x", "-o", "b", "--hqq"]) == 2
    assert "hqq and smooth go with quantize" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "message"),
    [(["nowhere", "-o", "new"], "nowhere is not a run: no such folder"), (["nowhere"], "--out"), ([], "RUN")],
)
def test_mistakes_end_in_one_line(argv, message, capsys):
    assert cli.main(["export", *argv]) == 2
    error = capsys.readouterr().err
    assert message.lower() in error.lower() and error.count("\n") == 1


def test_a_missing_package_names_the_extra(monkeypatch):
    monkeypatch.setitem(extras.EXTRAS, "not_there_at_all", "export")
    with pytest.raises(ValueError, match=r'needs the package not_there_at_all: pip install "gambol\[export\]"'):
        extras.need("not_there_at_all")
