from dataclasses import replace

import pytest
from gambol.policies.learn import config as cfg
from gambol.policies.learn.config import RunConfig, TrainConfig


def test_yaml_round_trip(tmp_path):
    base = TrainConfig()
    config = replace(
        base,
        name="été-1.2",
        seed=2**32 - 1,
        ppo=replace(base.ppo, learning_rate=1e-7, gamma=0.1 + 0.2),
        network=replace(base.network, actor=(3, 5, 7), critic=()),
        run=RunConfig(wandb_project="null", out="a: b", total_steps=1),
    )
    cfg.save_yaml(config, tmp_path / "config.yaml")
    assert cfg.load_yaml(tmp_path / "config.yaml") == config
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]


def test_what_a_file_leaves_out_has_its_default(tmp_path):
    (tmp_path / "a.yaml").write_text("ppo: {learning_rate: 1e-3, gamma: 1}\nnetwork:\n  actor: [64]\n")
    config = cfg.load_yaml(tmp_path / "a.yaml")
    expected = TrainConfig()
    assert config.ppo == replace(expected.ppo, learning_rate=0.001, gamma=1.0) and isinstance(config.ppo.gamma, float)
    assert config.network.actor == (64,) and config.run == expected.run


BAD = {
    "ppo: {learning_rat: 1}": "ppo.learning_rat is not a setting: did you mean ppo.learning_rate?",
    "sed: 1": "sed is not a setting: did you mean seed?",
    "quux: 1": "quux is not a setting: choose one of name, seed, env, network, ppo, flow, run",
    "1: 2": "1 is not a setting",
    "ppo: {worlds: 1.5}": "ppo.worlds is 1.5: expected a whole number",
    "ppo: {worlds: true}": "ppo.worlds is True: expected a whole number",
    "run: {tensorboard: 1}": "run.tensorboard is 1: expected true or false",
    "ppo: {gamma: .nan}": "ppo.gamma is nan: expected a finite number",
    "ppo: {gamma: high}": "ppo.gamma is 'high': expected a finite number",
    "name: 3": "name is 3: expected text",
    "name: ../x": "name is '../x': use letters",
    "seed: -1": "seed is -1: it must be between",
    "env: {size: xl}": "env.size is 'xl': expected s or m or l",
    "env: {levels: kinetix/s}": "env.levels is 'kinetix/s': expected a list",
    "env: {levels: [kinetix/s, 3]}": "env.levels[1] is 3: expected text",
    "ppo: 3": "ppo is 3: expected settings",
    "ppo:": "ppo is None: expected settings",
    "run: {wandb_project: 3}": "run.wandb_project is 3: expected text",
    "run: {keep_last: 0}": "run.keep_last is 0: it must be at least 1",
    "ppo: {minibatches: 3}": "ppo.minibatches is 3: worlds (128) must be divisible by it; use 2 or 4",
    "": "the file is None: expected settings",
    "[1, 2]": "the file is [1, 2]: expected settings",
    "seed: 1\nppo: {}\nseed: 2": "line 3: seed is given twice",
    "seed: [": "line 1: expected",
    "[" * 5000: "nested too deeply",
    "x: !!python/object:os.system {}": "line 1: could not determine a constructor",
    "\a": "not valid YAML",
    "seed: &a [*a]": "seed is [[...]]: expected a whole number",
    "? [a]\n: 1": "line 1: found unhashable key",
}


@pytest.mark.parametrize("text", BAD, ids=lambda text: text[:24])
def test_bad_yaml_is_one_line_naming_file_key_and_remedy(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(ValueError) as caught:
        cfg.load_yaml(path)
    message = str(caught.value)
    assert message.startswith(str(path)) and BAD[text] in message
    assert "\n" not in message and len(message) < 400


def test_a_file_that_is_no_text(tmp_path):
    (tmp_path / "a.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"a\.yaml is not a text file"):
        cfg.load_yaml(tmp_path / "a.yaml")
    with pytest.raises(OSError, match="No such file"):
        cfg.load_preset(str(tmp_path / "b.yaml"))


def test_presets_load_under_their_own_names():
    assert {"demo", "planar-m"} <= set(cfg.presets())
    for name in cfg.presets():
        assert cfg.load_preset(name).name == name
    with pytest.raises(ValueError, match=r"'dem' is neither a preset nor a .yaml file: did you mean demo\?"):
        cfg.load_preset("dem")


def test_differing_names_the_settings():
    one = TrainConfig()
    other = replace(one, seed=4, run=replace(one.run, out="x"), env=replace(one.env, levels=("a",)))
    assert cfg.differing(one, other) == ["seed", "env.levels", "run.out"] and cfg.differing(one, one) == []
