"""Films against what the state says: where the markers are, who is in the middle, how long it takes."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest
from gambol.envs.contract import Observation, Step
from gambol.envs.planar.env import PlanarConfig, make_planar
from gambol.envs.track.config import TrackConfig
from gambol.envs.track.env import make_track
from gambol.policies.judge import film as films
from gambol.policies.judge.baselines import random_policy
from gambol.policies.judge.film import film, painting
from gambol.policies.judge.gl import choose_gl
from gambol.policies.judge.player import Now, Player, make_player

METRICS = {"forward_error": 0.12, "yaw_error": 0.34, "ee_error": 0.056, "ee_angle": 0.1, "fell": 0.0}


@pytest.fixture(scope="module")
def env():
    try:
        choose_gl()
    except ValueError as reason:
        pytest.skip(str(reason))
    return make_track(TrackConfig(engine="batch"))


@pytest.fixture
def paint(env):
    with painting(env) as paint:
        yield lambda state: paint(state, METRICS).astype(int)


def but(state, **parts):
    return replace(state, episode=replace(state.episode, **parts))


def at(state, x, y):
    physics = state.episode.physics
    return but(state, physics=replace(physics, qpos=physics.qpos.at[0, :2].set(jnp.array([x, y]))))


def told(state, forward):
    return but(state, command=replace(state.episode.command, velocity=jnp.array([[forward, 0.0]])))


def goal_at(state, radius, pitch, yaw):
    place = jnp.array([[radius, pitch, yaw, 0, 0, 0]])
    return but(state, goal=replace(state.episode.goal, start=place, end=place))


def strong(image, channel):
    """Pixels [n, 2] that are of one colour alone."""
    others = np.delete(image, channel, axis=2).max(2)
    return np.argwhere(image[..., channel] - others > 100)


def test_the_goal_is_drawn_where_it_is(env, standing, paint):
    high, low = (paint(goal_at(standing(env), 0.7, pitch, 0.0)) for pitch in (0.6, -0.4))
    for colour in (0, 1):  # red and green bars
        assert strong(high, colour)[:, 0].mean() < strong(low, colour)[:, 0].mean() - 60
    near, far = (paint(goal_at(standing(env), 0.6, 0.0, yaw)) for yaw in (-0.8, 0.8))
    assert len(strong(near, 1)) > len(strong(far, 1)) > 20  # the camera stands on the robot's right


def test_the_camera_follows_the_robot(env, standing, paint):
    here, there = paint(standing(env)), paint(at(standing(env), 20.0, -8.0))
    # Tiles are two by two metres, so the ground looks the same too.
    assert here.shape == (480, 720, 3) and here.std() > 20
    assert np.abs(here - there).mean() < 4
    aside = paint(at(standing(env), 20.3, -8.0))
    assert np.abs(aside - there).mean() > 4  # it goes after small steps slowly, and jumps only after a reset


def test_an_arrow_shows_the_speed_told(env, standing, paint):
    still, fast, slow = (strong(paint(told(standing(env), forward)), 2) for forward in (0.0, 0.8, 0.3))
    assert len(still) + 30 < len(slow) < len(fast) - 30  # the goal's own blue bar is there all the time


def test_the_line_below_says_how_it_goes(env, standing, monkeypatch):
    lines = []
    monkeypatch.setattr(films, "captioned", lambda image, text: lines.append(text) or image)
    with painting(env) as paint:
        paint(told(standing(env), 0.5), METRICS)
        paint(told(standing(env), 0.5), METRICS | {"fell": 1.0})
    told_, fell = lines
    assert told_ == "told +0.50 m/s, off 0.12   told +0.00 rad/s, off 0.34   goal off 5.6 cm, 6 deg"
    assert fell == f"{told_}   FELL"


def test_a_robot_without_an_arm_has_no_goal(env, armless, standing):
    with painting(armless) as paint:
        image = paint(standing(armless), METRICS).astype(int)
    assert image.std() > 20 and not any(len(strong(image, colour)) for colour in range(3))


@pytest.mark.parametrize("camera", ["behind", "facing", "above", "front", "wrist"])
def test_every_camera_sees_something_else(env, standing, paint, camera):
    with painting(env, camera) as other:
        image = other(standing(env), METRICS).astype(int)
    assert image.std() > 5 and np.abs(image - paint(standing(env))).mean() > 10


def test_an_unknown_camera_is_refused_by_name(env):
    with (
        pytest.raises(ValueError, match="camera is 'left': use one of side, behind, facing, above, front, wrist"),
        painting(env, "left"),
    ):
        pass


@pytest.mark.parametrize(("dt", "seconds", "frames", "rate"), [(0.02, 1, 25, 25), (0.1, 1, 10, 10), (0.02, 0, 1, 25)])
def test_a_film_lasts_as_long_as_asked(dt, seconds, frames, rate):
    class Clock:
        spec = type("Spec", (), {"control_dt": dt})

    def step(now, wish=None):
        count = now.state + 1
        none, no = Observation(count), jnp.zeros(1, bool)
        return Now(count, none, None, now.key), Step(none, count, no, no, none, {"count": count[None]})

    player = Player(lambda seed: Now(jnp.float32(seed), Observation(0), None, None), step)
    pictures, found = film(Clock(), player, 5, seconds, lambda state, metrics: (float(state), metrics["count"]))
    shown = list(pictures)
    every = round(1 / (rate * dt))
    assert found == pytest.approx(rate) and len(shown) == frames
    assert shown == [(6.0 + every * i, 6.0 + every * i) for i in range(frames)]


def test_a_planar_level_is_filmed_too():
    env = make_planar(PlanarConfig(size="s", levels=("kinetix/s/h0_weak_thrust",), action="continuous"))
    with painting(env) as paint:
        pictures, rate = film(env, make_player(env, random_policy(env.spec), None), 0, 1.0, paint)
        shown = np.stack(list(pictures)).astype(int)
    assert len(shown) == pytest.approx(rate, abs=1) and shown.shape[1:] == (480, 480, 3)
    assert np.abs(shown[0] - shown[-1]).max() > 100  # it moves
