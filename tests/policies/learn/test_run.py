import errno
import itertools
import json
import os
import signal
import threading
from dataclasses import replace
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from gambol.policies.learn import checkpoint, log, run
from gambol.policies.learn.config import load_yaml


def leaves(run_dir, learner_build, config, which="latest"):
    """Every array of a run's checkpoint, as bytes."""
    like = run.shapes_of(learner_build(config)[1])
    state = checkpoint.restore(run_dir / "checkpoints", like, which).state
    return [np.asarray(checkpoint._key_data(leaf)).tobytes() for leaf in jax.tree.leaves(state)]


@pytest.fixture
def build(fake_build):
    return fake_build()


def test_a_run_on_disk(small, build):
    small = replace(small, run=replace(small.run, keep_last=1))
    result = run.train(small, build=build)
    folder = result.run_dir
    assert folder.parent.name == "small" and (result.step, result.interrupted) == (128, False)
    assert load_yaml(folder / "config.yaml") == small
    made = json.loads((folder / "run.json").read_text())
    assert made["versions"]["jax"] == jax.__version__ and {"device", "commit"} <= made.keys()
    rows = log.read_rows(folder / "metrics.jsonl")
    assert [row["step"] for row in rows] == [16 * n for n in range(1, 9)] and rows[-1] == result.metrics
    assert rows[3]["updates"] == 4 and rows[3]["episodes"] == 4 and rows[3]["sps"] > 0
    assert all(a["seconds"] <= b["seconds"] for a, b in itertools.pairwise(rows))
    assert list(folder.glob("events.*")) and not (folder / "dumps").exists()
    # Success peaks at update 6; of the others only the last is kept.
    assert checkpoint.steps(folder / "checkpoints") == [96, 128]
    assert checkpoint.ranked(folder / "checkpoints")[0] == 96


def test_a_run_says_which_engine_computed(small, monkeypatch):
    monkeypatch.setattr(run, "begin", lambda *arguments: None)
    monkeypatch.setattr(run, "loop", lambda config, folder, *rest: folder)
    folder = run.train(small, build=lambda config: (SimpleNamespace(engine="fused"), None))
    assert json.loads((folder / "run.json").read_text())["engine"] == "fused"


def test_rows_are_averages_over_log_every(small, build):
    each = run.train(small, build=build)
    every = run.train(replace(small, run=replace(small.run, log_every=3, checkpoint_every=100)), build=build)
    rows, means = (log.read_rows(result.run_dir / "metrics.jsonl") for result in (each, every))
    assert [row["updates"] for row in means] == [3, 6, 8] and every.run_dir != each.run_dir
    assert means[0]["loss"] == pytest.approx(np.mean([row["loss"] for row in rows[:3]])) and means[0]["episodes"] == 12


def test_interrupted_and_resumed_is_bit_identical(small, build):
    whole = run.train(small, build=build)
    part = run.train(replace(small, run=replace(small.run, total_steps=64)), build=build)
    assert part.step == 64
    with (part.run_dir / "metrics.jsonl").open("a") as stream:
        stream.write(json.dumps({"step": 80, "loss": 0.0}) + "\n")
    resumed = run.train(small, part.run_dir, resume=True, build=build)
    assert resumed.step == 128 and resumed.seconds > part.seconds
    assert leaves(whole.run_dir, build, small) == leaves(part.run_dir, build, small)
    timeless = [
        [{k: v for k, v in row.items() if k not in ("seconds", "sps")} for row in log.read_rows(d / "metrics.jsonl")]
        for d in (whole.run_dir, part.run_dir)
    ]
    assert timeless[0] == timeless[1]
    again = run.train(small, part.run_dir, resume=True, build=build)
    assert again == resumed
    made = json.loads((part.run_dir / "run.json").read_text())
    assert [each["step"] for each in made["resumed"]] == [64, 128]
    assert all(each["commit"] == made["commit"] and each["versions"] == made["versions"] for each in made["resumed"])


def test_resume_without_a_checkpoint_starts_over(small, build):
    folder = run.new_run(small)
    run.save_yaml(small, folder / "config.yaml")
    assert run.train(small, folder, resume=True, build=build).step == 128


