"""What the task looks like from outside: spaces, terms and metrics, read off its settings and its robot."""

import gymnasium
import jax.numpy as jnp
import numpy as np
from jax import Array

from ...sim.legged.robot import Robot
from ..contract import ActionTerm, EnvSpec
from . import goal as goals
from . import observe, reward
from .config import TrackConfig
from .goal import Goal
from .reward import Moment

MOST_ACTION = 5.0
"""Actions are clipped to this, either way."""


def driven(config: TrackConfig, robot: Robot) -> slice:
    """The joints that the policy drives."""
    return slice(0, robot.arm.stop) if config.arm == "policy" else robot.legs


def action_terms(config: TrackConfig, robot: Robot, standing: tuple[float, ...]) -> tuple[ActionTerm, ...]:
    """What the policy's action means: drive targets around those that hold the default pose."""
    parts = {"legs": robot.legs, "arm": robot.arm} if config.arm == "policy" else {"legs": robot.legs}
    return tuple(
        ActionTerm(
            name,
            part.stop - part.start,
            unit="rad",
            scale=tuple(float(x) for x in robot.action_scale[part]),
            offset=standing[part],
            names=robot.names[part],
        )
        for name, part in parts.items()
    )


def make(config: TrackConfig, robot: Robot, standing: tuple[float, ...]) -> EnvSpec:
    """See `EnvSpec`. `standing` are drive targets [J] that hold the default pose, rad."""
    actions = driven(config, robot).stop
    terms, privileged = observe.policy_terms(robot, actions), observe.privileged_terms(robot)
    seen = observe.size(terms)

    def box(size: int, most: float = np.inf) -> gymnasium.spaces.Box:
        return gymnasium.spaces.Box(-most, most, (size,), np.float32)

    return EnvSpec(
        name="track",
        observation_space=box(seen),
        critic_space=box(seen + observe.size(privileged)),
        action_space=box(actions, MOST_ACTION),
        observation_terms={"policy": terms, "critic": terms + privileged},
        action_terms=action_terms(config, robot, standing),
        control_dt=config.control_dt,
        max_steps=config.max_steps,
        metrics=METRICS + tuple(f"reward_{name}" for name in reward.names(config.reward, robot)),
        reward_channels=("legs", "arm") if robot.has_arm else (),
    )


METRICS = (
    *("fell", "blown_up", "overflow", "forward_error", "yaw_error", "ee_error", "ee_angle", "height"),
    *("torque", "power", "slip", "moving", "holding", "goal_height"),
)
"""Of a step, besides `reward_<term>`; `measures` says what they are."""


def measures(config: TrackConfig, robot: Robot, moment: Moment, goal: Goal, blown: Array, overflow: Array):
    """What is told of a step, by name, [W] float32 each.

    0 or 1: `fell` (or blew up), `blown_up`, `overflow` (contacts dropped), `moving` (told to go), `holding` (the goal
    rests). Errors: `forward_error` m/s, `yaw_error` rad/s, `ee_error` m, `ee_angle` rad. Over the ground, m: `height`
    of the base, `goal_height`. Of the legs, roots of sums of squares: `torque` N m, `slip` of feet on the ground m/s;
    their `power` W.
    """
    seen, dt, weights = moment.seen, config.control_dt, config.reward
    values = {
        "fell": moment.fell,
        "blown_up": blown,
        "overflow": overflow,
        "forward_error": jnp.abs(seen.velocity[:, 0] - moment.command[:, 0]),
        "yaw_error": jnp.abs(reward.yaw_rate(seen) - moment.command[:, 1]),
        "ee_error": reward.distance(moment.ee_off),
        "ee_angle": moment.ee_turn_off,
        "height": seen.height,
        "torque": jnp.sqrt(reward.torque(weights, robot, dt, moment)),
        "power": reward.power(weights, robot, dt, moment),
        "slip": jnp.sqrt(reward.slip(weights, robot, dt, moment)),
        "moving": (moment.command != 0).any(-1),
        "holding": goal.holding,
        "goal_height": config.goal.height + goals.place(goal.now()[:, :3])[:, 2],
    }
    return {name: value.astype(jnp.float32) for name, value in values.items()}
