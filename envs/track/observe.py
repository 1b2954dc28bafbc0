"""What the policy and the critic see, as terms: each names its numbers and says how they are made."""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ...sim.legged import rotation
from ...sim.legged.robot import Robot
from ..contract import ObservationTerm
from .measure import Seen
from .randomise import Draw
from .reward import touching


@dataclass(frozen=True)
class View:
    """All that observations are made of."""

    seen: Seen
    last_action: Array
    """[W, A]"""
    command: Array
    """[W, 2]"""
    clock: Array
    """[W, 2]"""
    ee_off: Array
    """[W, 3] from end effector to goal, heading frame, m."""
    goal_place: Array
    """[W, 3] of the goal from the base, heading frame, m."""
    goal_turn: Array
    """[W, 4] of the goal, heading frame."""
    goal_roll: float
    """Of a goal that is not turned, about where it points, rad."""
    drawn: Draw


Raw = Callable[[View, Robot], Array]
"""(view, robot) -> [W, size]."""


def _joints(robot: Robot) -> slice:
    return slice(0, robot.arm.stop)


def _goal_rotation(view: View) -> Array:
    """Rotation vector of the goal without its usual roll, heading frame: small where it points ahead."""
    half = view.goal_roll / 2
    unrolled = jnp.array([np.cos(half), -np.sin(half), 0, 0], jnp.float32)
    return rotation.to_vector(rotation.multiply(view.goal_turn, jnp.broadcast_to(unrolled, view.goal_turn.shape)))


def _turn_off(view: View) -> Array:
    """Rotation vector from the end effector to its goal, heading frame."""
    return rotation.to_vector(rotation.multiply(view.goal_turn, rotation.conjugate(view.seen.ee_turn)))


POLICY: dict[str, Raw] = {
    "gravity": lambda v, r: v.seen.gravity,
    "angular_velocity": lambda v, r: v.seen.rate,
    "joint_position": lambda v, r: v.seen.joints[:, _joints(r)],
    "joint_velocity": lambda v, r: v.seen.joint_rates[:, _joints(r)],
    "last_action": lambda v, r: v.last_action,
    "contact": lambda v, r: touching(v.seen).astype(jnp.float32),
    "command": lambda v, r: v.command,
    "clock": lambda v, r: v.clock,
}
GOAL: dict[str, Raw] = {
    "goal_position": lambda v, r: v.goal_place,
    "goal_rotation": lambda v, r: _goal_rotation(v),
    "ee_position_error": lambda v, r: v.ee_off,
    "ee_rotation_error": lambda v, r: _turn_off(v),
}
PRIVILEGED: dict[str, Raw] = {
    "velocity": lambda v, r: v.seen.velocity,
    "height": lambda v, r: v.seen.height[:, None],
    "feet_force": lambda v, r: v.seen.feet_force,
    "feet_height": lambda v, r: v.seen.feet_height,
    "friction": lambda v, r: v.drawn.friction[:, None],
    "base_mass": lambda v, r: v.drawn.base_mass[:, None],
    "base_centre": lambda v, r: v.drawn.base_centre,
    "gripper_mass": lambda v, r: v.drawn.gripper_mass[:, None],
    "strength": lambda v, r: v.drawn.strength[:, _joints(r)],
    "late": lambda v, r: jnp.stack([v.drawn.action_late, v.drawn.observation_late], -1).astype(jnp.float32),
}


def policy_terms(robot: Robot, actions: int) -> tuple[ObservationTerm, ...]:
    """Terms of what the policy sees, in order."""
    joints, default = robot.names[_joints(robot)], tuple(float(x) for x in robot.default[_joints(robot)])
    count = len(joints)
    terms = [
        ObservationTerm("gravity", 3, "1", "base", noise=0.03),
        ObservationTerm("angular_velocity", 3, "rad/s", "base", scale=0.5, noise=0.05),
        ObservationTerm("joint_position", count, "rad", "joint", offset=default, noise=0.01, names=joints),
        ObservationTerm("joint_velocity", count, "rad/s", "joint", scale=0.05, noise=0.025, names=joints),
        ObservationTerm("last_action", actions, "1", "joint"),
        ObservationTerm("contact", len(robot.feet), "1", "foot", names=robot.config.feet),
        ObservationTerm("command", 2, "mixed", "heading", names=("forward m/s", "yaw rad/s")),
        ObservationTerm("clock", 2, "1", "gait", names=("sine", "cosine")),
    ]
    if robot.has_arm:
        terms += [
            ObservationTerm("goal_position", 3, "m", "heading"),
            ObservationTerm("goal_rotation", 3, "rad", "heading"),
            ObservationTerm("ee_position_error", 3, "m", "heading", scale=5.0, clip=(-2, 2)),
            ObservationTerm("ee_rotation_error", 3, "rad", "heading", clip=(-2, 2)),
        ]
    return tuple(terms)


def privileged_terms(robot: Robot) -> tuple[ObservationTerm, ...]:
    """Terms of what the critic sees besides, in order."""
    feet, joints = len(robot.feet), robot.names[_joints(robot)]
    return (
        ObservationTerm("velocity", 3, "m/s", "heading"),
        ObservationTerm("height", 1, "m", "world"),
        ObservationTerm("feet_force", feet, "N", "foot", scale=0.005, clip=(0, 5)),
        ObservationTerm("feet_height", feet, "m", "world", scale=5.0),
        ObservationTerm("friction", 1),
        ObservationTerm("base_mass", 1, "kg", scale=0.1),
        ObservationTerm("base_centre", 3, "m", "base", scale=10.0),
        ObservationTerm("gripper_mass", 1, "kg", scale=10.0),
        ObservationTerm("strength", len(joints), offset=1.0, scale=3.0, names=joints),
        ObservationTerm("late", 2, names=("action", "observation")),
    )


def vector(terms: tuple[ObservationTerm, ...], view: View, robot: Robot) -> Array:
    """[W, N] the terms side by side, without noise."""
    raw = POLICY | GOAL | PRIVILEGED
    parts = []
    for term in terms:
        part = (raw[term.name](view, robot) - jnp.array(term.offset)) * jnp.array(term.scale)
        parts.append(part if term.clip is None else jnp.clip(part, *term.clip))
    return jnp.concatenate(parts, -1)


def noisy(terms: tuple[ObservationTerm, ...], clean: Array, key: Array, factor: float) -> Array:
    """A vector of the terms [W, N] with their noise, uniform, times `factor`."""
    if factor == 0:
        return clean
    width = factor * np.concatenate([np.full(term.size, term.noise, np.float32) for term in terms])
    return clean + jax.random.uniform(key, clean.shape, minval=-1.0, maxval=1.0) * width


def lengthened(frames: Array, shown: Array, fresh: Array) -> Array:
    """[W, H, N] the last frames with what is `shown` now [W, N] at their end; nothing else where an episode is `fresh`
    [W] bool."""
    return jnp.where(fresh[:, None, None], shown[:, None], jnp.concatenate([frames[:, 1:], shown[:, None]], 1))


def size(terms: tuple[ObservationTerm, ...]) -> int:
    """Numbers in a vector of the terms."""
    return sum(term.size for term in terms)
