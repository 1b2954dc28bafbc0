"""The arm's own controller: damped least squares to where the goal will be, on stiff drives.

The reference is solved in joint space and kept, not measured anew, so the drives' lag does not enter it. Joints at
their stops are left out of the solution, and where place and rotation cannot both be had, place counts for more. The
drives get the reference's velocity, the torque of gravity and a slow integral of their error on top, without which they
would lag behind a moving goal by kd/kp seconds and hang below a still one.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.legged import arm as arms
from ...sim.legged import rotation
from ...sim.legged.arm import Arm
from ...sim.legged.robot import Robot
from .measure import Places, Seen

DAMPING = 0.05
"""Of the least squares, m."""
TURNING = 0.15
"""What a radian off counts for, m: where place and rotation cannot both be had, place comes first."""
MOST_TURN = 0.15
"""A joint's largest step of one solve, rad."""
SOLVES = 2
"""Per control step."""
FORESIGHT = 0.5
"""Share of the tilt that the gyroscope foretells for the next step: the rate of a base whose feet land is jerky, and a
robot's readings are late, so all of it would shake arm and base."""
INTEGRAL = 2.0
"""Gain of the integral, 1/s."""
MOST_INTEGRAL = 0.15
"""rad."""
GRAVITY = 9.81


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Reach:
    """What the controller remembers."""

    reference: Array
    """[W, K] joint angles that reach the goal, rad."""
    integral: Array
    """[W, K] rad."""


def start(robot: Robot, joints: Array) -> Reach:
    """At the angles of `joints` [W, J]."""
    reference = joints[:, robot.arm]
    return Reach(reference, jnp.zeros_like(reference))


def advance(
    robot: Robot, places: Places, memory: Reach, seen: Seen, place: Array, turn: Array, dt: float
) -> tuple[Array, Reach]:
    """Drive targets of the arm [W, K] for the next `dt` seconds.

    The goal at their end is given in the heading frame, from the base: place [W, 3] m, turn [W, 4]; where base and tilt
    will be by then is foreseen from how they move.
    """
    arm = places.arm
    assert arm is not None
    tilt = rotation.multiply(seen.tilt, rotation.from_vector(FORESIGHT * dt * seen.rate * jnp.array([1.0, 1.0, 0.0])))
    place = place - dt * seen.velocity[:, 2:] * jnp.array([0.0, 0.0, 1.0])
    back = rotation.conjugate(rotation.multiply(tilt, jnp.asarray(places.arm_turn, jnp.float32)))
    place = rotation.rotate(back, place - rotation.rotate(tilt, jnp.asarray(places.arm_base, jnp.float32)))
    turn = rotation.multiply(back, turn)

    error = memory.reference - seen.joints[:, robot.arm]
    integral = jnp.clip(memory.integral + INTEGRAL * dt * error, -MOST_INTEGRAL, MOST_INTEGRAL)
    reference = jax.lax.fori_loop(0, SOLVES, lambda _, now: solve(arm, now, place, turn), memory.reference)
    gravity = GRAVITY * rotation.rotate(
        jnp.asarray(places.arm_turn, jnp.float32) * jnp.array([1, -1, -1, -1]), seen.gravity
    )
    kp, kd = (jnp.asarray(gain[robot.arm], jnp.float32) for gain in robot.config.gains)
    torque = arms.gravity_torque(arm, reference, gravity) + kd * (reference - memory.reference) / dt
    return reference + torque / kp + integral, Reach(reference, integral)


def solve(arm: Arm, reference: Array, place: Array, turn: Array) -> Array:
    """Joint angles [W, K] one step of damped least squares nearer to a place [W, 3] and rotation [W, 4], within limits.

    Frame: the arm's base.
    """
    lower, upper = jnp.asarray(arm.lower, jnp.float32), jnp.asarray(arm.upper, jnp.float32)
    weights = jnp.array([1.0] * 3 + [TURNING] * 3)
    pose = arms.pose(arm, reference)
    off = rotation.to_vector(rotation.multiply(turn, rotation.conjugate(pose.rotation)))
    error, jacobian = weights * jnp.concatenate([place - pose.position, off], -1), weights[:, None] * pose.jacobian
    # A joint that would go on into its stop is left out, else the others move as if it did.
    pull = jnp.einsum("wik,wi->wk", jacobian, error)
    stopped = ((reference <= lower) & (pull < 0)) | ((reference >= upper) & (pull > 0))
    change = arms.damped(jnp.where(stopped[:, None], 0.0, jacobian), error, DAMPING)
    return jnp.clip(reference + jnp.clip(change, -MOST_TURN, MOST_TURN), lower, upper)
