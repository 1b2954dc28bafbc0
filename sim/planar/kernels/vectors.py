"""Plane vectors and scalars; see `..vectors`."""

import warp as wp


@wp.func
def safe(x: float) -> float:
    """`x` with zero replaced by one: a divisor."""
    if x == 0.0:
        return 1.0
    return x


@wp.func
def within(x: float, low: float, high: float) -> float:
    """`x` held between two bounds; what is not a number stays so, unlike with `wp.clamp`."""
    y = x
    if y < low:
        y = low
    if y > high:
        return high
    return y


@wp.func
def cross(u: wp.vec2, v: wp.vec2) -> float:
    """The z component of u x v."""
    return u[0] * v[1] - u[1] * v[0]


@wp.func
def turned(v: wp.vec2, angle: float) -> wp.vec2:
    """`v` turned anticlockwise by `angle` rad."""
    c = wp.cos(angle)
    s = wp.sin(angle)
    return wp.vec2(c * v[0] - s * v[1], s * v[0] + c * v[1])


@wp.func
def sign(x: float) -> float:
    """-1, 0 or 1."""
    if x > 0.0:
        return 1.0
    if x < 0.0:
        return -1.0
    return 0.0


@wp.func
def at_anchor(velocity: wp.vec2, spin: float, arm: wp.vec2) -> wp.vec2:
    """Velocity of the point at `arm` from the centre of a body."""
    return velocity + wp.vec2(-spin * arm[1], spin * arm[0])
