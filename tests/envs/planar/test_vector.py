import subprocess
import sys
import warnings
from importlib.metadata import entry_points

import gymnasium
import jax
import numpy as np
import pytest
from gambol.envs.planar import PlanarGymEnv, PlanarVectorEnv
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers.vector import DictInfoToList, RecordEpisodeStatistics

SETTINGS = {"max_steps": 3, "levels": ("kinetix/s/h4_thrust_aim", "kinetix/s/h6_unicycle_right")}
WORLDS = 4


@pytest.fixture(scope="module")
def vector():
    return gymnasium.make_vec("gambol/planar-s-v0", num_envs=WORLDS, **SETTINGS)


def play(env, seed, steps):
    env.action_space.seed(seed)
    got = [env.reset(seed=seed)]
    return got + [env.step(env.action_space.sample()) for _ in range(steps)]


def assert_same(a, b):
    flat_a, shape_a = jax.tree.flatten(a)
    flat_b, shape_b = jax.tree.flatten(b)
    assert shape_a == shape_b
    for x, y in zip(flat_a, flat_b, strict=True):
        if isinstance(x, np.ndarray) and x.dtype.hasobject:
            assert_same(list(x), list(y))
        else:
            np.testing.assert_array_equal(x, y)


def test_registering_imports_no_jax_and_is_enough_to_make_the_task():
    code = (
        "import sys, gambol.envs.planar; assert 'jax' not in sys.modules;"
        "import gymnasium; print(gymnasium.make_vec('gambol/planar-m-v0', num_envs=4))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "PlanarVectorEnv(gambol/planar-m-v0, num_envs=4)\n"
    assert told.stderr == ""


def test_the_entry_point_registers_the_task():
    (entry,) = [e for e in entry_points(group="gymnasium.envs") if e.value.startswith("gambol.")]
    entry.load()()
    assert "gambol/planar-l-v0" in gymnasium.registry


def test_spaces_and_mode(vector):
    assert isinstance(vector, PlanarVectorEnv)
    assert vector.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    assert vector.observation_space.shape == (WORLDS, 140)
    assert vector.single_action_space == gymnasium.spaces.MultiDiscrete([3, 3, 3, 3, 2, 2])
    for observation, *_ in play(vector, 0, 4):
        assert observation in vector.observation_space


def test_seeded_runs_are_identical_and_others_are_not(vector):
    once, again, other = play(vector, 7, 8), play(vector, 7, 8), play(vector, 8, 8)
    assert_same(once, again)
    assert not np.array_equal(once[0][0], other[0][0])


def test_every_reset_after_a_seed_is_fixed_too(vector):
    vector.reset(seed=3)
    second = [vector.reset()[0] for _ in range(6)]
    vector.reset(seed=3)
    assert_same(second, [vector.reset()[0] for _ in range(6)])
    assert any(not np.array_equal(second[0], x) for x in second)


def test_info_has_the_form_of_gymnasiums_own_vector_env(vector):
    peer = SyncVectorEnv([lambda: PlanarGymEnv("s", **SETTINGS)] * WORLDS, autoreset_mode=AutoresetMode.SAME_STEP)
    ours, theirs = play(vector, 1, 4), play(peer, 1, 4)
    for got, expected in zip(ours, theirs, strict=True):
        assert_same_form(got[-1], expected[-1])
        for x, y in zip(got[:-1], expected[:-1], strict=True):
            assert x.shape == y.shape and x.dtype.kind == y.dtype.kind


def assert_same_form(ours, theirs):
    assert ours.keys() == theirs.keys()
    for name, expected in theirs.items():
        if isinstance(expected, dict):
            assert_same_form(ours[name], expected)
        else:
            assert (ours[name].dtype, ours[name].shape) == (expected.dtype, expected.shape), name
            if name.startswith("_"):
                np.testing.assert_array_equal(ours[name], expected)


def test_the_last_observation_is_handed_over_at_the_end(vector):
    observation, _, terminated, truncated, info = play(vector, 2, 3)[-1]
    assert (terminated | truncated).all()
    assert info.keys() == {"final_obs", "_final_obs", "final_info", "_final_info"}
    for world in range(WORLDS):
        assert info["final_obs"][world] in vector.single_observation_space
        assert not np.array_equal(info["final_obs"][world], observation[world])


def test_gymnasiums_wrappers_read_it(vector):
    wrapped = DictInfoToList(RecordEpisodeStatistics(vector))
    infos = play(wrapped, 0, 3)[-1][-1]
    assert [info["episode"]["l"] for info in infos] == [3] * WORLDS


def test_gymnasiums_checker_passes_without_a_word():
    env = gymnasium.make("gambol/planar-s-v0", levels=SETTINGS["levels"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped)


def test_entity_observations_are_dicts_of_arrays():
    env = PlanarGymEnv("s", observation="entity", levels=SETTINGS["levels"])
    observation, _ = env.reset(seed=0)
    assert observation in env.observation_space


def test_pictures(vector):
    env = PlanarVectorEnv(2, "s", render_mode="rgb_array", **SETTINGS)
    assert env.render() is None
    env.reset(seed=0)
    frames = env.render()
    assert len(frames) == 2 and all(frame.dtype == np.uint8 and frame.shape[2] == 3 for frame in frames)


def test_a_single_world_waits_for_reset():
    env = PlanarGymEnv("s", render_mode="rgb_array", **SETTINGS)
    ended = play(env, 0, 3)[-1]
    assert ended[3] and isinstance(env.render(), np.ndarray)
    with pytest.raises(ResetNeeded):
        env.step(env.action_space.sample())


def test_misuse_is_refused(vector):
    with pytest.raises(ResetNeeded):
        PlanarVectorEnv(1, "s", **SETTINGS).step(np.zeros((1, 6)))
    with pytest.raises(ValueError, match="num_envs is 0"):
        PlanarVectorEnv(0)
    with pytest.raises(ValueError, match=r"env.levels is 'kinetix/s'"):
        PlanarVectorEnv(1, "s", levels="kinetix/s")
    with pytest.raises(ValueError, match="render_mode is 'human'"):
        PlanarVectorEnv(1, render_mode="human")
    with pytest.raises(ValueError, match="'reset_mask'"):
        vector.reset(options={"reset_mask": np.ones(WORLDS, bool)})
    vector.reset()
    with pytest.raises(ValueError, match=r"actions have shape \(4, 2\)"):
        vector.step(np.zeros((WORLDS, 2)))
