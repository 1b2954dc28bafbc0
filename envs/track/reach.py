"""The arm's own controller: damped least squares to where the goal will be, on stiff drives.

The reference is solved in joint space and kept, not measured anew, so the drives' lag does not enter it. The drives get
the reference's velocity, the torque of gravity and a slow integral of their error on top, without which they would lag
behind a moving goal by kd/kp seconds and hang below a still one.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.legged import arm as arms
from ...sim.legged import rotation
from ...sim.legged.robot import Robot
from .measure import Places, Seen

DAMPING = 0.05
"""Of the least squares, m (and rad)."""
MOST_TURN = 0.15
"""A joint's largest step of one solve, rad."""
SOLVES = 2
"""Per control step."""
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
    tilt = rotation.multiply(seen.tilt, rotation.from_vector(dt * seen.rate * jnp.array([1.0, 1.0, 0.0])))
    place = place - dt * seen.velocity[:, 2:] * jnp.array([0.0, 0.0, 1.0])
    back = rotation.conjugate(rotation.multiply(tilt, jnp.asarray(places.arm_turn, jnp.float32)))
    place = rotation.rotate(back, place - rotation.rotate(tilt, jnp.asarray(places.arm_base, jnp.float32)))
    turn = rotation.multiply(back, turn)

    error = memory.reference - seen.joints[:, robot.arm]
    integral = jnp.clip(memory.integral + INTEGRAL * dt * error, -MOST_INTEGRAL, MOST_INTEGRAL)
    lower, upper = jnp.asarray(arm.lower, jnp.float32), jnp.asarray(arm.upper, jnp.float32)

    def solve(_, reference: Array) -> Array:
        pose = arms.pose(arm, reference)
        off = rotation.to_vector(rotation.multiply(turn, rotation.conjugate(pose.rotation)))
        change = arms.damped(pose.jacobian, jnp.concatenate([place - pose.position, off], -1), DAMPING)
        return jnp.clip(reference + jnp.clip(change, -MOST_TURN, MOST_TURN), lower, upper)

    reference = jax.lax.fori_loop(0, SOLVES, solve, memory.reference)
    gravity = GRAVITY * rotation.rotate(
        jnp.asarray(places.arm_turn, jnp.float32) * jnp.array([1, -1, -1, -1]), seen.gravity
    )
    kp, kd = (jnp.asarray(gain[robot.arm], jnp.float32) for gain in robot.config.gains)
    torque = arms.gravity_torque(arm, reference, gravity) + kd * (reference - memory.reference) / dt
    return reference + torque / kp + integral, Reach(reference, integral)
