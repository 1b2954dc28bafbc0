"""A small planar run, as if it had been trained: random numbers in the place of everything that is learned."""

import itertools
import json
import os
from dataclasses import replace

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gambol.cli import train as training
from gambol.envs.contract import Observation
from gambol.envs.planar.env import PlanarConfig
from gambol.policies.learn import checkpoint, log, run, ship
from gambol.policies.learn.config import RunConfig, TrainConfig, load_preset, load_yaml
from gambol.policies.learn.ppo.config import PPOConfig
from gambol.policies.nets.config import NetworkConfig

CONFIG = TrainConfig(
    name="small",
    seed=5,
    env=PlanarConfig(size="s", levels=("kinetix/s/h0_weak_thrust",), action="continuous"),
    network=NetworkConfig(actor=(8,), critic=(4,)),
    ppo=PPOConfig(worlds=2, rollout_steps=2, minibatches=1),
)
ROWS = [{"step": 4 * i, "sps": 1.0, "loss": 1.0, "episode_return": None if i < 3 else i / 700} for i in range(700)]


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs")
    folder = run.new_run(replace(CONFIG, run=RunConfig(out=str(out))), engine="fused")
    shapes = run.shapes_of(run.build(CONFIG)[1])
    for step, score in ((640, 0.5), (1280, 0.25)):
        about = {"updates": 1, "seconds": step / 100, "metrics": {}, "recent": [], "score": score}
        checkpoint.save(folder / run.CHECKPOINTS, step, filled(shapes, seed=step), about)
    (folder / log.METRICS).write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return folder


def filled(shapes, seed):
    """Arrays of these shapes with numbers in them."""
    rng = np.random.default_rng(seed)

    def fill(leaf):
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            return jax.random.split(jax.random.key(seed), leaf.shape)
        return jnp.asarray(rng.uniform(0.5, 1.0, leaf.shape), leaf.dtype)

    return jax.tree.map(fill, shapes)


@pytest.fixture(scope="module")
def folder(run_dir, tmp_path_factory):
    place = tmp_path_factory.mktemp("pretrained") / "deep" / "small"
    ship.ship(run_dir, place)
    return place


def actions(loaded):
    space, rng = loaded.env.spec.observation_space, np.random.default_rng(0)
    seen = Observation(jnp.asarray(rng.normal(size=(16, *space.shape)), jnp.float32))
    memory = loaded.policy.initial_memory(16)
    return np.asarray(loaded.policy.act(loaded.params, memory, seen, jax.random.key(3))[0])


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_shipped_policy_acts_as_that_of_the_run_to_the_last_bit(run_dir, folder, temperature):
    ours, theirs = (run.load_policy(place, temperature=temperature) for place in (run_dir, folder))
    assert ours.step == theirs.step == 640
    assert jax.tree.structure(ours.params) == jax.tree.structure(theirs.params)
    assert actions(ours).tobytes() == actions(theirs).tobytes() and np.ptp(actions(ours)) > 0
    assert actions(ours).tobytes() != actions(run.load_policy(run_dir, 1280, temperature=temperature)).tobytes()


def test_the_folder_is_small_and_says_where_it_comes_from(run_dir, folder):
    assert sorted(file.name for file in folder.iterdir()) == [
        *("config.yaml", "curves.png", "metrics.jsonl", "policy.npz", "run.json")
    ]
    assert [path.name for path in folder.parent.iterdir()] == ["small"]
    trained = load_yaml(run_dir / "config.yaml")
    assert load_yaml(folder / "config.yaml") == replace(trained, run=replace(trained.run, out="runs"))
    assert trained.run.out != "runs" and str(run_dir.parent) not in (folder / "config.yaml").read_text()
    about, made = (json.loads((place / "run.json").read_text()) for place in (folder, run_dir))
    extra = {"seed": 5, "steps": 640, "seconds": 6.4, "command": f"gambol train {folder}/config.yaml"}
    assert about == made | extra and made["engine"] == "fused" and {"commit", "versions"} <= made.keys()


def test_the_training_curve_is_thinned_evenly(folder):
    rows = log.read_rows(folder / "metrics.jsonl")
    assert len(rows) == 300 and rows[0] == ROWS[0] and rows[-1] == ROWS[-1]
    assert {b["step"] - a["step"] for a, b in itertools.pairwise(rows)} == {8, 12}
    assert ship.thinned(ROWS[:300]) == ROWS[:300] and ship.thinned([]) == []


