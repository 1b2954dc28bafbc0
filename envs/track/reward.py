"""What is wanted: one small function per term, named as its weight in `RewardConfig`. Each gives [W].

Terms that are to be high lie between 0 and 1; costs are 0 at best and grow. Weights give the sign.
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ...sim.legged import rotation
from ...sim.legged.robot import Robot
from .config import RewardConfig
from .measure import Seen

CONTACT = 1.5
"""Force from which a foot counts as on the ground, N."""
BUMP = 0.1
"""Force from which a bumper counts as hit, N."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Moment:
    """A control step as the rewards see it."""

    seen: Seen
    """After it."""
    joint_rates: Array
    """[W, J] before it, rad/s."""
    command: Array
    """[W, 2] m/s and rad/s."""
    stance: Array
    """[W, F] bool: which feet should be on the ground."""
    swing: Array
    """[W, F] height that feet should have, m."""
    ee_off: Array
    """[W, 3] from end effector to goal, m."""
    ee_turn_off: Array
    """[W] angle between them, rad."""
    action: Array
    """[W, A]"""
    last_action: Array
    """[W, A] of the step before."""
    fell: Array
    """[W] bool."""


Term = Callable[[RewardConfig, Robot, float, Moment], Array]
"""(weights and widths, robot, seconds of the step, moment) -> [W]."""


def forward(config: RewardConfig, robot: Robot, dt: float, m: Moment) -> Array:
    """Horizontal velocity as told: ahead as commanded, not sideways."""
    off = m.seen.velocity[:, :2] - jnp.stack([m.command[:, 0], jnp.zeros_like(m.command[:, 0])], -1)
    return near(off, config.forward_widths)


def yaw(config: RewardConfig, robot: Robot, dt: float, m: Moment) -> Array:
    """Turning rate as told."""
    return near(yaw_rate(m.seen)[:, None] - m.command[:, 1:], config.yaw_widths)


def ee_position(config: RewardConfig, robot: Robot, dt: float, m: Moment) -> Array:
    """End effector at its goal: half for being near (10 cm), half for being there (2 cm)."""
    off = distance(m.ee_off)
    return 0.5 * jnp.exp(-off / 0.1) + 0.5 * jnp.exp(-off / 0.02)


def ee_rotation(config: RewardConfig, robot: Robot, dt: float, m: Moment) -> Array:
    """End effector turned as its goal (17 degrees off cost 63 %)."""
    return jnp.exp(-m.ee_turn_off / 0.3)


def gait(config: RewardConfig, robot: Robot, dt: float, m: Moment) -> Array:
    """Share of the feet that stand or swing as the clock says."""
    return (touching(m.seen) == m.stance).mean(-1)


def clearance(config: RewardConfig, robot: Robot, dt: float, m: Moment) -> Array:
    """How far swinging feet are below their height, m."""
    return jnp.where(m.stance, 0.0, jnp.maximum(m.swing - m.seen.feet_height, 0)).sum(-1)


def slip(config: RewardConfig, robot: Robot, dt: float, m: Moment) -> Array:
    """Squared horizontal speed of feet on the ground."""
    return jnp.where(touching(m.seen), (m.seen.feet_velocity[..., :2] ** 2).sum(-1), 0.0).sum(-1)


def height(config: RewardConfig, robot: Robot, dt: float, m: Moment) -> Array:
    """How far the base is below `lowest`, m."""
    return jnp.maximum(config.lowest - m.seen.height, 0)


def sway(config: RewardConfig, robot: Robot, dt: float, m: Moment) -> Array:
    """Squared roll, rad^2. Pitch is free: the arm needs it."""
    return m.seen.roll**2


def tilt_rate(config: RewardConfig, robot: Robot, dt: float, m: Moment) -> Array:
    """Squared rolling and pitching rate."""
    return (m.seen.rate[:, :2] ** 2).sum(-1)


def bounce(config: RewardConfig, robot: Robot, dt: float, m: Moment) -> Array:
    """Squared vertical velocity."""
    return m.seen.velocity[:, 2] ** 2


def torque(config: RewardConfig, robot: Robot, dt: float, m: Moment) -> Array:
    """Sum of squared leg torques."""
    return (m.seen.torque[:, robot.legs] ** 2).sum(-1)


def power(config: RewardConfig, robot: Robot, dt: float, m: Moment) -> Array:
    """Sum of the legs' mechanical power, each taken positive, W."""
    return jnp.abs(m.seen.torque * m.seen.joint_rates)[:, robot.legs].sum(-1)


