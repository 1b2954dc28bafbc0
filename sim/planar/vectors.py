"""Plane vectors whose components lie on the leading axis: [2, ...].

`dot`, `cross`, `turn` and `rotate` serve NumPy and JAX arrays alike, so that reading a level file compiles nothing.
"""

import jax.numpy as jnp
from jax import Array


def dot(u: Array, v: Array) -> Array:
    """Scalar product of [2, ...] and [2, ...]."""
    return u[0] * v[0] + u[1] * v[1]


def cross(u: Array, v: Array) -> Array:
    """The z component of u x v."""
    return u[0] * v[1] - u[1] * v[0]


def turn(rate: Array, arm: Array) -> Array:
    """Velocity [2, ...] of a point at `arm` from the axis of a rotation at `rate` rad/s."""
    return arm.__array_namespace__().stack([-rate * arm[1], rate * arm[0]])


def rotate(v: Array, angle: Array) -> Array:
    """`v` turned anticlockwise by `angle` rad."""
    xp = v.__array_namespace__()
    c, s = xp.cos(angle), xp.sin(angle)
    return xp.stack([c * v[0] - s * v[1], s * v[0] + c * v[1]])


def nonzero(x: Array) -> Array:
    """`x` with zeros replaced by ones: a divisor for entries that are masked out anyway."""
    return jnp.where(x == 0, 1.0, x)


def length(v: Array) -> Array:
    """Euclidean norm over the leading axis."""
    return jnp.sqrt(dot(v, v))
