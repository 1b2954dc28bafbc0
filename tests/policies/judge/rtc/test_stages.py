"""The whole benchmark, as small as can be, by two processes: what is there is not done again."""

import json
import os
import shutil
import signal
import threading
import time
from dataclasses import replace

import pytest
from gambol.policies.data.read import read
from gambol.policies.judge.provenance import commit
from gambol.policies.judge.rtc import stages, workers
from gambol.policies.judge.rtc.config import TINY, slug
from gambol.policies.judge.rtc.summary import summary
from gambol.policies.learn import process
from gambol.policies.learn.ppo.config import PPOConfig
from gambol.policies.nets.config import NetworkConfig
from gambol.policies.nets.flow.mixer import MixerConfig

MIXER = MixerConfig(horizon=4, depth=1, channels=8, channel_mlp=8, token_mlp=4, steps=2)
LEVELS = ("kinetix/s/h6_unicycle_right", "kinetix/s/h2_one_wheel_car")
BENCH = replace(
    TINY,
    levels=LEVELS,
    ppo=PPOConfig(worlds=4, rollout_steps=8, epochs=1, minibatches=1),
    network=NetworkConfig((8,), (8,)),
    expert_steps=32,
    least=0.0,
    frames=2,
    flow=replace(TINY.flow, mixer=MIXER, batch=8),
    chunks=32,
    reflex_chunks=16,
    reflex=(8,),
    episodes=3,
    settled=1,
    methods=("naive", "settled", "reflex"),
    delays=(0, 1),
    blocks=(2,),
    rollouts=4,
    max_steps=12,
)


def cells_of(cells, level):
    return [cell for cell in cells if cell["level"] == level]


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rtc")
    return folder, workers.run(BENCH, folder, workers=2)


@pytest.mark.parametrize("level", LEVELS)
def test_every_cell_is_there(done, level):
    folder, cells = done
    found = cells_of(cells, level)
    assert [(cell["method"], cell["delay"], cell["every"]) for cell in found] == [
        (method, delay, every)
        for method in ("naive", "settled", "reflex")
        for delay, every in ((0, 1), (1, 1), (0, 2), (1, 2))
    ]
    assert all(len(cell["solved"]) == 4 and 0 <= cell["expert"] <= 1 for cell in found)
    assert all(cell["commits"] == [commit()] for cell in found)
    data = read(folder / "data" / slug(level) / "0")
    assert len(data.tasks) == 3 and list(data.observation()) == ["state"]  # what experts alone see is not learned from
    assert summary(cells)["delays"] == [0, 1]
    runs = folder / "policies" / slug(level) / "0"
    about = {
        name: json.loads((runs / name / "metrics.jsonl").read_text().splitlines()[-1]) for name in ("first", "naive")
    }
    assert {name: row["step"] for name, row in about.items()} == {"first": 16, "naive": 16}
    assert workers.spent(folder) > sum(row["seconds"] for row in about.values())


def test_only_what_is_missing_is_done_again(done, monkeypatch):
    folder, cells = done
    path = folder / stages.CELLS
    whole = path.read_text()
    path.write_text(whole[:-20])  # killed while it wrote
    last, said = json.loads(whole.splitlines()[-1]), []
    monkeypatch.setattr(stages, "collect", None)
    stages.play_levels(BENCH, [last["level"]], folder, stages.begin(BENCH, folder), said.append)
    assert [line for line in said if "delay" in line] == [said[-1]]
    assert f"{last['method']} delay {last['delay']} blocks of {last['every']}" in said[-1]
    assert not [line for line in said if "training" in line]
    assert stages.cells(folder) == cells and path.read_text() == whole
    path.write_text(whole + whole)  # two who played the same
    assert stages.cells(folder) == cells
    path.write_text(whole + '{"level": 3}\n')
    with pytest.raises(ValueError, match=rf"cells.jsonl, line {len(cells) + 1}, is no cell \(KeyError"):
        stages.cells(folder)
    path.write_text(whole)


