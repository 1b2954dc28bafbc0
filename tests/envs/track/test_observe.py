"""What the policy and the critic are shown, against MuJoCo's own state, and how it is made noisy and late."""

from dataclasses import replace
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest
from gambol.envs.contract import ObservationTerm
from gambol.envs.track import gait, observe
from scipy.spatial.transform import Rotation


def by_term(terms, vector) -> dict[str, np.ndarray]:
    """The columns of each term."""
    ends = np.cumsum([term.size for term in terms])
    return {t.name: np.asarray(vector)[:, end - t.size : end] for t, end in zip(terms, ends, strict=True)}


@pytest.fixture(scope="module")
def shown(env, step, played):
    """What is shown after a step in which nobody is pushed: terms as told, and the state they tell of."""
    action = np.random.default_rng(1).uniform(-1, 1, played.episode.last_action.shape).astype(np.float32)
    state, got = step(played, action)
    assert not got.done.any()
    spec = env.spec
    return SimpleNamespace(
        episode=state.episode,
        action=action,
        before=played.episode,
        policy=by_term(spec.observation_terms["policy"], got.observation.policy),
        critic=by_term(spec.observation_terms["critic"], got.observation.critic),
        terms={term.name: term for term in spec.observation_terms["critic"]},
    )


def told(shown, name: str, raw) -> None:
    """Asserts that the critic's term is `raw` as the term says it is made."""
    term = shown.terms[name]
    value = (np.asarray(raw, float) - np.array(term.offset)) * np.array(term.scale)
    value = value if term.clip is None else np.clip(value, *term.clip)
    np.testing.assert_allclose(shown.critic[name], value, atol=2e-4, err_msg=name)


def test_what_the_robot_feels_is_its_state(env, shown):
    robot, episode = env.world.robot, shown.episode
    joints = slice(0, robot.arm.stop)
    qpos, qvel = np.asarray(episode.physics.qpos), np.asarray(episode.physics.qvel)
    turn = Rotation.from_quat(qpos[:, 3:7], scalar_first=True)
    told(shown, "gravity", turn.inv().apply([0, 0, -1]))
    told(shown, "angular_velocity", qvel[:, 3:6])
    told(shown, "joint_position", qpos[:, robot.qpos[joints]])
    told(shown, "joint_velocity", qvel[:, robot.qvel[joints]])
    told(shown, "last_action", shown.action)
    told(shown, "command", episode.command.velocity)
    told(shown, "clock", gait.clock(episode.phase, gait.stepping(episode.phase, episode.command.moving)))
    told(shown, "height", qpos[:, 2:3])
    heading = Rotation.from_euler("z", turn.as_euler("xyz")[:, 2:])
    told(shown, "velocity", heading.inv().apply(qvel[:, :3]))


def test_goal_and_end_effector_are_seen_from_the_base_with_its_heading(env, shown):
    config, model, robot = env.config.goal, env.world.model, env.world.robot
    data, rows = mujoco.MjData(model), []
    for qpos, now in zip(np.asarray(shown.episode.physics.qpos), np.asarray(shown.episode.goal.now()), strict=True):
        data.qpos = qpos
        mujoco.mj_kinematics(model, data)
        radius, pitch, yaw, *off = now
        direction = Rotation.from_euler("yz", [-pitch, yaw]).apply([1, 0, 0])
        centre = [model.site(robot.config.arm_base).pos[0], 0, config.height - qpos[2]]
        goal = centre + radius * direction
        turn = Rotation.from_euler("xyz", np.array([config.roll, config.lift - pitch, yaw]) + off)
        base = Rotation.from_quat(qpos[3:7], scalar_first=True)
        back = Rotation.from_euler("z", base.as_euler("xyz")[2]).inv()
        site = data.site(robot.config.end_effector)
        place = back.apply(site.xpos - qpos[:3])
        off = turn * (back * Rotation.from_matrix(site.xmat.reshape(3, 3))).inv()
        unrolled = turn * Rotation.from_euler("x", -config.roll)
        rows.append((goal, unrolled.as_rotvec(), goal - place, off.as_rotvec()))
    names = ("goal_position", "goal_rotation", "ee_position_error", "ee_rotation_error")
    for name, raw in zip(names, zip(*rows, strict=True), strict=True):
        told(shown, name, raw)


