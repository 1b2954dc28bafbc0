"""The whole task on the engines that are not the default one."""

import importlib.util

import jax
import numpy as np
import pytest
from gambol.envs.track.config import TrackConfig
from gambol.envs.track.env import TrackEnv, make_track

WORLDS, STEPS = 4, 3


@pytest.fixture(autouse=True)
def quick_kernels():
    """Warp's compiler without its optimiser, which takes most of the time."""
    wp = pytest.importorskip("warp")
    before, wp.config.optimization_level = wp.config.optimization_level, 0
    yield
    wp.config.optimization_level = before


@pytest.mark.parametrize("name", ["mjx", "warp"])
def test_a_seed_gives_the_same_run_near_that_of_the_default_engine(name, env, quick):
    if name == "warp" and importlib.util.find_spec("mujoco_warp") is None:
        pytest.skip("mujoco-warp is not installed")
    other = make_track(TrackConfig(engine=name))
    assert other.engine == name
    action = np.random.default_rng(0).uniform(-1, 1, (STEPS, WORLDS, *env.spec.action_space.shape)).astype(np.float32)

    reset, step = quick(TrackEnv.reset, static_argnums=2), quick(TrackEnv.step)

    def play(env: TrackEnv, seed: int) -> list:
        state, _ = reset(env, jax.random.key(seed), WORLDS)
        found = []
        for each in action:
            state, got = step(env, state, each)
            found.append(jax.device_get((got, state.episode)))
        return found

    one, again, another = play(other, 0), play(other, 0), play(other, 1)
    jax.tree.map(np.testing.assert_array_equal, one, again)
    assert not np.array_equal(one[-1][0].observation.critic, another[-1][0].observation.critic)
    default = play(env, 0)[-1][1].physics
    np.testing.assert_allclose(one[-1][1].physics.qpos, default.qpos, atol=5e-3)
