"""Kinematics of an arm on its base: where the end effector is, how it moves, what gravity asks of the joints.

All in the frame of the arm's base site, for a whole batch. The chain is read from the model once.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
from jax import Array
from numpy.typing import NDArray

from . import rotation
from .robot import Robot


@dataclass(frozen=True, eq=False)
class Arm:
    """A serial chain of K hinges. Lengths in m, masses in kg, each in the frame of its own link."""

    offset: NDArray
    """[K, 3] place of each link in the link before it."""
    turn: NDArray
    """[K, 4] its rotation there, at joint angle zero."""
    axis: NDArray
    """[K, 3] of each hinge, through the origin of its link."""
    mass: NDArray
    """[K] of each link, with what is fixed to it."""
    centre: NDArray
    """[K, 3] of that mass."""
    tip: NDArray
    """[3] the end effector in the last link."""
    tip_turn: NDArray
    """[4] its rotation there."""
    lower: NDArray
    """[K] rad."""
    upper: NDArray
    """[K] rad."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Pose:
    """Where the end effector is, [W, ...], and how that depends on the joints."""

    position: Array
    """[W, 3] m."""
    rotation: Array
    """[W, 4] quaternion."""
    jacobian: Array
    """[W, 6, K]: m / rad and rad / rad."""


def read(model: mujoco.MjModel, robot: Robot) -> Arm:
    """The arm of a robot, with the gripper's joints held at their default. Raises ValueError if it is not a plain chain
    of hinges that turn about the origins of their bodies."""
    joints = [model.joint(name) for name in robot.config.arm_joints]
    bodies = [int(joint.bodyid[0]) for joint in joints]
    base = model.site(robot.config.arm_base)
    tip = model.site(robot.config.end_effector)
    parents = [int(base.bodyid[0]), *bodies[:-1]]
    chained = all(model.body_parentid[body] == parent for body, parent in zip(bodies, parents, strict=True))
    plain = all(joint.type[0] == mujoco.mjtJoint.mjJNT_HINGE and not joint.pos.any() for joint in joints)
    if not (chained and plain and tip.bodyid[0] == bodies[-1]):
        raise ValueError(
            "robot.arm_joints must be hinges at the origins of a chain of bodies from arm_base to end_effector"
        )
    data = mujoco.MjData(model)
    data.qpos[robot.qpos] = robot.default
    mujoco.mj_kinematics(model, data)
    last = subtree(model, bodies[-1])
    groups = [[body] for body in bodies[:-1]] + [last]
    centre = []
    for body, group in zip(bodies, groups, strict=True):
        middle = np.average(data.xipos[group], axis=0, weights=model.body_mass[group])
        centre.append(data.xmat[body].reshape(3, 3).T @ (middle - data.xpos[body]))
    offset, turn = model.body_pos[bodies].copy(), model.body_quat[bodies].copy()
    offset[0], turn[0] = in_frame(base.pos, base.quat, offset[0], turn[0])
    return Arm(
        offset=offset,
        turn=turn,
        axis=model.jnt_axis[[int(joint.id) for joint in joints]].copy(),
        mass=np.array([model.body_mass[group].sum() for group in groups]),
        centre=np.array(centre),
        tip=tip.pos.copy(),
        tip_turn=tip.quat.copy(),
        lower=robot.lower[robot.arm],
        upper=robot.upper[robot.arm],
    )


def subtree(model: mujoco.MjModel, body: int) -> list[int]:
    """A body and all that hangs on it."""
    found = [body]
    for other in range(body + 1, model.nbody):
        if model.body_parentid[other] in found:
            found.append(other)
    return found


def in_frame(place: NDArray, turn: NDArray, point: NDArray, rotation: NDArray) -> tuple[NDArray, NDArray]:
    """A pose seen from the frame that stands at `place`, turned by `turn`."""
    back, seen, turned = np.zeros(4), np.zeros(3), np.zeros(4)
    mujoco.mju_negQuat(back, turn)
    mujoco.mju_rotVecQuat(seen, point - place, back)
    mujoco.mju_mulQuat(turned, back, rotation)
    return seen, turned


