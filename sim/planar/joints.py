"""Joints, their motors, and thrusters (Jax2D 1.0 semantics).

Joint bodies differ from world to world, so they are looked up by a mask over the body axis instead of an index.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from .scene import Physics, Scene, State
from .vectors import cross, length, nonzero, rotate, turn


class Motion(NamedTuple):
    """What the solver changes: pose enough to keep joints closed, and velocities."""

    position: Array
    """[2, N] m."""
    velocity: Array
    """[2, N] m/s."""
    angular_velocity: Array
    """[N] rad/s."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Prepared:
    """What stays the same over the iterations of one step. J joints."""

    at_a: Array
    """[N, J] bool: body a of each joint."""
    at_b: Array
    """[N, J] bool."""
    arm_a: Array
    """[2, J] m: anchor from a's centre, in the world."""
    arm_b: Array
    """[2, J] m."""
    inverse_mass: tuple[Array, Array]
    """[J] of a and b."""
    inverse_inertia: tuple[Array, Array]
    """[J] of a and b."""
    live: Array
    """[J] bool: active, between active bodies of which one can move."""
    fixed: Array
    """[J] bool."""
    twist: Array
    """[J] rad: relative rotation beyond the rest angle."""
    excess: Array
    """[J] rad beyond a limit; 0 within."""


def at(mask: Array, values: Array) -> Array:
    """Values [..., N, *W] of the one body that `mask` [N, *W] marks."""
    return jnp.where(mask, values, 0).sum(axis=-mask.ndim)


def bodies(index: Array, count: int) -> Array:
    """Mask [N, J, *W] of the bodies with `index` [J, *W]."""
    return index[None] == jnp.arange(count).reshape((-1,) + (1,) * index.ndim)


def prepare(scene: Scene, state: State) -> Prepared:
    """Everything about the joints that the poses at the start of the step fix."""
    j, n = scene.joints, state.angle.shape[0]
    at_a, at_b = bodies(j.a, n), bodies(j.b, n)

    def of(values: Array) -> tuple[Array, Array]:
        spread = values[:, None]
        return at(at_a, spread), at(at_b, spread)

    angle, mass, inertia, active = of(state.angle), of(scene.inverse_mass), of(scene.inverse_inertia), of(scene.active)
    twist = angle[1] - angle[0] - j.rest_angle
    excess = jnp.where(j.limited & ~j.fixed, twist - jnp.clip(twist, j.lower, j.upper), 0.0)
    return Prepared(
        at_a=at_a,
        at_b=at_b,
        arm_a=rotate(j.anchor_a, angle[0]),
        arm_b=rotate(j.anchor_b, angle[1]),
        inverse_mass=mass,
        inverse_inertia=inertia,
        live=j.active & (active[0] * active[1] > 0) & ((mass[0] != 0) | (mass[1] != 0)),
        fixed=j.fixed,
        twist=twist,
        excess=excess,
    )


def drive(scene: Scene, ready: Prepared, spin: Array, motor: Array, physics: Physics) -> Array:
    """Change of angular velocity [N] by all motors. `spin` [N] rad/s, `motor` [J] in [-1, 1].

    The torque saturates (tanh) on the speed error and fades out over the last `motor_limit_margin` before a limit.
    """
    j = scene.joints
    rate_a, rate_b = at(ready.at_a, spin[:, None]), at(ready.at_b, spin[:, None])
    inertia_a, inertia_b = ready.inverse_inertia
    error = rate_b - rate_a - j.motor_speed * motor * physics.motor_speed
    margin = physics.motor_limit_margin
    beyond = ready.twist - jnp.clip(ready.twist, j.lower + margin, j.upper - margin)
    fade = jnp.where((beyond == 0) | ~j.limited, 1.0, jnp.maximum(0.0, 1.0 - jnp.abs(beyond) / margin))
    fade = jnp.where(jnp.sign(beyond) != jnp.sign(motor), 1.0, fade)
    impulse = physics.motor_power * j.motor_power * physics.dt / nonzero(inertia_a + inertia_b)
    impulse = impulse * fade * jnp.tanh(error * physics.motor_decay)
    impulse = jnp.where(ready.live & j.motor_on & (motor != 0) & ~j.fixed, impulse, 0.0)
    return jnp.where(ready.at_a, impulse * inertia_a, 0).sum(1) - jnp.where(ready.at_b, impulse * inertia_b, 0).sum(1)