def acceleration(config: RewardConfig, robot: Robot, dt: float, m: Moment) -> Array:
    """Sum of squared leg accelerations."""
    return (((m.seen.joint_rates - m.joint_rates)[:, robot.legs] / dt) ** 2).sum(-1)


def action_rate(config: RewardConfig, robot: Robot, dt: float, m: Moment) -> Array:
    """Sum of squared changes of the action."""
    return ((m.action - m.last_action) ** 2).sum(-1)


def hip(config: RewardConfig, robot: Robot, dt: float, m: Moment) -> Array:
    """Squared distance of the first joint of each leg from its default."""
    first = jnp.arange(0, len(robot.config.leg_joints), len(robot.config.leg_action_scale))
    return ((m.seen.joints[:, first] - jnp.asarray(robot.default, jnp.float32)[first]) ** 2).sum(-1)


def joint_limits(config: RewardConfig, robot: Robot, dt: float, m: Moment) -> Array:
    """How far leg joints are in the outer 5 % of their range, rad."""
    lower, upper = robot.lower[robot.legs], robot.upper[robot.legs]
    edge = np.where(np.isfinite(upper - lower), 0.05 * (upper - lower), 0.0)
    joints = m.seen.joints[:, robot.legs]
    return (jnp.maximum(lower + edge - joints, 0) + jnp.maximum(joints - (upper - edge), 0)).sum(-1)


def collision(config: RewardConfig, robot: Robot, dt: float, m: Moment) -> Array:
    """Number of bumpers that touch something."""
    return (m.seen.bumper_force > BUMP).sum(-1).astype(jnp.float32)


def fall(config: RewardConfig, robot: Robot, dt: float, m: Moment) -> Array:
    """Whether the episode ended by falling."""
    return m.fell.astype(jnp.float32)


LEGS: tuple[Term, ...] = (
    *(forward, yaw, gait, clearance, slip, height, sway, tilt_rate, bounce),
    *(torque, power, acceleration, action_rate, hip, joint_limits, collision, fall),
)
"""What the legs are answerable for."""
ARM: tuple[Term, ...] = (ee_position, ee_rotation)
"""What the arm is answerable for."""


def counting(config: RewardConfig, robot: Robot) -> list[tuple[Term, float]]:
    """The terms that count, and their weights. Raises ValueError if none does."""
    wanted = LEGS + ARM if robot.has_arm else LEGS
    found = [(term, getattr(config, term.__name__)) for term in wanted if getattr(config, term.__name__)]
    if not found:
        raise ValueError("env.reward: every weight is 0, so nothing is wanted: give one of them a value")
    return found


def names(config: RewardConfig, robot: Robot) -> tuple[str, ...]:
    """Of the terms that count."""
    return tuple(term.__name__ for term, _ in counting(config, robot))


def terms(config: RewardConfig, robot: Robot, dt: float, moment: Moment) -> dict[str, Array]:
    """Every term that counts, weighted, over a control step: [W] each."""
    return {term.__name__: dt * weight * term(config, robot, dt, moment) for term, weight in counting(config, robot)}


def channels(by_term: dict[str, Array]) -> Array:
    """[W, 2] the sum over terms of legs and arm."""
    parts = [[by_term[term.__name__] for term in part if term.__name__ in by_term] for part in (LEGS, ARM)]
    some = next(iter(by_term.values()))
    return jnp.stack([sum(part, jnp.zeros_like(some)) for part in parts], -1)


def near(off: Array, widths: tuple[float, ...]) -> Array:
    """[W] mean over widths of a bell that is 1 where `off` [W, N] is zero and 1/e where it is as long as the width."""
    square = (off**2).sum(-1)
    return jnp.stack([jnp.exp(-square / width**2) for width in widths]).mean(0)


def touching(seen: Seen) -> Array:
    """[W, F] bool: the foot is on the ground."""
    return seen.feet_force > CONTACT


def yaw_rate(seen: Seen) -> Array:
    """[W] turning rate of the heading, rad/s: about the vertical, not about the robot's own axis."""
    return -(seen.rate * seen.gravity).sum(-1)


def distance(off: Array) -> Array:
    """[W] length of [W, 3], with a gradient at zero."""
    return jnp.sqrt((off**2).sum(-1) + 1e-12)


def angle(one: Array, other: Array) -> Array:
    """[W] angle between two rotations [W, 4], rad."""
    return distance(rotation.to_vector(rotation.multiply(rotation.conjugate(one), other)))
