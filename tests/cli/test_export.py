import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from gambol.cli import export as command
from gambol.cli import main as cli
from gambol.sim2real import extras


def test_it_exports_and_says_what(monkeypatch, tmp_path, capsys):
    asked = []

    def export(*words):
        asked.append(words)
        contract = SimpleNamespace(policy_name="walker", selftest=SimpleNamespace(count=128))
        return SimpleNamespace(contract=contract, bytes=450_000, digest="ab" * 32)

    monkeypatch.setattr(command, "export", export)
    assert cli.main(["export", "runs/x", "-o", str(tmp_path / "b"), "--checkpoint", "640", "--json"]) == 0
    assert asked == [(Path("runs/x"), tmp_path / "b", 640, 0)]
    text, last = capsys.readouterr().out.splitlines()
    assert "walker, 128 recorded ticks, 0.45 MB, digest abababababababab; prove it with gambol verify" in text
    assert json.loads(last) == {"bundle": str(tmp_path / "b"), "bytes": 450_000, "digest": "ab" * 32}


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
