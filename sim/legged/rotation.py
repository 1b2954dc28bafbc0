"""Rotations: quaternions w-x-y-z [..., 4], matrices [..., 3, 3], rotation vectors [..., 3] (axis times angle, rad).

A rotation R of a frame turns coordinates in that frame into coordinates in its parent.

Results go through an optimisation barrier: each entry of one depends on all entries of the inputs, so where several are
chained XLA would compute the first anew for every entry of the last, 4^n times, and take minutes to compile it.
"""

import jax.numpy as jnp
from jax import Array
from jax.lax import optimization_barrier


def multiply(a: Array, b: Array) -> Array:
    """Quaternion of the rotation b, then a."""
    aw, ax, ay, az = (a[..., i] for i in range(4))
    bw, bx, by, bz = (b[..., i] for i in range(4))
    product = jnp.stack(
        [
            aw * bw - ax * bx - ay * by - az * bz,
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
        ],
        -1,
    )
    return optimization_barrier(product)


def conjugate(q: Array) -> Array:
    """The inverse of a unit quaternion."""
    return q * jnp.array([1.0, -1.0, -1.0, -1.0])


def rotate(q: Array, v: Array) -> Array:
    """Vectors v [..., 3] turned by q [..., 4]."""
    w, axis = q[..., :1], q[..., 1:]
    twice = 2 * jnp.cross(axis, v)
    return optimization_barrier(v + w * twice + jnp.cross(axis, twice))


def from_vector(v: Array) -> Array:
    """Quaternion of a rotation vector."""
    square = (v * v).sum(-1, keepdims=True)
    angle = jnp.sqrt(jnp.maximum(square, 1e-12))
    return optimization_barrier(jnp.concatenate([jnp.cos(angle / 2), v * jnp.sin(angle / 2) / angle], -1))


def to_vector(q: Array) -> Array:
    """Rotation vector of a quaternion, of length 0 to pi."""
    q = jnp.where(q[..., :1] < 0, -q, q)
    length = jnp.sqrt(jnp.maximum((q[..., 1:] ** 2).sum(-1, keepdims=True), 1e-12))
    return optimization_barrier(q[..., 1:] * (2 * jnp.arctan2(length, q[..., :1]) / length))


def from_euler(roll: Array, pitch: Array, yaw: Array) -> Array:
    """Quaternion of roll about x, then pitch about y, then yaw about z, all about fixed axes."""
    cr, sr, cp, sp, cy, sy = (f(angle / 2) for angle in (roll, pitch, yaw) for f in (jnp.cos, jnp.sin))
    turn = [cr * cp * cy + sr * sp * sy, sr * cp * cy - cr * sp * sy]
    turn += [cr * sp * cy + sr * cp * sy, cr * cp * sy - sr * sp * cy]
    return optimization_barrier(jnp.stack(turn, -1))


def to_euler(q: Array) -> tuple[Array, Array, Array]:
    """Roll, pitch, yaw of a quaternion, rad."""
    w, x, y, z = (q[..., i] for i in range(4))
    roll = jnp.arctan2(2 * (w * x + y * z), 1 - 2 * (x * x + y * y))
    pitch = jnp.arcsin(jnp.clip(2 * (w * y - z * x), -1, 1))
    return optimization_barrier((roll, pitch, jnp.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))))


def about_z(angle: Array) -> Array:
    """Quaternion of a turn about z."""
    zero = jnp.zeros_like(angle)
    return optimization_barrier(jnp.stack([jnp.cos(angle / 2), zero, zero, jnp.sin(angle / 2)], -1))


def to_matrix(q: Array) -> Array:
    """Matrix of a quaternion."""
    return jnp.stack([rotate(q, jnp.broadcast_to(axis, (*q.shape[:-1], 3))) for axis in jnp.eye(3)], -1)