def thrust(scene: Scene, state: State, command: Array, physics: Physics) -> tuple[Array, Array]:
    """Changes of velocity [2, N] and angular velocity [N] by all thrusters. `command` [T] in [0, 1]."""
    t = scene.thrusters
    on = bodies(t.body, state.angle.shape[0])
    angle = at(on, state.angle[:, None])
    arm = rotate(t.anchor, angle)
    force = t.power * t.active * physics.thruster_power * command * physics.dt
    push = force * jnp.stack([jnp.cos(t.angle + angle), jnp.sin(t.angle + angle)])
    linear = jnp.where(on, push[:, None], 0).sum(2) * scene.inverse_mass
    return linear, jnp.where(on, cross(arm, push), 0).sum(1) * scene.inverse_inertia


def warm_start(scene: Scene, ready: Prepared, motion: Motion, impulse: Array) -> Motion:
    """Apply the impulses [3, J] of the last step once more."""
    impulse = jnp.where(ready.live, impulse, 0.0)
    push, torque = impulse[:2], impulse[2]
    linear = jnp.where(ready.at_a, push[:, None], 0).sum(2) - jnp.where(ready.at_b, push[:, None], 0).sum(2)
    angular = jnp.where(ready.at_a, cross(ready.arm_a, push) + torque, 0).sum(1)
    angular -= jnp.where(ready.at_b, cross(ready.arm_b, push) + torque, 0).sum(1)
    return Motion(
        motion.position,
        motion.velocity + linear * scene.inverse_mass,
        motion.angular_velocity + angular * scene.inverse_inertia,
    )


def solve(ready: Prepared, motion: Motion, impulse: Array, physics: Physics) -> tuple[Motion, Array]:
    """One sweep over the joints in order, each seeing the last one's result. `impulse` [3, J] accumulates."""
    solved = []
    for k in range(impulse.shape[1]):
        one: Any = jax.tree.map(lambda x: x[:, k] if x.ndim > ready.live.ndim else x[k], ready)  # noqa: B023
        motion, total = _solve_one(one, motion, impulse[:, k], physics)
        solved.append(total)
    return motion, jnp.stack(solved, axis=1)


def _solve_one(j: Prepared, motion: Motion, impulse: Array, physics: Physics) -> tuple[Motion, Array]:
    """Pull one joint together: damped velocity impulse, direct position correction, angular limit or lock."""
    (mass_a, mass_b), (inertia_a, inertia_b) = j.inverse_mass, j.inverse_inertia
    position_a, position_b = at(j.at_a, motion.position), at(j.at_b, motion.position)
    spin_a, spin_b = at(j.at_a, motion.angular_velocity), at(j.at_b, motion.angular_velocity)
    mass = nonzero(mass_a + mass_b)
    gap = position_b + j.arm_b - position_a - j.arm_a
    meet = position_a + j.arm_a + gap * (mass_a / mass)
    drift = at(j.at_b, motion.velocity) + turn(spin_b, meet - position_b)
    drift -= at(j.at_a, motion.velocity) + turn(spin_a, meet - position_a)

    toward = drift / nonzero(length(drift))
    resistance = mass + inertia_a * cross(j.arm_a, toward) ** 2 + inertia_b * cross(j.arm_b, toward) ** 2
    push = physics.joint_stiffness * (drift + physics.joint_baumgarte_velocity * gap) / nonzero(resistance)
    push = jnp.where(j.live, push, 0.0)
    torque_a, torque_b = cross(j.arm_a, push), cross(j.arm_b, push)

    slip = spin_b - inertia_b * torque_b - spin_a - inertia_a * torque_a
    bias = j.excess * physics.joint_limit_baumgarte
    limit = jnp.where((j.excess != 0) & (jnp.sign(slip) == jnp.sign(bias)), slip + bias, 0.0)
    lock = slip + physics.fixed_joint_baumgarte * j.twist
    torque = jnp.where(j.live, jnp.where(j.fixed, lock, limit), 0.0) / nonzero(inertia_a + inertia_b)

    shift = jnp.where(j.live, physics.joint_baumgarte_position / mass, 0.0) * gap
    moved = Motion(
        motion.position
        + jnp.where(j.at_a, (shift * mass_a)[:, None], 0)
        - jnp.where(j.at_b, (shift * mass_b)[:, None], 0),
        motion.velocity
        + jnp.where(j.at_a, (push * mass_a)[:, None], 0)
        - jnp.where(j.at_b, (push * mass_b)[:, None], 0),
        motion.angular_velocity
        + jnp.where(j.at_a, inertia_a * (torque_a + torque), 0)
        - jnp.where(j.at_b, inertia_b * (torque_b + torque), 0),
    )
    # A limit pushes only while it is violated, so its impulse is not carried over.
    total = jnp.concatenate([impulse[:2] + push, jnp.where(j.fixed, impulse[2] + torque, 0.0)[None]])
    return moved, jnp.where(j.live, total, 0.0)