def test_the_curves_show_what_was_logged_of_episodes(folder):
    image = cv2.imread(str(folder / "curves.png"))
    assert (image == (0x7B, 0x50, 0x12)).all(-1).any()
    rows = [{"step": i, "loss": 1.0, **{f"episode_{k}": 0.0 for k in range(9)}, "step_reward_x": 0} for i in (0, 9)]
    taller = cv2.imdecode(np.frombuffer(ship.draw(rows, "many", 9), np.uint8), cv2.IMREAD_COLOR)
    assert taller.shape[0] - image.shape[0] == pytest.approx(2 * 180, abs=2)
    losses = [{"step": i, "updates": i, "loss": 1.0, "held_out_loss": 2.0} for i in (0, 9)]
    assert ship.draw(losses, "flow", 9) != ship.draw(losses[:1], "flow", 9)
    assert ship.draw([], "none", 0).startswith(b"\x89PNG")


def test_another_checkpoint_may_be_chosen(run_dir, tmp_path):
    assert ship.ship(run_dir, tmp_path / "a", "latest")["steps"] == 1280
    assert ship.ship(run_dir, tmp_path / "b", 1280)["seconds"] == 12.8
    latest, named = ((tmp_path / name / "policy.npz").read_bytes() for name in "ab")
    assert latest == named


def test_a_shipped_policy_has_no_other_checkpoints(folder):
    assert run.load_policy(folder, "latest").step == run.load_policy(folder, 640).step == 640
    with pytest.raises(ValueError, match="is a shipped policy, of step 640 alone: it has no checkpoint 1280"):
        run.load_policy(folder, 1280)
    with pytest.raises(ValueError, match="is a shipped policy: copy the folder"):
        ship.ship(folder, folder.with_name("again"))


def test_settings_that_do_not_fit_the_parameters_are_refused(folder, tmp_path):
    for name in ("policy.npz", "run.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    run.save_yaml(replace(CONFIG, network=NetworkConfig(actor=(9,), critic=(4,))), tmp_path / "config.yaml")
    with pytest.raises(ValueError, match=r"policy.npz does not fit its configuration: actor\..* is needed"):
        run.load_policy(tmp_path)


def test_nothing_is_left_of_what_cannot_be_shipped(run_dir, tmp_path, monkeypatch):
    monkeypatch.setattr(ship, "MOST_BYTES", 10_000)
    with pytest.raises(ValueError, match=r"small would have 0\.\d MB: a shipped policy has at most 0.01 MB"):
        ship.ship(run_dir, tmp_path / "small")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ship, "draw", full)
    with pytest.raises(OSError, match="No space"):
        ship.ship(run_dir, tmp_path / "small")
    assert os.listdir(tmp_path) == []


def test_what_cannot_be_a_source_or_a_place(run_dir, folder, tmp_path):
    with pytest.raises(ValueError, match="small exists: remove it, or choose another name with -o"):
        ship.ship(run_dir, folder)
    with pytest.raises(ValueError, match="nowhere is not a run"):
        ship.ship(tmp_path / "nowhere", tmp_path / "new")
    with pytest.raises(ValueError, match=r"has no checkpoint 7: choose one of \[640, 1280\]"):
        ship.ship(run_dir, tmp_path / "new", 7)
    (tmp_path / "run.json").write_text("[]")
    with pytest.raises(ValueError, match=r"has no readable run\.json"):
        ship.made_with(tmp_path)
    assert not (tmp_path / "new").exists()


def test_the_engine_of_the_run_need_not_run_here(run_dir, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(ship, "load_run", lambda folder: replace(CONFIG, env=replace(CONFIG.env, engine="fused")))
    ship.ship(run_dir, tmp_path / "new", build=lambda config: asked.append(config.env.engine) or run.build(config))
    assert asked == ["auto"] and load_yaml(tmp_path / "new" / "config.yaml").env.engine == "fused"


def test_the_command_trains_the_same_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    preset = load_preset("demo")
    elsewhere = replace(preset, seed=9, run=replace(preset.run, out="elsewhere"))
    changed = replace(preset, ppo=replace(preset.ppo, gamma=0.5))
    for config, line in (
        (preset, "gambol train demo"),
        (elsewhere, "gambol train demo --seed 9"),
        (changed, "gambol train bundles/x/config.yaml"),
    ):
        place = tmp_path / "bundles" / "x"
        assert ship.command(config, place) == line
        place.mkdir(parents=True, exist_ok=True)
        run.save_yaml(config, place / "config.yaml")
        again = training.parse(line.split()[2:]).config
        assert replace(again, run=config.run) == config
