import json
from pathlib import Path

import pytest
from gambol.cli import main as cli
from gambol.cli import ship as command


@pytest.fixture
def shipped(monkeypatch):
    """Ship nothing but a file of ten bytes."""
    asked = []

    def ship(run, out, checkpoint):
        asked.append((run, out, checkpoint))
        out.mkdir()
        (out / "policy.npz").write_bytes(b"parameters")
        return {"steps": 1234567, "command": "gambol train demo"}

    monkeypatch.setattr(command, "ship", ship)
    return asked


@pytest.mark.parametrize(("words", "checkpoint"), [([], "best"), (["--checkpoint", "640"], 640)])
def test_it_ships_and_says_what(shipped, words, checkpoint, tmp_path, capsys):
    out = tmp_path / "walker"
    assert command.main(["runs/x", "-o", str(out), "--json", *words]) == 0
    assert shipped == [(Path("runs/x"), out, checkpoint)]
    text, last = capsys.readouterr().out.splitlines()
    assert "step 1,234,567, 0.00 MB; trained by: gambol train demo" in text
    assert json.loads(last) == {"policy": str(out), "bytes": 10, "steps": 1234567, "command": "gambol train demo"}


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["nowhere", "--out", "new"], "nowhere is not a run: no such folder"),
        (["nowhere"], "--out"),
        (["nowhere", "-o", "new", "--checkpoint", "newest"], "--checkpoint is 'newest': use best, latest or a step"),
    ],
)
def test_wrong_use_exits_2_with_one_line(argv, message, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(cli, "enable_compilation_cache", lambda: True)
    monkeypatch.chdir(tmp_path)
    assert cli.main(["ship", *argv]) == 2
    said = capsys.readouterr()
    assert message in said.err and said.err.count("\n") == 1 and list(tmp_path.iterdir()) == []
