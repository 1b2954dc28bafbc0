"""How episodes end and begin, one world at a time."""

from dataclasses import replace

import jax
import numpy as np
import pytest
from gambol.envs.track import goal as goals
from gambol.envs.track import observe
from gambol.sim.legged import rotation

WORLDS = 128
ENDED = np.arange(WORLDS) % 2 == 0


def clock(env, *, last: np.ndarray) -> np.ndarray:
    """Steps so far: in the worlds of `last` all but one of an episode."""
    return np.where(last, env.config.max_steps - 1, 10).astype(np.int32)


def leaves(tree):
    return {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}


def test_nothing_of_an_episode_reaches_the_next(env, reset, step, but, played, still):
    """Two worlds that end by the same key begin alike, whatever was before, and as `reset` would begin them."""
    fresh, _ = reset(6)
    other = but(replace(fresh, key=played.key), steps=clock(env, last=ENDED))
    after, got = step(but(played, steps=clock(env, last=ENDED)), still + 1)
    after_other, got_other = step(other, still)
    np.testing.assert_array_equal(got.truncated, ENDED)
    begun = leaves((after.episode, got.observation))
    for name, value in leaves((after_other.episode, got_other.observation)).items():
        np.testing.assert_array_equal(begun[name][ENDED], value[ENDED], err_msg=name)
    before, first = leaves(played.episode), leaves(fresh.episode)
    assert (before[".last_action"] != 0).any(-1).all()
    now = leaves(after.episode)
    for name in (".last_action", ".phase", ".steps", ".reach.integral", ".command.left", *goal_leaves()):
        assert (first[name] == first[name][0]).all(), name
        np.testing.assert_array_equal(now[name][ENDED], first[name][ENDED], err_msg=name)
    np.testing.assert_allclose(now[".reach.reference"][ENDED], first[".reach.reference"][ENDED])
    for name in now:
        if name.startswith(".drawn") and now[name].dtype != bool:
            assert (now[name][ENDED] != before[name][ENDED]).reshape(ENDED.sum(), -1).any(-1).all(), name
            np.testing.assert_array_equal(now[name][~ENDED], before[name][~ENDED])


def goal_leaves():
    return [f".goal{name}" for name in leaves(goals.first(1))]


def test_an_episode_begins_on_its_feet_within_its_ranges(env, step, but, played, still):
    after, got = step(but(played, steps=clock(env, last=ENDED)), still)
    robot, random = env.world.robot, env.config.random
    qpos, qvel = (np.asarray(x)[ENDED] for x in (after.episode.physics.qpos, after.episode.physics.qvel))
    first, speed = robot.base_qpos, robot.base_qvel
    np.testing.assert_allclose(qpos[:, first + 2], robot.config.standing_height, rtol=1e-6)
    assert (np.abs(qpos[:, first : first + 2]) <= random.start_place).all()
    assert (np.abs(qvel[:, speed : speed + 6]) <= random.start_velocity).all()
    assert not np.delete(qvel, np.s_[speed : speed + 6], axis=1).any()
    yaw = 2 * np.arctan2(qpos[:, first + 6], qpos[:, first + 3])
    np.testing.assert_allclose(qpos[:, [first + 4, first + 5]], 0)
    assert np.ptp(yaw) > random.start_yaw, "headings are all alike"
    factor = qpos[:, robot.qpos[robot.legs]] / robot.default[robot.legs]
    low, high = random.start_joints
    assert low - 1e-5 <= factor.min() < low + 0.05 and high - 0.05 < factor.max() <= high + 1e-5
    assert len(np.unique(factor)) > 0.9 * factor.size
    np.testing.assert_allclose(qpos[:, robot.qpos[robot.arm]], np.tile(robot.default[robot.arm], (ENDED.sum(), 1)))
    seen = np.asarray(got.observation.critic)[:, : observe.size(env.terms)]
    np.testing.assert_array_equal(np.asarray(after.episode.seen), seen)