def links(arm: Arm, angles: Array) -> tuple[list[Array], list[Array]]:
    """Origins [W, 3] and rotations [W, 4] of all links at joint angles [W, K]."""
    place, turn = jnp.zeros((angles.shape[0], 3)), jnp.broadcast_to(jnp.array([1.0, 0, 0, 0]), (angles.shape[0], 4))
    places, turns = [], []
    for j in range(len(arm.axis)):
        place = place + rotation.rotate(turn, jnp.asarray(arm.offset[j], jnp.float32))
        half = angles[:, j : j + 1] / 2
        hinge = jnp.concatenate([jnp.cos(half), jnp.sin(half) * jnp.asarray(arm.axis[j], jnp.float32)], -1)
        turn = rotation.multiply(rotation.multiply(turn, jnp.asarray(arm.turn[j], jnp.float32)), hinge)
        # Else XLA computes each link anew from the first for everything that reads it.
        place, turn = jax.lax.optimization_barrier((place, turn))
        places.append(place)
        turns.append(turn)
    return places, turns


def pose(arm: Arm, angles: Array) -> Pose:
    """The end effector at joint angles [W, K]."""
    places, turns = links(arm, angles)
    tip = places[-1] + rotation.rotate(turns[-1], jnp.asarray(arm.tip, jnp.float32))
    axes = [rotation.rotate(turn, jnp.asarray(axis, jnp.float32)) for turn, axis in zip(turns, arm.axis, strict=True)]
    columns = [
        jnp.concatenate([jnp.cross(axis, tip - place), axis], -1) for axis, place in zip(axes, places, strict=True)
    ]
    return Pose(tip, rotation.multiply(turns[-1], jnp.asarray(arm.tip_turn, jnp.float32)), jnp.stack(columns, -1))


def gravity_torque(arm: Arm, angles: Array, gravity: Array) -> Array:
    """[W, K] N m that hold the arm still. `gravity` [W, 3] m/s^2 in the frame of the arm's base."""
    places, turns = links(arm, angles)
    force, moment, torques = jnp.zeros_like(gravity), jnp.zeros_like(gravity), []
    # From the tip inward: `moment` is that of all weights further out, about the origin of the base.
    for j in reversed(range(len(arm.axis))):
        weight = float(arm.mass[j]) * gravity
        centre = places[j] + rotation.rotate(turns[j], jnp.asarray(arm.centre[j], jnp.float32))
        force, moment = force + weight, moment + jnp.cross(centre, weight)
        axis = rotation.rotate(turns[j], jnp.asarray(arm.axis[j], jnp.float32))
        torques.append(-(axis * (moment - jnp.cross(places[j], force))).sum(-1))
    return jnp.stack(torques[::-1], -1)


def solve(matrix: Array, right: Array) -> Array:
    """x [W, n] of matrix x = right, for symmetric positive definite matrices [W, n, n]: Cholesky, unrolled, so that XLA
    computes all worlds at once."""
    n = right.shape[-1]
    low: dict[tuple[int, int], Array] = {}
    for j in range(n):
        column = [matrix[..., i, j] - sum(low[i, k] * low[j, k] for k in range(j)) for i in range(j, n)]
        first = jax.lax.rsqrt(column[0])
        column = jax.lax.optimization_barrier([first * entry for entry in column])
        low |= {(j + i, j): entry for i, entry in enumerate(column)}
    x = [right[..., i] for i in range(n)]
    for i in range(n):
        x[i] = jax.lax.optimization_barrier((x[i] - sum(low[i, k] * x[k] for k in range(i))) / low[i, i])
    for i in reversed(range(n)):
        x[i] = jax.lax.optimization_barrier((x[i] - sum(low[k, i] * x[k] for k in range(i + 1, n))) / low[i, i])
    return jnp.stack(x, -1)


def damped(jacobian: Array, error: Array, damping: float) -> Array:
    """Joint step [W, K] = J' (J J' + damping^2 I)^-1 error, for error [W, 6] (Nakamura and Hanafusa 1986)."""
    square = jnp.einsum("wik,wjk->wij", jacobian, jacobian) + damping**2 * jnp.eye(6)
    return jnp.einsum("wik,wi->wk", jacobian, solve(square, error))
