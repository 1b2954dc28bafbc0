"""What the task looks like from outside: spaces, terms and metrics, read off its settings and its robot."""

from dataclasses import replace

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
from .mirror import mirror
from .reward import Moment

MOST_ACTION = 5.0
"""Actions are clipped to this, either way."""
TARGET_MARGIN = 0.02
"""Drive targets keep so far from the joints' limits, rad, as they will on a robot."""


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
    telling = MEASURES + tuple(f"reward_{name}" for name in reward.names(config.reward, robot))
    seen = observe.size(terms)

    def box(*shape: int, most: float = np.inf) -> gymnasium.spaces.Box:
        return gymnasium.spaces.Box(-most, most, shape, np.float32)

    known = observe.size(privileged)
    if config.history:
        framed = tuple(replace(term, history=config.history) for term in terms)
        observation_space = gymnasium.spaces.Dict({"now": box(seen), "history": box(config.history, seen)})
        critic_space = gymnasium.spaces.Dict({"now": box(seen), "privileged": box(known)})
        observation_terms = {"now": terms, "history": framed, "privileged": privileged}
    else:
        observation_space, critic_space = box(seen), box(seen + known)
        observation_terms = {"policy": terms, "critic": terms + privileged}
    return EnvSpec(
        name="track",
        observation_space=observation_space,
        critic_space=critic_space,
        action_space=box(actions, most=MOST_ACTION),
        observation_terms=observation_terms,
        action_terms=action_terms(config, robot, standing),
        control_dt=config.control_dt,
        max_steps=config.max_steps,
        metrics=OUTCOMES + telling,
        step_metrics=telling,
        reward_channels=("legs", "arm") if robot.has_arm else (),
        mirror=mirror(config.gait, robot, terms, privileged, flat=not config.history),
    )


OUTCOMES = ("fell", "blown_up")
"""Metrics of an episode; `measures` says what they are."""
MEASURES = (
    *("overflow", "forward_error", "yaw_error", "ee_error", "ee_angle", "height"),
    *("torque", "power", "slip", "moving", "holding", "goal_height"),
)
"""Metrics of a step, besides `reward_<term>`."""


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
