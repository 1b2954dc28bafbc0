"""One physics step of planar worlds in JAX: the readable reference, and the path to TPUs.

Order of work (Jax2D 1.0, `PhysicsEngine.step`): gravity, contacts, motors, thrusters, warm start, iterations of
{joints, contacts}, semi-implicit Euler, clipping.
"""

from dataclasses import replace

import jax
import jax.numpy as jnp
from jax import Array

from . import contacts, joints, solver
from .joints import Motion
from .scene import Physics, Scene, State


def step(scene: Scene, state: State, motor: Array, thrust: Array, physics: Physics) -> tuple[State, Array]:
    """Advance by `physics.dt` seconds.

    Args:
        scene, state: arrays with any number of trailing world axes *W.
        motor: [J, *W] in [-1, 1], share of each joint's motor speed.
        thrust: [T, *W] in [0, 1], share of each thruster's force.
        physics: constants; static under `jit`.

    Returns:
        The next state, and `touching` [N, N, *W] bool: contacts at the *start* of the step, each in one place: in the
        row of the lower index of two like bodies, or of the circle of a mixed pair.
    """
    movable = scene.inverse_mass != 0
    state = replace(state, velocity=state.velocity + scene.gravity[:, None] * physics.dt * movable)
    met = contacts.detect(scene, state, physics)
    hinges = joints.prepare(scene, state)
    touch = solver.prepare(scene, state, met, physics)

    spin = state.angular_velocity + joints.drive(scene, hinges, state.angular_velocity, motor, physics)
    pushed, spun = joints.thrust(scene, state, thrust, physics)
    motion = Motion(state.position, state.velocity + pushed, spin + spun)
    contact_impulse = jnp.where(met.touching, state.contact_impulse, 0.0)
    motion = solver.warm_start(scene, touch, motion, contact_impulse)
    motion = joints.warm_start(scene, hinges, motion, state.joint_impulse)

    def iterate(_, carry):
        motion, contact_impulse, joint_impulse = carry
        motion, joint_impulse = joints.solve(hinges, motion, joint_impulse, physics)
        motion, contact_impulse = solver.solve(scene, touch, motion, contact_impulse, physics)
        return motion, contact_impulse, joint_impulse

    carry = (motion, contact_impulse, state.joint_impulse)
    motion, contact_impulse, joint_impulse = jax.lax.fori_loop(0, physics.iterations, iterate, carry)
    moved = State(
        position=_clip(motion.position + motion.velocity * physics.dt, physics.max_position),
        angle=state.angle + motion.angular_velocity * physics.dt,
        velocity=_clip(motion.velocity, physics.max_velocity),
        angular_velocity=_clip(motion.angular_velocity, physics.max_angular_velocity),
        contact_impulse=contact_impulse,
        joint_impulse=joint_impulse,
    )
    return moved, contacts.touching_pairs(scene.capacity, met.touching)


def _clip(x: Array, limit: float) -> Array:
    return jnp.clip(x, -limit, limit)
