import errno
import io
import json
import os
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
from gambol.policies.learn import log
from gambol.policies.learn.config import RunConfig, TrainConfig


def row(step, **metrics):
    return {"step": step, "updates": step // 10, "seconds": step / 100, "sps": 100.0, **metrics}


def test_average_weights_episodes_and_knows_when_none_ended():
    window = [
        {"loss": 1.0, "episodes": 1, "success_rate": 1.0, "episode_distance": 5.0},
        {"loss": 3.0, "episodes": 3, "success_rate": 0.0, "episode_distance": 1.0},
        {"loss": 5.0, "episodes": 0, "success_rate": 0.0, "episode_distance": 0.0},
    ]
    assert log.average(window) == {"loss": 3.0, "episodes": 4, "success_rate": 0.25, "episode_distance": 2.0}
    assert log.average(window[2:]) == {"loss": 5.0, "episodes": 0, "success_rate": None, "episode_distance": None}


def test_resuming_drops_rows_past_the_restored_step(tmp_path):
    path = tmp_path / "metrics.jsonl"
    write = log.jsonl(path, 0)
    for step in (10, 20, 30):
        write(row(step, loss=0.5))
    with path.open("a") as stream:
        stream.write('{"step": 40, "upd')
    write = log.jsonl(path, 20)
    write(row(30, loss=None))
    lines = path.read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [10, 20, 30]
    assert json.loads(lines[-1])["loss"] is None and log.read_rows(path)[-1]["step"] == 30


def test_an_edited_metrics_file_is_refused(tmp_path):
    (tmp_path / "metrics.jsonl").write_text("{}}\n")
    with pytest.raises(ValueError, match=r"metrics\.jsonl holds a line that is not JSON"):
        log.jsonl(tmp_path / "metrics.jsonl", 0)


def test_a_full_disk_leaves_whole_rows(tmp_path, monkeypatch):
    path = tmp_path / "metrics.jsonl"
    write = log.jsonl(path, 0)
    write(row(10))

    class Full(io.TextIOWrapper):
        def write(self, text):
            super().write(text[:5])
            self.flush()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(type(path), "open", lambda self, mode: Full(io.FileIO(self, mode)))
    with pytest.raises(OSError, match="No space left") as caught:
        write(row(20))
    monkeypatch.undo()
    assert caught.value.filename == str(path)
    assert [r["step"] for r in log.read_rows(path)] == [10] and path.read_text().endswith("\n")


def test_tensorboard_holds_the_numbers_and_hides_the_abandoned_ones(tmp_path):
    from tensorboardX.proto.event_pb2 import Event, SessionLog

    with log.open_sinks(tmp_path, TrainConfig(), 20) as write:
        write(row(30, loss=0.25, success_rate=None))
    (file,) = tmp_path.glob("events.*")
    data, events, at = file.read_bytes(), [], 0
    while at < len(data):  # record: length (8), checksum (4), payload, checksum (4)
        size = int.from_bytes(data[at : at + 8], "little")
        events.append(Event.FromString(data[at + 12 : at + 12 + size]))
        at += size + 16
    assert any(event.session_log.status == SessionLog.START and event.step == 21 for event in events)
    values = {v.tag: (event.step, v.simple_value) for event in events for v in event.summary.value}
    assert values["loss"] == (30, 0.25) and values["sps"] == (30, 100.0) and "success_rate" not in values


def test_tensorboard_can_be_left_out(tmp_path):
    with log.open_sinks(tmp_path, TrainConfig(run=RunConfig(tensorboard=False)), 0) as write:
        write(row(10))
    assert os.listdir(tmp_path) == ["metrics.jsonl"]


def test_wandb_only_on_request(tmp_path, monkeypatch):
    config = TrainConfig(name="x", run=RunConfig(wandb_project="p", tensorboard=False))
    monkeypatch.setattr(log, "find_spec", lambda name: None)
    with pytest.raises(
        ValueError, match=r"run.wandb_project is 'p' but the package wandb is missing: pip install wandb"
    ):
        log.require_packages(config)
    log.require_packages(replace(config, run=RunConfig()))

    said = []
    page = SimpleNamespace(log=lambda row, step: said.append((row["loss"], step)), finish=lambda: said.append("end"))
    fake = SimpleNamespace(init=lambda **settings: said.append(settings) or page)
    monkeypatch.setitem(sys.modules, "wandb", fake)
    with log.open_sinks(tmp_path / "", config, 0) as write:
        write(row(10, loss=2.0))
    assert said[1:] == [(2.0, 10), "end"]
    assert said[0]["project"] == "p" and said[0]["resume"] == "allow" and said[0]["config"]["name"] == "x"


def test_plain_lines_when_nobody_watches(capsys):
    with log.progress(1000, 0) as show:
        show(row(100, episode_return=-1.5, success_rate=0.25))
        show(row(200, episode_return=None))
    first, second = capsys.readouterr().err.splitlines()
    assert first == "step 100/1,000  sps 100  return -1.500  solved 25.0%  left 0:00:09"
    assert second == "step 200/1,000  sps 100  left 0:00:08"


def test_a_bar_on_a_terminal(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "140")
    with log.progress(1000, 0) as show:
        show(row(500, episode_return=2.0, success_rate=1.0))
    err = capsys.readouterr().err
    for words in ("50%", "step 500/1,000", "sps 100", "return 2.000", "solved 100.0%", "left"):
        assert words in err
