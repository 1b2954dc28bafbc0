"""Settings that cannot work are refused in one line that says what to do."""

from dataclasses import replace

import pytest
from gambol.envs.track.config import (
    CommandConfig,
    CurriculumConfig,
    GaitConfig,
    GoalConfig,
    RandomConfig,
    RewardConfig,
    TrackConfig,
)
from gambol.sim.legged.robot import RobotConfig


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: TrackConfig(engine="bullet"), "env.engine is 'bullet': use 'auto' or 'batch' or 'mjx' or 'warp'"),
        (lambda: TrackConfig(arm="left"), "env.arm is 'left': use 'ik' or 'policy'"),
        (lambda: TrackConfig(task="planar"), "env.task is 'planar': use 'track'"),
        (
            lambda: TrackConfig(random=RandomConfig(push=-1.0)),
            "env.random.push is -1.0: it must be a finite number, 0 or",
        ),
        (lambda: TrackConfig(random=RandomConfig(noise=float("nan"))), "env.random.noise is nan: it must be a finite"),
        (lambda: TrackConfig(random=RandomConfig(friction=(2.0, 1.0))), "env.random.friction is [2.0, 1.0]: give two"),
        (lambda: TrackConfig(command=CommandConfig(yaw=(0.5,))), "env.command.yaw is [0.5]: give two numbers"),
        (lambda: TrackConfig(goal=GoalConfig(radius=(1.0, 0.5))), "env.goal.radius is [1.0, 0.5]: give two numbers"),
        (lambda: TrackConfig(goal=GoalConfig(body=(0.0, 1.0))), "env.goal.body has 2 numbers: give 6"),
        (lambda: TrackConfig(timestep=0.0), "env.timestep is 0.0: it must be a finite number above 0"),
        (lambda: TrackConfig(most_tilt=float("nan")), "env.most_tilt is nan: it must be a finite number above 0"),
        (lambda: TrackConfig(episode_seconds=float("inf")), "env.episode_seconds is inf: it must be a finite number"),
        (lambda: TrackConfig(decimation=0), "env.decimation is 0: it must be at least 1"),
        (
            lambda: TrackConfig(command=CommandConfig(acceleration=-1.0)),
            "env.command.acceleration is -1.0",
        ),
        (lambda: TrackConfig(episode_seconds=0.001), "env.episode_seconds is 0.001: an episode needs a control step"),
        (lambda: TrackConfig(history=-1), "env.history is -1: it must be 0 (none) or a number of frames"),
        (lambda: TrackConfig(goal=GoalConfig(travel=(0.0, 1.0))), "env.goal.travel is [0.0, 1.0]: start above 0"),
        (
            lambda: TrackConfig(reward=RewardConfig(yaw_widths=(0.5, 0.0))),
            "env.reward.yaw_widths is [0.5, 0.0]: give one",
        ),
        (
            lambda: TrackConfig(reward=RewardConfig(forward=float("nan"))),
            "env.reward.forward is nan: it must be a finite",
        ),
        (lambda: TrackConfig(gait=GaitConfig(offsets=(0.0, 0.5))), "env.gait.offsets has 2 phases: give one per foot"),
        (lambda: CurriculumConfig(steps=-1), "env.curriculum.steps is -1: it must be 0 (no curriculum) or a number"),
        (lambda: CurriculumConfig(start=1.5), "env.curriculum.start is 1.5: it must be between 0 and 1"),
    ],
)
def test_a_wrong_setting_is_refused_in_one_line(make, complaint):
    with pytest.raises(ValueError, match=r"^[^\n]+$") as error:
        make()
    assert str(error.value).startswith(complaint)


def test_a_policy_can_only_drive_an_arm_that_is_there():
    own = RobotConfig()
    armless = replace(own, arm_joints=(), default_pose=(*own.default_pose[:12], own.default_pose[-1]))
    assert TrackConfig(robot=armless).arm == "ik"
    with pytest.raises(ValueError, match=r"^env\.arm is 'policy': the robot has no arm_joints; use 'ik'"):
        TrackConfig(robot=armless, arm="policy")


def test_steps_are_those_of_the_policy():
    config = TrackConfig(timestep=0.004, decimation=5, episode_seconds=8.0)
    assert config.control_dt == pytest.approx(0.02)
    assert config.max_steps == 400
