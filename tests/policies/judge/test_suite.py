"""Suites of tracking: what they settle, and what they leave to the policy. Suites of levels are in test_planar."""

from dataclasses import fields, replace

import jax
import numpy as np
import pytest
from gambol.envs.planar.env import PlanarConfig
from gambol.envs.track import randomise
from gambol.envs.track.config import (
    CommandConfig,
    CurriculumConfig,
    GaitConfig,
    GoalConfig,
    RandomConfig,
    TrackConfig,
)
from gambol.envs.track.env import make_track
from gambol.policies.judge.suite import JUDGED, NOTHING_RANDOM, TRACK_SUITES, config_for, for_suite, judged, task_of
from gambol.sim.legged import world
from gambol.sim.legged.robot import RobotConfig
from gambol.sim.legged.terrain import TerrainConfig

KEPT = {"task", "robot", "engine", "timestep", "decimation", "arm", "history", "gait", "reward"}
"""Settings that shape what the policy sees and does, or that judge nothing."""
EASY = TrackConfig(
    robot=RobotConfig(leg_kp=160.0),
    terrain=TerrainConfig(size=30.0),
    arm="policy",
    decimation=5,
    command=CommandConfig(forward=(0.0, 0.1)),
    goal=GoalConfig(turn=0.0),
    gait=GaitConfig(frequency=1.5),
    random=RandomConfig(noise=0.0),
    curriculum=CurriculumConfig(steps=1000),
    episode_seconds=2.0,
    most_tilt=3.0,
    least_height=0.01,
)
"""A curriculum's first lesson."""


def test_every_setting_is_the_judges_or_the_policys():
    """A new setting of the task belongs into one of the two."""
    assert {f.name for f in fields(TrackConfig)} == KEPT | set(JUDGED)


@pytest.mark.parametrize("suite", TRACK_SUITES)
def test_a_suite_settles_what_is_the_judges_and_nothing_else(suite):
    found, standard = judged(EASY, suite), TrackConfig()
    for name in KEPT:
        assert getattr(found, name) == getattr(EASY, name), name
    for name in set(JUDGED) - set(TRACK_SUITES[suite]):
        assert getattr(found, name) == getattr(standard, name), name
    assert found.episode_seconds == 10.0 and judged(found, suite) == found


def test_what_the_suites_are_about():
    rough, pushed = judged(EASY, "track/rough"), judged(EASY, "track/pushed")
    assert rough.terrain == TerrainConfig(kind="rough") and rough.random == RandomConfig()
    assert (pushed.random.push_period, pushed.random.push) == (2.0, 1.0)
    assert replace(pushed.random, push_period=8.0, push=0.5, push_standing=2.5) == RandomConfig()
    # Nowhere are pushes weaker than in the standard suite.
    assert pushed.random.push * pushed.random.push_standing >= RandomConfig().push * RandomConfig().push_standing


def test_in_the_calm_suite_every_world_is_the_model():
    built = world.build(RobotConfig(), TerrainConfig(), 0.005)
    drawn = randomise.draw(NOTHING_RANDOM, built, jax.random.key(0), 3)
    assert not drawn.action_late.any() and not drawn.observation_late.any()
    for place, values in zip(randomise.fields(built), randomise.values(built, drawn), strict=True):
        np.testing.assert_allclose(values, np.tile(place.nominal(built.model), (3, 1)), rtol=1e-6, err_msg=place.name)
    still = jax.numpy.ones((3, 2))
    assert randomise.push(NOTHING_RANDOM, jax.random.key(1), still[:, 0], still[:, 0] > 0, still, 0.02) is still
    # What is drawn elsewhere: nothing is left between two ends.
    ranges = [value for value in vars(NOTHING_RANDOM).values() if isinstance(value, tuple)]
    assert all(low == high for low, high in ranges) and len(ranges) == 7
    rest = {name: value for name, value in vars(NOTHING_RANDOM).items() if not isinstance(value, tuple)}
    assert {name for name, value in rest.items() if value} <= {"push", "push_standing"}


def test_the_env_of_a_suite_has_the_policys_senses_and_deeds():
    env, trained = for_suite(replace(EASY, engine="batch"), "track/rough").spec, make_track(EASY).spec
    assert (env.max_steps, trained.max_steps) == (400, 80) and env.control_dt == trained.control_dt
    assert env.action_terms == trained.action_terms and env.observation_terms == trained.observation_terms


def test_a_baseline_gets_the_tasks_own_settings():
    assert config_for("track/pushed") == TrackConfig()
    assert config_for("kinetix/l") == PlanarConfig(size="l")


@pytest.mark.parametrize(
    ("suite", "hint"),
    [
        ("track", "use one of track/standard, track/rough, track/pushed, track/abrupt, track/calm"),
        ("track/everything", "use one of track/standard"),
        ("track/standrad", r"did you mean track/standard\?"),
        ("trak/rough", r"did you mean track/rough\?"),
    ],
)
def test_what_is_nearly_a_suite_is_named(suite, hint):
    with pytest.raises(ValueError, match=f"there is no suite '{suite}': {hint}"):
        task_of(suite)


def test_a_folder_of_levels_may_have_any_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "trak" / "rough").mkdir(parents=True)
    assert task_of("trak/rough") == "planar"


def test_a_suite_of_another_task_is_refused():
    with pytest.raises(ValueError, match="suite track/calm is for the task track and the policy is for planar: use a"):
        for_suite(PlanarConfig(size="s"), "track/calm")
    with pytest.raises(ValueError, match="suite kinetix/s is for the task planar and the policy is for track: use one"):
        for_suite(TrackConfig(), "kinetix/s")
