"""A run that learns from datasets: from the folder to a policy that acts."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gambol.envs.contract import Observation
from gambol.envs.planar.env import PlanarConfig
from gambol.policies.data.recording import Recording
from gambol.policies.data.write import write
from gambol.policies.learn.config import RunConfig, TrainConfig, load_yaml
from gambol.policies.learn.flow.build import load
from gambol.policies.learn.flow.config import FlowLearning
from gambol.policies.learn.ppo.config import PPOConfig
from gambol.policies.learn.run import load_policy, train
from gambol.policies.learn.ship import ship
from gambol.policies.nets.flow.mixer import MixerConfig

SEEN = 140
"""Numbers in the flat observation of size S."""
MIXER = MixerConfig(horizon=4, depth=1, channels=16, channel_mlp=16, token_mlp=8, steps=2)


def recording(fps=30, shift=0.0, seen=SEEN, steps=40):
    noise = np.random.default_rng(0)
    return Recording(
        fps,
        {
            "observation.state": (shift + noise.normal(size=(steps, seen))).astype(np.float32),
            "action": noise.uniform(-1, 1, (steps, 6)).astype(np.float32),
        },
        np.repeat([0, 1], steps // 2),
        ("a", "b"),
    )


@pytest.fixture
def config(tmp_path):
    write(recording(), tmp_path / "set")
    env = PlanarConfig(size="s", levels=("kinetix/s/h6_unicycle_right",), action="continuous", engine="xla")
    flow = FlowLearning((str(tmp_path / "set"),), mixer=MIXER, batch=8, warm_up=1, held_out=0.5)
    run = RunConfig(total_steps=24, checkpoint_every=2, out=str(tmp_path / "runs"), tensorboard=False)
    return TrainConfig("flow", env=env, flow=flow, run=run)


def test_from_data_to_a_policy(config, tmp_path):
    result = train(config)
    assert result.step == 24 and result.metrics["loss"] > 0 and result.metrics["held_out_loss"] > 0
    assert load_yaml(result.run_dir / "config.yaml") == config
    (tmp_path / "set").rename(tmp_path / "elsewhere")  # what was learned needs no data
    loaded = load_policy(result.run_dir)
    action, _ = loaded.policy.act(
        loaded.params, loaded.policy.initial_memory(2), Observation(jnp.ones((2, SEEN))), jax.random.key(0)
    )
    assert action.shape == (2, 6) and (jnp.abs(action) <= 1).all()

    about = ship(result.run_dir, tmp_path / "shipped")
    assert about["steps"] == 24 and (tmp_path / "shipped" / "curves.png").is_file()
    shipped = load_policy(tmp_path / "shipped")
    jax.tree.map(np.testing.assert_array_equal, shipped.params, loaded.params)

    write(recording(shift=50.0), tmp_path / "set")
    longer = replace(config, run=replace(config.run, total_steps=48))
    with pytest.raises(ValueError, match="spans off the statistics"):
        train(longer, result.run_dir, resume=True)


def test_datasets_are_joined(tmp_path):
    for name in "ab":
        write(recording(), tmp_path / name)
    found = load([str(tmp_path / name) for name in "ab"], 30)
    assert found.last.tolist() == [19] * 20 + [39] * 20 + [59] * 20 + [79] * 20


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (None, "flow.data names no dataset"),
        (recording(fps=50), "has 50 steps per second, the task 30"),
        (recording(seen=3), "shows"),
        (replace(recording(), arrays={"observation.state": np.zeros((40, SEEN))}), "has no array 'action'"),
    ],
)
def test_data_that_do_not_fit_are_refused(tmp_path, other, message):
    folders = []
    if other is not None:
        for name, one in (("a", recording()), ("b", other)):
            write(one, tmp_path / name)
            folders.append(str(tmp_path / name))
    with pytest.raises(ValueError, match=message):
        load(folders, 30)


def test_a_run_has_one_way_of_learning(config):
    with pytest.raises(ValueError, match="leave out network and ppo"):
        replace(config, ppo=PPOConfig(worlds=8))
