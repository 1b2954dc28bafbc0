"""One function for the env of any config, from Python or from YAML."""

from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import yaml
from gambol.envs.contract import Env
from gambol.envs.make import make_env, with_engine
from gambol.envs.planar.env import PlanarConfig, PlanarEnv
from gambol.envs.track.config import TrackConfig
from gambol.envs.track.env import TrackEnv
from gambol.policies.learn.config import load_preset, load_yaml

WORLDS, STEPS = 4, 60
LEGS = ("LF", "RF", "LH", "RH")
QUADRUPED = {
    "task": "track",
    "robot": {
        "model": str(Path(__file__).parents[1] / "sim" / "legged" / "quadruped.xml"),
        "base": "torso",
        "leg_joints": [f"{leg}_{part}" for leg in LEGS for part in ("abduct", "upper", "lower")],
        "arm_joints": [],
        "gripper_joints": [],
        "feet": [f"{leg}_foot" for leg in LEGS],
        "bumpers": ["torso"],
        "default_pose": [0.0, 0.7, -1.4] * 4,
        "leg_kp": 40.0,
        "leg_kd": 1.0,
        "standing_height": 0.326,
    },
    "random": {"base_mass": [0.0, 1.0], "base_centre": [-0.02, 0.02]},
    "least_height": 0.1,
}
"""The settings that make the task that of another robot."""


@pytest.fixture
def written(tmp_path):
    """Settings of an env, read back from a YAML file."""

    def write(**env):
        path = tmp_path / "run.yaml"
        path.write_text(yaml.safe_dump({"env": env}))
        return load_yaml(path).env

    return write


def test_a_config_makes_the_env_of_its_task():
    planar = make_env(PlanarConfig(size="s", levels=("kinetix/s/h0_weak_thrust",)))
    track = make_env(load_preset("track-b1z1-quick").env)
    assert isinstance(planar, PlanarEnv) and isinstance(track, TrackEnv)
    assert isinstance(track, Env) and track.spec.name == "track"
    assert track.engine == "batch" or jax.default_backend() != "cpu"


def test_the_engine_of_any_task_can_be_set():
    config = TrackConfig()
    assert with_engine(config, None) is config
    assert with_engine(config, "batch") == replace(config, engine="batch")
    assert with_engine(PlanarConfig(), "xla").engine == "xla"
    with pytest.raises(ValueError, match=r"^env\.engine is 'xla': use 'auto' or 'batch' or 'mjx' or 'warp'$"):
        with_engine(config, "xla")
    with pytest.raises(ValueError, match=r"^[^\n]*engine[^\n]*'warp'[^\n]*$"):
        with_engine(PlanarConfig(), "warp")


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"robot": {"legs": 4}}, "env.robot.legs is not a setting"),
        ({"random": {"push": "hard"}}, "env.random.push is 'hard'"),
        ({"random": {"friction": [1.0]}}, "env.random.friction"),
        ({"reward": {"walk": 1.0}}, "env.reward.walk is not a setting"),
        ({"engine": "bullet"}, "env.engine is 'bullet'"),
        ({"terrain": {"kind": "wet"}}, "env.terrain.kind is 'wet'"),
    ],
)
def test_a_wrong_setting_of_a_file_is_refused_in_one_line(written, wrong, complaint):
    with pytest.raises(ValueError, match=r"^[^\n]+$") as error:
        written(task="track", **wrong)
    assert complaint in str(error.value)


def test_another_robot_walks_by_its_description_alone(written):
    """A quadruped without an arm: nothing of one in what it sees and earns, and its drives obey."""
    env = make_env(written(**QUADRUPED))
    spec = env.spec
    robot, joints = env.world.robot, 12
    assert spec.action_terms[0].names == robot.names and len(spec.action_terms) == 1
    assert spec.reward_channels == ()
    names = {term.name for term in spec.observation_terms["critic"]}
    assert not names & {"goal_position", "goal_rotation", "ee_position_error", "ee_rotation_error"}
    assert not {"reward_ee_position", "reward_ee_rotation"} & set(spec.metrics)
    actions = np.zeros((STEPS, WORLDS, joints), np.float32)
    actions[30:, 1, 5] = 1.0

    def run():
        state, first = env.reset(jax.random.key(0), WORLDS)
        return first, jax.lax.scan(lambda state, action: env.step(state, action), state, jnp.asarray(actions))

    first, (state, got) = jax.jit(run, compiler_options={"xla_backend_optimization_level": 0})()
    assert first.policy.shape == (WORLDS, *spec.observation_space.shape)
    assert got.rewards is None
    terms = [value for name, value in got.metrics.items() if name.startswith("reward_")]
    np.testing.assert_allclose(got.reward, sum(terms), atol=1e-5)
    assert all(np.isfinite(x).all() for x in jax.tree.leaves((state.episode, got)))
    assert set(got.metrics) == set(spec.metrics)
    assert not got.done.any()
    assert (np.asarray(got.metrics["height"])[-1] > 0.25).all()
    bent = np.asarray(state.episode.physics.qpos)[:, robot.qpos]
    moved = bent[1, 5] - bent[[0, 2, 3], 5]
    np.testing.assert_allclose(moved, robot.action_scale[5], atol=0.15)