def test_the_critic_also_sees_what_was_drawn(env, shown):
    drawn = shown.episode.drawn
    for name in ("friction", "base_mass", "gripper_mass"):
        told(shown, name, np.asarray(getattr(drawn, name))[:, None])
    told(shown, "base_centre", drawn.base_centre)
    told(shown, "strength", np.asarray(drawn.strength)[:, : env.world.robot.arm.stop])
    told(shown, "late", np.stack([drawn.action_late, drawn.observation_late], -1))


def test_contacts_agree_with_forces(shown):
    term = shown.terms["feet_force"]
    force = shown.critic["feet_force"] / term.scale
    np.testing.assert_array_equal(shown.critic["contact"], force > 1.5)
    assert 0.2 < shown.critic["contact"].mean() < 1


def test_the_policy_sees_late_by_one_step_where_drawn_and_with_noise(env, step, played, still, shown):
    """Two steps on, what is shown late is what the critic saw a step before."""
    late = np.asarray(played.episode.drawn.observation_late)
    assert 0 < late.mean() < 1
    state, one = step(played, still + 0.5)
    _, two = step(state, still - 0.5)
    assert not (one.done | two.done).any()
    terms = env.spec.observation_terms["policy"]
    size = observe.size(terms)
    before, now = (np.asarray(got.observation.critic)[:, :size] for got in (one, two))
    policy, true = by_term(terms, two.observation.policy), np.where(late[:, None], before, now)
    other = by_term(terms, np.where(late[:, None], now, before))
    for name, clean in by_term(terms, true).items():
        noise = shown.terms[name].noise * env.config.random.noise
        assert np.abs(policy[name] - clean).max() <= noise + 1e-5, name
    assert (np.abs(policy["joint_velocity"] - other["joint_velocity"]).max(-1) > 0.05).mean() > 0.9
    np.testing.assert_allclose(policy["last_action"], np.where(late[:, None], 0.5, -0.5) + still)


def test_noise_is_even_within_the_width_of_its_term_and_independent():
    terms = (ObservationTerm("a", 2, noise=0.5), ObservationTerm("b", 1), ObservationTerm("c", 1, noise=0.1))
    clean = np.tile(np.float32([1, 2, 3, 4]), (4096, 1))
    for factor in (1.0, 2.0):
        off = np.asarray(observe.noisy(terms, clean, jax.random.key(0), factor)) - clean
        width = factor * np.array([0.5, 0.5, 0, 0.1])
        assert (np.abs(off) <= width + 1e-6).all()
        np.testing.assert_allclose(off.std(0), width / np.sqrt(3), rtol=0.03)
        np.testing.assert_allclose(off.mean(0), 0, atol=0.03)
        noise = off[:, [0, 1, 3]]
        assert np.abs(np.corrcoef(noise.T, np.roll(noise, 1, 0).T) - np.eye(6)).max() < 0.08
    np.testing.assert_array_equal(observe.noisy(terms, clean, jax.random.key(0), 0.0), clean)


def test_the_history_ends_with_now_and_knows_nothing_of_an_earlier_episode(env):
    frames = np.arange(2 * 3 * 4, dtype=np.float32).reshape(2, 3, 4)
    now = np.float32([[-1] * 4, [-2] * 4])
    after = observe.lengthened(frames, now, np.array([False, True]))
    np.testing.assert_array_equal(after[0], [*frames[0, 1:], now[0]])
    np.testing.assert_array_equal(after[1], [now[1]] * 3)

    longer = replace(env, config=replace(env.config, history=3))
    (state, seen), spec = jax.eval_shape(lambda: longer.reset(jax.random.key(0), 2)), longer.spec
    _, step = jax.eval_shape(longer.step, state, jnp.zeros((2, *spec.action_space.shape)))
    spaces = dict(spec.critic_space) | dict(spec.observation_space)
    for shown in (seen, step.observation, step.final_observation):
        for name, leaf in (shown.policy | shown.critic).items():
            assert leaf.shape == (2, *spaces[name].shape)
            assert leaf.shape[-1] == observe.size(spec.observation_terms[name])
    assert {term.history for term in spec.observation_terms["history"]} == {3}
    assert shown.policy["now"].shape == shown.critic["now"].shape