def test_the_time_counts_of_a_run_that_is_killed(monkeypatch, tmp_path):
    monkeypatch.setattr(workers, "BEAT", 0.01)
    last = 0.0
    for _ in range(2):
        with workers.clocked(tmp_path):
            until = time.monotonic() + 20
            while workers.spent(tmp_path) < last + 0.1 and time.monotonic() < until:
                time.sleep(0.01)
            assert workers.spent(tmp_path) >= last + 0.1
        last = workers.spent(tmp_path)
    assert last < 20


def until_stopped(*arguments):
    """A worker that does nothing, in place of `workers.work`."""
    log = arguments[-1]
    with process.stop_on_signal() as stop:
        log.write_text("begun")
        code = workers.STOPPED if stop.wait(60) else 0
    log.write_text("saved")
    os._exit(code)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_parent_alone_is_asked_to_stop(monkeypatch, tmp_path, number):
    monkeypatch.setattr(workers, "work", until_stopped)
    logs = [tmp_path / f"worker-{worker}.log" for worker in range(2)]

    def ask():
        until = time.monotonic() + 50
        while not all(log.exists() for log in logs) and time.monotonic() < until:
            time.sleep(0.01)
        os.kill(os.getpid(), number)

    threading.Thread(target=ask).start()
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt):
        workers.side_by_side(BENCH, tmp_path, [], [set(workers.free_cores())] * 2)
    assert [log.read_text() for log in logs] == ["saved", "saved"] and signal.getsignal(number) is before


def test_experts_are_trained_until_enough_are_good_enough(monkeypatch, tmp_path):
    trained, rates = [], [0.1, 0.7, 0.2, 0.6, 0.9]

    def on(config, place, what, say):
        trained.append(config.seed)
        place.mkdir(parents=True)
        (place / stages.SOLVED).write_text(str(rates[config.seed]))

    monkeypatch.setattr(stages, "on", on)
    bench = replace(BENCH, least=0.65, sets=2, seeds=2, tries=3)
    assert stages.experts(bench, LEVELS[1], 1, tmp_path / "one", print) == {1: 0.7} and trained == [1]
    assert stages.experts(bench, LEVELS[1], 0, tmp_path / "none", print) == {4: 0.9} and trained[1:] == [0, 2, 4]
    two = replace(bench, experts=2, sets=1, tries=5)
    assert stages.experts(two, LEVELS[1], 0, tmp_path / "two", print) == {1: 0.7, 4: 0.9}
    with pytest.raises(stages.Failed, match=r"no expert of 2 solves 65% of episodes after 32 steps \(10.0%, 20.0%\)"):
        stages.experts(replace(bench, tries=2), LEVELS[1], 0, tmp_path / "three", print)


@pytest.mark.parametrize("count", [0, 3])
def test_workers_need_a_level_and_a_core_each(done, count):
    with pytest.raises(ValueError, match=f"workers is {count}: at least 1, at most one for each of 2 levels"):
        workers.run(BENCH, done[0], workers=count)


def test_another_benchmark_is_not_mixed_in(done):
    with pytest.raises(ValueError, match="other settings: choose another folder"):
        stages.begin(replace(BENCH, rollouts=5), done[0])


def test_a_worker_that_fails_is_named_and_the_other_goes_on(done):  # last: it spoils the folder
    folder, before = done
    broken, whole = LEVELS
    shutil.rmtree(folder / "policies" / slug(broken))
    (folder / "data" / slug(broken) / "0" / "meta" / "info.json").write_text("{")
    (folder / stages.CELLS).write_text("")
    with pytest.raises(stages.Failed, match=r"a worker failed \(exit code 1\): the end of .*worker-[01]\.log says why"):
        workers.run(BENCH, folder, workers=2)
    assert stages.cells(folder) == cells_of(before, whole)
    assert any("info.json" in log.read_text() for log in folder.glob("worker-*.log"))
