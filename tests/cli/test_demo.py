import json

import pytest
from gambol.cli import demo, main
from gambol.policies.learn.config import load_preset
from gambol.policies.learn.run import NonFiniteError, Result

LEVEL = load_preset("demo").env.levels[0]
SUITE = LEVEL.rpartition("/")[0]


def report(learned, unseen):
    def group(mean):
        return {"solve_rate": {"mean": mean, "lo": mean / 2, "hi": mean, "n": 100}}

    return {"groups": {f"{SUITE}/other_a": group(unseen), LEVEL: group(learned), f"{SUITE}/other_b": group(0.0)}}


@pytest.fixture
def staged(monkeypatch, tmp_path):
    """The demo with training and judging replaced by what they would say."""
    asked = []

    def stage(rate, interrupted=False):
        result = Result(tmp_path / "run", 1000, 1.0, {}, interrupted)
        monkeypatch.setattr(demo, "train", lambda config: asked.append(config) or result)

        def judge(options):
            asked.append(options)
            return report(0.02, 0.1) if options.policy == "random" else report(rate, 0.4)

        monkeypatch.setattr(demo.judging, "judge", judge)
        return asked

    return stage


def test_the_preset_trains_on_one_level():
    config = load_preset("demo")
    assert len(config.env.levels) == 1
    assert config.env.levels[0].count("/") == 2


def test_it_judges_the_learned_level_and_the_others(staged, capsys):
    asked = staged(0.97)
    assert demo.main(["--seed", "3", "--engine", "xla", "--json", "--out", "somewhere"]) == 0
    config, *judged = asked
    assert (config.seed, config.env.engine, config.run.out) == (3, "xla", "somewhere")
    assert [(j.suite, j.policy, j.attempts, j.video) for j in judged] == [
        (SUITE, "random", 100, False),
        (SUITE, "trained", 100, False),
        (LEVEL, "trained", 100, True),
    ]
    row = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert row["trained"]["learned_level"]["mean"] == 0.97
    assert row["trained"]["unseen_levels"] == {"mean": 0.2, "levels": 2}
    assert row["random"]["unseen_levels"]["mean"] == 0.05


def test_a_policy_that_did_not_learn_fails(staged):
    staged(0.89)
    assert demo.main([]) == 1


def test_an_interrupted_training_is_not_judged(staged, capsys):
    asked = staged(0.97, interrupted=True)
    assert demo.main([]) == 130
    assert len(asked) == 1
    assert "gambol train --resume" in capsys.readouterr().out


def test_training_that_blows_up_fails(monkeypatch, capsys):
    def explode(config):
        raise NonFiniteError("not finite after step 0: metrics.loss")

    monkeypatch.setattr(demo, "train", explode)
    assert demo.main([]) == 1
    assert capsys.readouterr().err == "gambol: not finite after step 0: metrics.loss\n"


def test_no_attempts_is_wrong_use(capsys):
    assert main.main(["demo", "--attempts", "0"]) == 2
    assert capsys.readouterr().err == "gambol: --attempts is 0: it must be at least 1\n"
