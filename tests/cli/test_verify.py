import json
from pathlib import Path

import pytest
from gambol.cli import main as cli
from gambol.cli import verify as command
from gambol.sim2real.verify import Check


@pytest.mark.parametrize("ok", [True, False])
def test_every_check_is_told_and_one_that_fails_fails_all(monkeypatch, capsys, ok):
    checks = {"files": Check(True, "3 files"), "robot": Check(ok, "kp of 'FR_hip' is [150], not 149")}
    monkeypatch.setattr(command, "verify", lambda folder: checks if folder == Path("b") else {})
    assert cli.main(["verify", "b", "--json"]) == (0 if ok else 1)
    *lines, last = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["ok", "files", "3", "files"]
    assert lines[1].startswith("ok" if ok else "REFUSED") and "kp of 'FR_hip' is [150], not 149" in lines[1]
    told = json.loads(last)
    assert told["ok"] is ok and told["checks"]["files"] == {"ok": True, "detail": "3 files"}


def test_what_is_no_bundle_is_wrong_use(tmp_path, capsys):
    assert cli.main(["verify", str(tmp_path)]) == 2
    assert "it has no manifest.json; make one with gambol export" in capsys.readouterr().err
