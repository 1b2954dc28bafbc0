import json

import pytest
from gambol.cli import bench_rtc, main
from gambol.policies.judge import provenance
from gambol.policies.judge.rtc.config import PRESETS
from gambol.policies.judge.rtc.stages import Failed

CELLS = [
    {"level": "k/a", "seed": seed, "method": method, "delay": delay, "every": max(delay, 1), "expert": 1.0}
    | {"commits": ["c"], "delta": 1.0, "jerk": 2.0, "jump": 0.5, "rate": rate, "solved": "11" if rate == 1 else "10"}
    for seed in (0, 1)
    for method, rate in (("naive", 0.5), ("settled", 1.0))
    for delay in (0, 4)
]


@pytest.fixture
def asked(monkeypatch):
    """What the command has the benchmark do, which takes no time here."""
    found = []

    def run(bench, folder, workers):
        found.append((bench, folder, workers))
        return CELLS

    monkeypatch.setattr(bench_rtc, "run", run)
    return found


def test_the_row_and_the_table(asked, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(bench_rtc, "RESULTS", tmp_path)
    monkeypatch.setattr(provenance.record, "__kwdefaults__", {"folder": tmp_path})
    folder = tmp_path / "run"
    assert main.main(["bench", "rtc", "--preset", "tiny", "--workers", "2", "--out", str(folder), "--json"]) == 0
    assert asked == [(PRESETS["tiny"], folder, 2)]
    *text, last = capsys.readouterr().out.splitlines()
    row = json.loads(last)
    assert row == json.loads((tmp_path / "rtc.jsonl").read_text())
    assert row["preset"] == "tiny" and row["workers"] == 2 and row["seconds"] == 0 and row["experts"] == 1
    assert row["methods"]["settled"]["4"]["better"]["mean"] == 0.5
    assert [line.split()[0] for line in text] == ["solved,", "naive", "settled", "experts"]
    old = json.dumps({"preset": "tiny", "commit": "0123456789", "methods": {}})  # of another protocol
    other = row | {"preset": "small", "methods": {}}
    changed = row["methods"] | {"naive": row["methods"]["naive"] | {"4": {"rate": 1.0, "lo": 0.9, "hi": 1.0}}}
    rows = [old, row | {"commit": "abcdefghij", "methods": changed}, other]
    (tmp_path / "rtc.jsonl").write_text("".join(f"{r if r is old else json.dumps(r)}\n" for r in rows))
    assert main.main(["bench", "rtc", "--preset", "tiny", "--out", str(folder)]) == 0
    told = "beside the result of commit abcdefg: 3 of 4 rates are within its intervals, 3 of them equal"
    assert capsys.readouterr().out.splitlines()[-1] == told


def test_where_nothing_can_be_saved_nothing_begins(asked, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(bench_rtc, "RESULTS", tmp_path / "none")
    assert main.main(["bench", "rtc", "--preset", "tiny"]) == 2
    assert "use --no-save" in capsys.readouterr().err and not asked
    assert main.main(["bench", "rtc", "--preset", "tiny", "--no-save"]) == 0


def test_a_level_that_no_expert_learns_fails(monkeypatch, capsys):
    def run(*_):
        raise Failed("k/a: no expert of 4 solves 65%")

    monkeypatch.setattr(bench_rtc, "run", run)
    assert main.main(["bench", "rtc", "--no-save"]) == 1
    assert capsys.readouterr().err == "k/a: no expert of 4 solves 65%\n"