def test_resume_past_a_damaged_checkpoint(small, build, capsys):
    whole = run.train(small, build=build)
    part = run.train(replace(small, run=replace(small.run, total_steps=96)), build=build)
    newest = part.run_dir / "checkpoints" / "96"
    os.truncate(newest / "about.json", 3)
    run.train(small, part.run_dir, resume=True, build=build)
    assert f"checkpoint {newest} refused: about.json has 3 bytes" in capsys.readouterr().err
    assert leaves(whole.run_dir, build, small) == leaves(part.run_dir, build, small)
    assert (part.run_dir / "checkpoints" / "96.damaged").is_dir()


def test_only_run_settings_may_change_on_resume(small, build):
    folder = run.train(small, build=build).run_dir
    with pytest.raises(ValueError, match=r"seed differs from that of .*: a resumed run can only change run"):
        run.train(replace(small, seed=9), folder, resume=True, build=build)


def test_a_number_that_is_not_finite_stops_the_run(small, fake_build):
    broken = fake_build(break_at=5)
    with pytest.raises(run.NonFiniteError) as caught:
        run.train(small, build=broken)
    message = str(caught.value)
    (folder,) = (path for path in run.Path(small.run.out).glob("small/*"))
    assert "not finite after step 80: state.optimiser" in message and "state.params.w" in message
    assert str(folder / "checkpoints" / "64") in message and str(folder / "dumps" / "80") in message
    assert "\n" not in message
    # The dump is the state before the failure, as a healthy run has it, and does the same again.
    healthy = run.train(replace(small, run=replace(small.run, total_steps=80)), build=fake_build())
    like = run.shapes_of(broken(small)[1])
    dumped = checkpoint.restore(folder / "dumps", like)
    np.testing.assert_array_equal(dumped.state["params"]["w"], run.load_policy(healthy.run_dir, 80, broken).params["w"])
    names = run.replay(folder, broken)
    assert "state.params.w" in names and dumped.about["non_finite"] == names
    assert run.replay(folder, fake_build()) == []


def test_load_policy(small, build):
    folder = run.train(small, build=build).run_dir
    best, latest = run.load_policy(folder, build=build), run.load_policy(folder, "latest", build)
    assert (best.step, latest.step) == (96, 128) and best.config == small and best.policy == "policy at 1.0"
    assert run.load_policy(folder, build=build, temperature=0.0).policy == "policy at 0.0"
    assert not np.array_equal(best.params["w"], latest.params["w"])


def test_what_is_not_a_run(small, build, tmp_path):
    with pytest.raises(ValueError, match="nowhere is not a run: no such folder"):
        run.load_policy(tmp_path / "nowhere", build=build)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"empty is not a run: there is no config.yaml in it"):
        run.load_policy(tmp_path / "empty", build=build)
    folder = run.new_run(small)
    run.save_yaml(small, folder / "config.yaml")
    with pytest.raises(ValueError, match=rf"it holds runs, name one of them, like {folder}"):
        run.load_run(folder.parent)
    with pytest.raises(ValueError, match="has no checkpoint yet"):
        run.load_policy(folder, build=build)
    with pytest.raises(ValueError, match="holds a run already"):
        run.train(small, folder, build=build)


def test_an_output_folder_that_cannot_be_written(small, build, tmp_path):
    (tmp_path / "file").write_text("")
    bad = replace(small, run=replace(small.run, out=str(tmp_path / "file")))
    with pytest.raises(ValueError, match=r"run.out is '.*file': it cannot be written \(Not a directory\)"):
        run.train(bad, build=build)


def test_a_new_run_that_cannot_be_described_leaves_nothing(small, build, monkeypatch, tmp_path):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(run, "save_yaml", full)
    with pytest.raises(ValueError, match=r"it cannot be written \(No space left on device\)"):
        run.train(small, build=build)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_one_process_at_a_time(small, build):
    folder = run.train(small, build=build).run_dir
    with run.exclusive(folder), pytest.raises(ValueError, match="another process trains this run"):
        run.train(small, folder, resume=True, build=build)


def test_ctrl_c_saves_and_ends(small, fake_build, capsys):
    """SIGINT while the loop runs: the update ends, all is saved, and resuming reaches the same state."""
    inner = fake_build()
    endless = replace(small, run=replace(small.run, total_steps=10**9, checkpoint_every=10**6))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a script in the background has it ignored
    try:
        timer = threading.Timer(1.0, lambda: os.kill(os.getpid(), signal.SIGINT))
        timer.start()
        result = run.train(endless, build=inner)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert result.interrupted and 0 < result.step < 10**9
    assert checkpoint.steps(result.run_dir / "checkpoints") == [result.step]
    assert "stopping after this update" in capsys.readouterr().err
