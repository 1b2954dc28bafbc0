"""`gambol eval` on two small levels with episodes of a few steps, and on suites of tracking without any; the trained
policy is a stand-in."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from gambol.cli import eval as command
from gambol.cli import main as cli
from gambol.envs.planar import suites
from gambol.envs.planar.env import PlanarConfig
from gambol.envs.planar.level import read_level, write_level
from gambol.envs.track.config import TrackConfig
from gambol.envs.track.env import TrackEnv
from gambol.policies.judge import report as reports
from gambol.policies.judge import show, track
from gambol.policies.judge.baselines import BASELINES, random_policy
from gambol.policies.judge.rollout import Evaluation
from gambol.policies.judge.suite import for_suite
from gambol.policies.learn import run as runs
from gambol.policies.learn.config import TrainConfig, save_yaml

CONFIG = TrainConfig(name="toy", env=PlanarConfig(size="s", levels=("kinetix/s",), action="continuous", max_steps=4))
TRACKING = TrainConfig(name="walker", env=TrackConfig(engine="mjx"))


@pytest.fixture(scope="module")
def levels(tmp_path_factory):
    place = tmp_path_factory.mktemp("levels")
    for ref in suites.find(("kinetix/s/h0_weak_thrust", "kinetix/s/h5_rotate_fall")):
        write_level(read_level(ref.path), place / f"{ref.path.stem}.json")
    return str(place)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "toy" / "today"
    folder.mkdir(parents=True)
    save_yaml(CONFIG, folder / "config.yaml")
    return folder


@pytest.fixture(scope="module")
def walker(tmp_path_factory):
    """A run of tracking, trained on an engine that need not run here."""
    folder = tmp_path_factory.mktemp("runs") / "walker" / "today"
    folder.mkdir(parents=True)
    save_yaml(TRACKING, folder / "config.yaml")
    return folder


@pytest.fixture
def played(monkeypatch):
    """Let every run have a policy, and every judgement of tracking be of one step in every cell, all signals 1."""
    asked = []

    def load(folder, checkpoint, build, temperature):
        asked.append({"checkpoint": checkpoint, "engine": build(TRACKING), "temperature": temperature})
        return SimpleNamespace(config=TRACKING, policy="policy", params="params", step=80)

    def play(env, policy, params, **settings):
        asked.append({"env": env, "policy": policy, "params": params, **settings})
        shape = (4, len(track.CELLS), len(track.SIGNALS))
        flags = np.zeros((4, len(track.FLAGS)), bool)
        return track.Tracking(flags, np.ones(shape[:2]), np.ones(shape), np.ones(shape), 500, settings["seed"], 0.5)

    monkeypatch.setattr(runs, "load_policy", load)
    monkeypatch.setattr(runs, "build", lambda config: config.env.engine)
    monkeypatch.setattr(track, "evaluate", play)
    return asked


@pytest.fixture
def trained(monkeypatch, levels):
    """Let every run have checkpoint 640 with one and the same policy, which is also the random one."""
    policy = random_policy(for_suite(CONFIG.env, levels).spec)
    loaded = SimpleNamespace(config=CONFIG, policy=policy, params=None, step=640)
    asked = []

    def load(folder, checkpoint, build, temperature):
        assert temperature == 1.0
        asked.append((folder, checkpoint))
        build(CONFIG)
        return loaded

    monkeypatch.setattr(runs, "load_policy", load)
    monkeypatch.setattr(runs, "build", lambda config: asked.append(config.env.engine))
    monkeypatch.setitem(BASELINES, "random", lambda spec: policy)
    return asked


def a_report(solved, suite="kinetix/s", attempts=20):
    table = np.array([np.arange(attempts) < n for n in solved])
    names = tuple(f"{suite}/level_{i}" for i in range(len(solved)))
    evaluation = Evaluation(names, table, table.astype(int), {"return": table * 1.0, "length": table + 1.0}, 4, 0, 0.1)
    return reports.build(evaluation, suite=suite, policy="toy", hashes=dict.fromkeys(names, "same"), protocol={})


def test_a_run_is_judged_and_its_baseline_joins_the_page(run, trained, levels, capsys, monkeypatch):
    filmed = []
    monkeypatch.setattr(show, "show", lambda *arguments: filmed.append(arguments[4:]) or [arguments[4] / "film.mp4"])
    stem, common = reports.stem(levels), [str(run), "--suite", levels, "--attempts", "2"]
    assert command.main([*common, "--policy", "random"]) == 0
    assert trained == []
    assert command.main([*common, "--checkpoint", "640", "--video", "--json"]) == 0
    assert trained == [(run, 640), CONFIG.env.engine] and filmed == [(run / "videos", stem)]
    assert sorted(path.name for path in (run / "eval").iterdir()) == sorted(
        f"{stem}{kind}{suffix}" for kind in ("", ".random") for suffix in (".json", ".md", ".png")
    )
    report = reports.read(run / "eval" / f"{stem}.json")
    assert (report["policy"], report["run"], report["checkpoint"]) == ("toy", "toy/today", 640)
    assert "Baseline random" in (run / "eval" / f"{stem}.md").read_text()
    *text, last = capsys.readouterr().out.splitlines()
    assert json.loads(last) == reports.summary(report)
    assert any("h0_weak_thrust" in line for line in text) and any("film.mp4" in line for line in text)
    # Same seed, same policy: the two reports are of the same attempts.
    assert reports.read(run / "eval" / f"{stem}.random.json")["metrics"] == report["metrics"]


@pytest.mark.parametrize("word", ["random", "noop"])
def test_a_baseline_needs_no_run_and_infers_the_size(word):
    subject = command.find_subject(command.Arguments(run=word, suite="kinetix/m/arm_up"))
    assert (subject.policy_name, subject.run, subject.env.config.size) == (word, None, "m")
    assert subject.folder == Path("runs") / word


def test_results_about_a_shipped_policy_leave_it_as_it_is(run, tmp_path):
    folder = tmp_path / "shipped" / "walker"
    folder.mkdir(parents=True)
    assert command.folder_of(folder) == folder and command.folder_of(run) == run
    (folder / "policy.npz").touch()
    assert command.folder_of(folder) == Path("runs") / "walker"


def test_out_takes_the_results_elsewhere(run, trained, levels, tmp_path):
    subject = command.find_subject(command.Arguments(run=str(run), suite=levels, out=tmp_path))
    assert subject.folder == tmp_path


def test_another_engine_than_that_of_training_can_compute(run, trained, levels, tmp_path):
    options = command.Arguments(run=str(run), suite=levels, engine="xla")
    assert CONFIG.env.engine != "xla" and command.find_subject(options).env.engine == "xla"
    assert trained[1:] == ["xla"]
    alone = command.find_subject(command.Arguments(run="noop", suite="kinetix/s/h0_weak_thrust", engine="xla"))
    assert alone.env.engine == "xla"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "name a run folder, or random, or noop"),
        (["random"], "--suite is missing"),
        (["random", "--suite", "kinetix/z"], "no level or suite 'kinetix/z'"),
        (["random", "--suite", "kinetix/s", "--attempts", "0"], "--attempts is 0"),
        (["random", "--suite", "kinetix/s", "--attempts", "some"], "--attempts"),
        (["nowhere/at-all", "--suite", "kinetix/s"], "nowhere/at-all is not a run"),
        (["RUN", "--suite", "kinetix/m"], "suite kinetix/m has levels of size m and the policy is of size s"),
        (["RUN", "--suite", "kinetix/s", "--checkpoint", "newest"], "--checkpoint is 'newest'"),
        (["RUN", "--suite", "kinetix/s"], "no checkpoint"),
        (["--compare", "here", "there"], "here is neither a report nor a run"),
        (["--compare", "RUN", "RUN", "--suite", "kinetix/l"], "has no report of kinetix/l"),
        (["RUN", "--compare", "RUN", "RUN"], "leave out"),
        (["--compare", "RUN"], "name two runs or report files"),
        (["RUN", "--suite", "track/calm"], "suite track/calm is for the task track and the policy is for planar"),
        (["WALKER", "--suite", "kinetix/s"], "suite kinetix/s is for the task planar and the policy is for track"),
        (["WALKER", "--suite", "track/clam"], "there is no suite 'track/clam': did you mean track/calm?"),
        (["WALKER", "--suite", "track/calm"], "no checkpoint"),
        (["WALKER", "--suite", "track/calm", "--engine", "bach"], "env.engine is 'bach': use 'auto' or 'batch' or"),
        (["random", "--suite", "kinetix/s", "--engine", "batch"], "env.engine is 'batch': use 'auto' or 'xla' or"),
        (
            ["random", "--suite", "track/calm", "--attempts", "5"],
            "--attempts does not go with suite track/calm: use --e",
        ),
        (["random", "--suite", "kinetix/s", "--episodes", "5"], "--episodes does not go with suite kinetix/s: use --a"),
        (["random", "--suite", "track/calm", "--episodes", "0"], "--episodes is 0: it must be at least 1"),
        (["random", "--suite", "track/calm", "--video"], "--video films levels, and suite track/calm has none"),
        (
            ["random", "--suite", "kinetix/s", "--out", "/dev/null"],
            "/dev/null/eval cannot be written (Not a directory)",
        ),
    ],
)
def test_wrong_use_exits_2_with_one_line_and_writes_nothing(argv, message, run, walker, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(cli, "enable_compilation_cache", lambda: True)
    monkeypatch.chdir(tmp_path)
    places = {"RUN": str(run), "WALKER": str(walker)}
    assert cli.main(["eval", *(places.get(word, word) for word in argv)]) == 2
    said = capsys.readouterr()
    assert message in said.err and said.err.startswith("gambol: ") and said.err.count("\n") == 1
    assert said.out == "" and list(tmp_path.iterdir()) == []


def test_tracking_is_judged_without_sampling_on_plain_mujoco(walker, played, capsys):
    assert command.main([str(walker), "--suite", "track/standard", "--seed", "3", "--json"]) == 0
    loaded, judged = played
    assert loaded == {"checkpoint": "best", "engine": "batch", "temperature": 0.0}
    assert isinstance(judged["env"], TrackEnv) and judged["env"].engine == "batch"
    assert {name: judged[name] for name in ("policy", "params", "episodes", "seed")} == {
        **{"policy": "policy", "params": "params"},
        **{"episodes": 1024, "seed": 3},
    }
    report = reports.read(walker / "eval" / "track-standard.json")
    assert (report["policy"], report["run"], report["checkpoint"]) == ("walker", "walker/today", 80)
    assert report["protocol"]["engine"] == "batch" and report["protocol"]["sampled"] is False
    *text, last = capsys.readouterr().out.splitlines()
    assert json.loads(last) == reports.summary(report)
    assert json.loads(last)["metrics"]["ee_pos_hold_cm"]["mean"] == 100
    assert any("walking/holding" in line for line in text) and any("survival" in line for line in text)
    assert [line.rpartition(".")[2] for line in text[-3:]] == ["json", "md", "png"]


def test_a_baseline_tracks_in_the_run_or_on_its_own(walker, played, tmp_path):
    common = ["--suite", "track/calm", "--episodes", "12", "--out", str(tmp_path)]
    assert command.main([str(walker), "--policy", "noop", *common]) == 0
    assert command.main(["random", *common]) == 0
    assert [judged["episodes"] for judged in played] == [12, 12]
    assert sorted(path.name for path in (tmp_path / "eval").glob("*.json")) == [
        "track-calm.json",
        "track-calm.noop.json",
    ]
    own = reports.read(tmp_path / "eval" / "track-calm.json")
    assert (own["policy"], own["run"], own["conditions"]["random"]["noise"]) == ("random", None, 0.0)


def test_reports_of_tracking_are_not_compared(walker, played, tmp_path):
    command.main(["random", "--suite", "track/calm", "--out", str(tmp_path)])
    with pytest.raises(ValueError, match="suite track/calm has no levels: only suites of levels can be compared"):
        command.main(["--compare", str(tmp_path), str(tmp_path)])


def test_two_runs_are_compared_and_the_outcome_written(tmp_path, capsys):
    for name, solved in (("a", (0, 5, 10)), ("b", (8, 15, 20))):
        reports.write(a_report(solved), tmp_path / name / "eval", "kinetix-s")
        reports.write(a_report((0, 0, 0)), tmp_path / name / "eval", "kinetix-s.random")
    a, b, out = str(tmp_path / "a"), str(tmp_path / "b" / "eval" / "kinetix-s.json"), tmp_path / "out"
    assert command.main(["--compare", a, b, "--out", str(out), "--json"]) == 0
    *text, last = capsys.readouterr().out.splitlines()
    comparison = json.loads(last)
    assert comparison["difference"]["mean"] == pytest.approx(28 / 60)
    assert any("b solves these levels more often" in line for line in text)
    assert json.loads((out / "kinetix-s.comparison.json").read_text()) == comparison
    assert "a against b" in (out / "kinetix-s.comparison.md").read_text()


def test_a_run_with_several_reports_needs_a_suite(tmp_path):
    for suite in ("kinetix/s", "kinetix/m"):
        reports.write(a_report((1, 2), suite), tmp_path / "eval", reports.stem(suite))
    with pytest.raises(ValueError, match="has reports of kinetix-m, kinetix-s: say which with --suite"):
        command.main(["--compare", str(tmp_path), str(tmp_path)])
    assert command.main(["--compare", str(tmp_path), str(tmp_path), "--suite", "kinetix/m"]) == 0


def test_reports_of_different_levels_are_refused(tmp_path):
    for name, report in (("a", a_report((1, 2))), ("b", a_report((1, 2), "kinetix/m"))):
        (tmp_path / f"{name}.json").write_text(json.dumps(report))
    with pytest.raises(ValueError, match="suite is kinetix/s in a and kinetix/m in b"):
        command.main(["--compare", str(tmp_path / "a.json"), str(tmp_path / "b.json")])


def test_a_baseline_of_other_rules_is_left_out_aloud(tmp_path, capsys):
    old = a_report((1, 2))
    old["protocol"]["steps"] = 128
    (tmp_path / "kinetix-s.random.json").write_text(json.dumps(old))
    assert command.baselines_of(a_report((1, 2)), tmp_path, "kinetix/s") == {}
    assert "kinetix-s.random.json is left out of the chart: protocol.steps is 128" in capsys.readouterr().err
