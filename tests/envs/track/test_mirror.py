"""The mirrored robot, told the mirrored thing and doing it, moves and sees as the mirror says."""

from dataclasses import replace

import numpy as np
import pytest
from gambol.envs.track.config import GaitConfig
from gambol.envs.track.mirror import mirror
from gambol.sim.legged.physics import State

AXIAL, VECTOR = np.array([-1, 1, -1]), np.array([1, -1, 1])


def image(env, state, but):
    """The state in the mirrored world, a gait half a cycle later."""
    robot, episode = env.world.robot, state.episode
    qpos, qvel = np.array(episode.physics.qpos), np.array(episode.physics.qvel)
    joints, sign = robot.mirror, robot.mirror_sign

    own = qpos[:, robot.qpos]
    qpos[:, robot.qpos] = robot.default + sign * (own - robot.default)[:, joints]
    qvel[:, robot.qvel] = sign * qvel[:, robot.qvel][:, joints]
    qpos[:, 1] *= -1
    qpos[:, 4:7] *= AXIAL
    qvel[:, :3] *= VECTOR
    qvel[:, 3:6] *= AXIAL
    drawn, goal, reach = episode.drawn, episode.goal, episode.reach
    drawn = replace(drawn, base_centre=drawn.base_centre * VECTOR, strength=drawn.strength[:, joints])
    told = np.array([1, -1], np.float32)
    sphere = np.array([1, 1, -1, -1, 1, -1])
    arm = robot.arm
    reference = robot.default[arm] + sign[arm] * (np.asarray(reach.reference) - robot.default[arm])
    return but(
        state,
        physics=State(qpos.astype(np.float32), qvel.astype(np.float32)),
        drawn=drawn,
        command=replace(episode.command, velocity=told * episode.command.velocity, drawn=told * episode.command.drawn),
        goal=replace(goal, start=goal.start * sphere, end=goal.end * sphere),
        reach=replace(reach, reference=reference.astype(np.float32), integral=reach.integral * sign[arm]),
        phase=np.where(episode.command.moving, (episode.phase + 0.5) % 1.0, 0.0).astype(np.float32),
        last_action=env.spec.mirror.action(episode.last_action),
        seen=env.spec.mirror.policy(episode.seen),
    )


def test_what_is_done_in_the_mirror_is_seen_in_the_mirror(env, step, played, but):
    spec, random = env.spec, np.random.default_rng(2)
    action = random.uniform(-1, 1, played.episode.last_action.shape).astype(np.float32)
    _, one = step(played, action)
    _, other = step(image(env, played, but), spec.mirror.action(action))
    seen, mirrored = one.final_observation.critic, np.asarray(other.final_observation.critic)
    off = np.abs(np.asarray(spec.mirror.critic(seen)) - mirrored).max(-1)
    assert (off < 0.05).mean() > 0.8, np.sort(off)
    assert np.abs(np.asarray(seen) - mirrored).max(-1).min() > 0.3
    for name in ("reward_forward", "reward_gait", "reward_clearance", "reward_ee_position", "reward_hip"):
        off = np.abs(np.asarray(one.metrics[name]) - other.metrics[name])
        assert (off < 2e-4).mean() > 0.8, name


def test_a_gait_or_a_pose_that_is_not_its_own_image_has_no_mirror(env):
    spec, robot = env.spec, env.world.robot
    terms = env.terms, spec.observation_terms["critic"][len(env.terms) :]
    trot, pace = GaitConfig(), GaitConfig(offsets=(0.0, 0.5, 0.0, 0.5))
    bound, walk = GaitConfig(offsets=(0.0, 0.0, 0.5, 0.5)), GaitConfig(offsets=(0.0, 0.5, 0.75, 0.25))
    clock = np.array([term.name for term in env.terms for _ in range(term.size)]) == "clock"
    for gait, sign in ((trot, -1), (pace, -1), (bound, 1), (walk, -1)):
        found = mirror(gait, robot, *terms, flat=True)
        assert found is not None
        np.testing.assert_array_equal(np.array(found.policy.sign)[clock], sign)
    assert mirror(GaitConfig(offsets=(0.0, 0.4, 0.5, 0.0)), robot, *terms, flat=True) is None
    default = robot.default + np.eye(len(robot.default))[1]
    assert mirror(trot, replace(robot, default=default), *terms, flat=True) is None


@pytest.mark.parametrize("flat", [True, False])
def test_the_mirror_fits_what_is_seen(env, flat):
    spec = replace(env, config=replace(env.config, history=0 if flat else 2)).spec
    own = spec.mirror
    if flat:
        assert len(own.critic.sign) == spec.critic_space.shape[0] and own.privileged is None
    else:
        assert own.critic is None and len(own.privileged.sign) == spec.critic_space["privileged"].shape[0]
    assert len(own.action.sign) == spec.action_space.shape[0]
