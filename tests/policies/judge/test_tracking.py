"""Where pictures put the goal, and what becomes of wishes, against closed forms."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gambol.envs.track import command as commands
from gambol.envs.track import goal as goals
from gambol.envs.track.config import GoalConfig, TrackConfig
from gambol.envs.track.env import make_track
from gambol.policies.judge.tracking import Wish, grant, make_look, spherical
from gambol.sim.legged import rotation
from gambol.sim.legged.terrain import TerrainConfig

CONFIG = GoalConfig()


@pytest.fixture(scope="module")
def env():
    return make_track(TrackConfig(engine="batch", terrain=TerrainConfig(kind="rough")))


@pytest.fixture(scope="module")
def state(env, standing):
    return standing(env)


def wish(free=False, place=(0.5, 0.2, 0.1), turn=(1.0, 0, 0, 0), command=(0.4, -0.6)):
    return Wish(jnp.asarray(free), *(jnp.array(part, jnp.float32) for part in (place, turn, command)))


def test_the_goal_stands_over_the_arm_and_turns_with_the_heading_alone(env, state):
    yaw, x, y = 2.0, 1.5, -0.7
    base = rotation.multiply(rotation.about_z(jnp.array(yaw)), rotation.from_euler(*map(jnp.array, (0.3, -0.2, 0.0))))
    qpos = np.asarray(state.episode.physics.qpos[0]).copy()
    qpos[:7] = [x, y, 0.6, *base]
    physics = replace(state.episode.physics, qpos=jnp.array(qpos)[None])
    shown = make_look(env)(replace(state, episode=replace(state.episode, physics=physics)))
    assert shown.qpos == pytest.approx(qpos) and shown.base == pytest.approx([x, y, 0.6])
    assert shown.heading == pytest.approx([np.cos(yaw / 2), 0, 0, np.sin(yaw / 2)], abs=1e-5)
    ground = float(env.world.terrain.height(jnp.array([x, y])))
    centre = [x + 0.3 * np.cos(yaw), y + 0.3 * np.sin(yaw), ground + CONFIG.height]
    assert shown.centre == pytest.approx(centre, abs=1e-5)
    radius, pitch, _ = goals.FIRST
    assert shown.place == pytest.approx([radius * np.cos(pitch), 0, radius * np.sin(pitch)], abs=1e-5)
    assert shown.command == pytest.approx([0, 0])


def test_places_and_turns_survive_the_way_over_spherical_coordinates():
    keys = jax.random.split(jax.random.key(1), 2)
    places = jax.random.normal(keys[0], (200, 3))
    turns = jax.random.normal(keys[1], (200, 4))
    turns = turns / jnp.linalg.norm(turns, axis=-1, keepdims=True)
    back, turned = goals.pose(CONFIG, jax.vmap(partial(spherical, CONFIG))(places, turns))
    assert np.asarray(back) == pytest.approx(np.asarray(places), abs=1e-5)
    assert np.abs((np.asarray(turned) * np.asarray(turns)).sum(-1)) == pytest.approx(1, abs=1e-4)


@pytest.fixture(scope="module")
def live(env):
    """One step of goal and command under a wish: (state, key, wish) -> state."""

    @jax.jit
    def step(state, key, asked):
        state = grant(env, state, asked)
        goal = goals.advance(env.config.goal, state.episode.goal, key, env.spec.control_dt)
        command = commands.advance(env.config.command, state.episode.command, key, env.spec.control_dt)
        return replace(state, episode=replace(state.episode, goal=goal, command=command))

    return step


def test_what_is_wished_for_holds_until_it_is_let_go(env, state, live):
    keys = jax.random.split(jax.random.key(2), 400)
    for key in keys[:200]:  # longer than any command or goal of the task's own
        state = live(state, key, wish())
        place, turn = goals.pose(env.config.goal, state.episode.goal.now())
        assert np.asarray(place[0]) == pytest.approx([0.5, 0.2, 0.1], abs=1e-5) and state.episode.goal.holding[0]
        assert abs(float(turn[0, 0])) == pytest.approx(1, abs=1e-5)
        assert state.episode.command.velocity[0] == pytest.approx([0.4, -0.6])
    held = np.asarray(state.episode.goal.end[0])
    seen = [state := live(state, key, wish(free=True)) for key in keys]
    drawn = [one.episode.goal for one in seen if not np.array_equal(one.episode.goal.end[0], held)]
    assert np.asarray(drawn[0].start[0]) == pytest.approx(held)  # the task goes on from where the goal was left
    assert len({tuple(one.episode.command.velocity[0].tolist()) for one in seen}) > 2


def test_a_goal_left_inside_the_robot_does_not_stay_there(state, live):
    keys = jax.random.split(jax.random.key(3), 300)
    state = live(state, keys[0], wish(place=(-0.3, 0.0, -0.1)))
    state = live(state, keys[1], wish(free=True))
    assert np.asarray(state.episode.goal.start[0, :3]) == pytest.approx(goals.FIRST)
    ends = {
        tuple(np.asarray((state := live(state, key, wish(free=True))).episode.goal.end[0]).tolist()) for key in keys
    }
    assert len(ends) > 2
