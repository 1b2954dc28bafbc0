import json

import numpy as np
import pytest
from gambol.cli import faults as command
from gambol.cli import main as cli
from gambol.sim2real.faults.campaign import Outcome


@pytest.fixture
def played(monkeypatch):
    """Names of faults that were played; those with "NaN" or "killed" in their names end badly."""
    names = []

    def play(name, wanted):
        names.append(name)
        bad = "random" in name
        return Outcome(name, wanted, "damps", "stale", 0.02, np.nan, ("an order is not finite at 5 s",) * bad, not bad)

    monkeypatch.setattr(command.bundle, "read", lambda folder: None)
    monkeypatch.setattr(command, "play", lambda read, fault, seed: play(fault.name, fault.ends))
    monkeypatch.setattr(command.live, "play", lambda folder, read, fault: play(fault.name, fault.ends))
    return names


def test_every_outcome_is_told_and_a_bad_one_fails_all(played, capsys):
    assert cli.main(["faults", "b", "--json"]) == 1
    *lines, last = capsys.readouterr().out.splitlines()
    assert len(lines) == len(played) + 1 >= 55 and "robot killed" in played
    assert sum(line.startswith("NOT SAFE") for line in lines) == 1 and "an order is not finite" in "".join(lines)
    told = json.loads(last)
    assert told["ok"] is False and len(told["faults"]) == len(played) and told["faults"][0]["height"] is None


def test_some_can_be_chosen(played, capsys):
    assert cli.main(["faults", "b", "--only", "gyroscope", "KILLED", "--no-live"]) == 0
    assert played and all("gyroscope" in name for name in played)
    assert cli.main(["faults", "b", "--only", "dragons"]) == 2
    assert "--only dragons: no fault has such a name" in capsys.readouterr().err