def test_the_final_observation_is_what_came_of_the_action(env, step, but, played, still):
    _, going = step(but(played, steps=clock(env, last=ENDED & False)), still + 0.5)
    _, ended = step(but(played, steps=clock(env, last=ENDED)), still + 0.5)
    assert not going.done.any()
    for one, other in zip(jax.tree.leaves(going.observation), jax.tree.leaves(ended.final_observation), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(going.reward, ended.reward)
    kept = (np.asarray(ended.observation.policy) == np.asarray(ended.final_observation.policy)).all(-1)
    np.testing.assert_array_equal(kept, ~ENDED)


def test_episodes_end_by_tilt_by_height_and_by_time(env, step, but, played, still):
    """Worlds 0 to 5: rolled, pitched, almost as much, on the belly, out of time, and both at once."""
    robot, most = env.world.robot, env.config.most_tilt
    qpos, qvel = np.array(played.episode.physics.qpos), np.zeros_like(played.episode.physics.qvel)
    first = robot.base_qpos
    qpos[:, first : first + 3] = 0, 0, robot.config.standing_height
    zero = np.zeros(6)
    roll, pitch = np.array([most + 0.1, 0, most - 0.1, 0, 0, -most - 0.1]), np.array([0, -most - 0.1, 0, 0, 0, 0])
    qpos[:6, first + 3 : first + 7] = rotation.from_euler(roll, pitch, zero + 2.0)
    # Legs up beside the trunk: nothing but the trunk can touch the ground.
    qpos[3, robot.qpos[robot.legs]] = np.tile([0, 3.0, -2.6], 4)
    qpos[3, first + 2] = env.config.least_height - 0.05
    state = but(played, physics=replace(played.episode.physics, qpos=qpos, qvel=qvel))
    last = np.arange(WORLDS) == 4
    last[5] = True
    _, got = step(but(state, steps=clock(env, last=last)), still)
    np.testing.assert_array_equal(got.terminated[:6], [True, True, False, True, False, True])
    np.testing.assert_array_equal(got.truncated[:6], [False, False, False, False, True, False])
    np.testing.assert_array_equal(got.metrics["fell"][:6], got.terminated[:6])
    assert not got.metrics["blown_up"].any()
    weight = env.config.reward.fall * env.config.control_dt
    np.testing.assert_allclose(got.metrics["reward_fall"][:6], weight * np.asarray(got.terminated[:6]))


@pytest.mark.parametrize("part", ["qpos", "qvel", "fast", "action"])
def test_worlds_that_blow_up_are_reset_alone(env, step, but, played, still, part, tmp_path, monkeypatch):
    """Two worlds, one of them with late actions, get a number that is none, or a base at 5 km/s."""
    monkeypatch.chdir(tmp_path)  # MuJoCo writes its warnings into a file here.
    late = np.asarray(played.episode.drawn.action_late)
    hit = np.isin(np.arange(WORLDS), [np.argmax(late), np.argmin(late)])
    state = but(played, steps=clock(env, last=ENDED & False))
    physics, action = state.episode.physics, still.copy()
    if part == "action":
        action[hit, 1] = np.nan
    else:
        name, place, value = ("qvel", 0, 5e3) if part == "fast" else (part, 8, np.nan)
        poked = np.array(getattr(physics, name))
        poked[hit, place] = value
        state = but(state, physics=replace(physics, **{name: poked}))
    unpoked, expected = step(but(played, steps=clock(env, last=ENDED & False)), still)
    after, got = step(state, action)
    np.testing.assert_array_equal(got.metrics["blown_up"], hit)
    np.testing.assert_array_equal(got.terminated, hit)
    assert np.isfinite(got.reward).all() and np.isfinite(got.rewards).all()
    assert all(np.isfinite(x).all() for x in jax.tree.leaves((after.episode, got.observation)))
    assert not after.episode.steps[hit].any()
    one, other = leaves((unpoked.episode, expected)), leaves((after.episode, got))
    for name, value in one.items():
        np.testing.assert_array_equal(other[name][~hit], value[~hit], err_msg=name)


def test_an_episode_is_pushed_at_the_period_and_only_then(env, step, but, played, still):
    random, robot = env.config.random, env.world.robot
    period = round(random.push_period / env.config.control_dt)
    due = np.arange(WORLDS) % 3 == 0
    state = but(played, steps=np.where(due, period - 1, period).astype(np.int32))
    calm = but(played, steps=np.full(WORLDS, 7, np.int32))
    (pushed, _), (unpushed, _) = step(state, still), step(calm, still)
    alive = ~np.asarray(pushed.episode.steps == 0)
    assert alive.sum() > 0.9 * WORLDS
    flat = np.s_[robot.base_qvel : robot.base_qvel + 2]
    one, other = (np.asarray(x.episode.physics.qvel) for x in (pushed, unpushed))
    changed = (one[:, flat] != other[:, flat]).all(-1)
    np.testing.assert_array_equal(changed[alive], due[alive])
    np.testing.assert_array_equal(np.delete(one, flat, 1)[alive], np.delete(other, flat, 1)[alive])
    standing = ~(np.asarray(played.episode.command.velocity) != 0).any(-1)
    most = random.push * np.where(standing, random.push_standing, 1.0)
    assert (np.abs(one[:, flat]) <= most[:, None])[due & alive].all()
    np.testing.assert_array_equal(np.asarray(pushed.episode.physics.qpos)[alive], unpushed.episode.physics.qpos[alive])
