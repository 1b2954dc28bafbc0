import json

import pytest
from gambol.cli import arguments, main, train
from gambol.policies.learn.config import TrainConfig, load_preset, presets, save_yaml
from gambol.policies.learn.run import NonFiniteError, Result


@pytest.fixture
def called(monkeypatch, tmp_path):
    """Arguments that the run loop was called with, in place of calling it."""
    calls = []

    def fake(config, run_dir, resume):
        calls.append((config, run_dir, resume))
        row = {"step": 128, "sps": 10.0, "success_rate": 0.5, "episode_return": None}
        return Result(tmp_path / "run", 128, 12.5, row, interrupted=config.name == "stopped")

    monkeypatch.setattr(train, "train", fake)
    return calls


def test_a_preset_with_overrides(called, capsys):
    argv = ["demo", "--ppo.learning-rate", "1e-3", "--env.levels", "a", "b", "--run.no-tensorboard", "--seed", "7"]
    assert train.main(argv) == 0
    ((config, run_dir, resume),) = called
    preset = load_preset("demo")
    assert (config.ppo.learning_rate, config.env.levels, config.seed) == (1e-3, ("a", "b"), 7)
    assert not config.run.tensorboard and config.network == preset.network and (run_dir, resume) == (None, False)
    out = capsys.readouterr().out
    assert "solved 50.0%" in out and out.rstrip().endswith("run")


def test_the_engine_has_a_short_name(called, tmp_path):
    save_yaml(TrainConfig(name="mine"), tmp_path / "config.yaml")
    assert train.main(["demo", "--engine", "xla"]) == train.main(["demo", "--env.engine", "xla"]) == 0
    assert train.main(["--resume", str(tmp_path), "--engine", "fused"]) == train.main(["demo"]) == 0
    assert [config.env.engine for config, *_ in called] == ["xla", "xla", "fused", "auto"]


def test_json_is_the_last_line(called, capsys, tmp_path):
    assert train.main(["demo", "--json"]) == 0
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert list(last) == ["run", "steps", "seconds", "metrics"]
    assert (last["run"], last["steps"], last["seconds"]) == (str(tmp_path / "run"), 128, 12.5)
    assert last["metrics"]["success_rate"] == 0.5


def test_resume_takes_the_settings_of_the_run(called, tmp_path):
    config = TrainConfig(name="mine", seed=5)
    save_yaml(config, tmp_path / "config.yaml")
    assert train.main(["--resume", str(tmp_path), "--run.total-steps", "9"]) == 0
    ((found, run_dir, resume),) = called
    assert (found.name, found.seed, found.run.total_steps) == ("mine", 5, 9) and (run_dir, resume) == (tmp_path, True)


def test_a_stopped_run_says_how_to_go_on(called, capsys, tmp_path):
    assert train.main(["demo", "--name", "stopped"]) == 130
    assert f"gambol train --resume {tmp_path / 'run'}" in capsys.readouterr().out


def test_a_number_that_is_not_finite_is_exit_code_1(monkeypatch, capsys):
    def fail(*args, **settings):
        raise NonFiniteError("not finite after step 9: metrics.loss")

    monkeypatch.setattr(train, "train", fail)
    assert main.main(["train", "demo"]) == 1
    assert capsys.readouterr().err == "gambol: not finite after step 9: metrics.loss\n"


WRONG = {
    "": f"name a preset first ({', '.join(presets())}, or a .yaml file), like: gambol train demo",
    "dem": "'dem' is neither a preset nor a .yaml file: did you mean demo?",
    "nowhere.yaml": "nowhere.yaml: No such file or directory",
    "demo --ppo.learning-rat 1": "Unrecognized options: --ppo.learning-rat, 1; did you mean --ppo.learning-rate?",
    "demo --quux": "Unrecognized options: --quux; see --help",
    "demo --ppo.worlds many": "--ppo.worlds: invalid literal for int() with base 10: 'many'",
    "demo --ppo.minibatches 3": "ppo.minibatches is 3: worlds (128) must be divisible by it; use 2 or 4",
    "demo --ppo.worlds 0": "ppo.worlds is 0: it must be at least 1",
    "demo --env.size xl": "invalid choice 'xl' for argument '--env.size'. Expected one of ('s', 'm', 'l')",
    "track-b1z1-quick --env.goal.height nan": "env.goal.height is nan: expected a finite number",
    "demo --resume runs/x": "--resume takes the settings of the run: leave out 'demo'",
    "--resume runs/x": "runs/x is not a run: no such folder",
}


@pytest.mark.parametrize("line", WRONG)
def test_wrong_use_is_one_line_and_exit_code_2(line, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main.main(["train", *line.split()]) == 2
    err = capsys.readouterr().err
    assert err.startswith("gambol: ") and WRONG[line] in err and err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_help_has_examples_and_every_setting(capsys):
    with pytest.raises(SystemExit) as stop:
        main.main(["train", "demo", "--help"])
    assert stop.value.code == 0
    out = capsys.readouterr().out
    for words in (
        "gambol train demo --ppo.learning-rate 1e-3",
        "--resume",
        "--env.levels",
        "--network.actor",
        "--json",
    ):
        assert words in out


def test_one_line_of_a_box_whatever_its_width(monkeypatch):
    for columns in ("40", "200"):
        monkeypatch.setenv("COLUMNS", columns)
        with pytest.raises(ValueError) as caught:
            arguments.read(TrainConfig, ["--ppo.learning-rat", "1"], default=TrainConfig())
        assert str(caught.value) == "Unrecognized options: --ppo.learning-rat, 1; did you mean --ppo.learning-rate?"
