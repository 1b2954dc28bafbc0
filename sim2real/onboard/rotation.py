"""Quaternions w-x-y-z [4] and vectors [3] of one robot, by MuJoCo's own functions. See `sim/legged/rotation.py`."""

import mujoco
import numpy as np
from numpy.typing import NDArray


def multiply(a: NDArray, b: NDArray) -> NDArray:
    """The rotation b, then a."""
    product = np.zeros(4)
    mujoco.mju_mulQuat(product, a, b)
    return product


def conjugate(q: NDArray) -> NDArray:
    """The inverse of a unit quaternion."""
    return q * (1.0, -1.0, -1.0, -1.0)


def rotate(q: NDArray, v: NDArray) -> NDArray:
    """The vector v turned by q."""
    turned = np.zeros(3)
    mujoco.mju_rotVecQuat(turned, np.asarray(v, float), q)
    return turned


def from_vector(v: NDArray) -> NDArray:
    """Quaternion of a rotation vector."""
    q, angle = np.array([1.0, 0, 0, 0]), np.linalg.norm(v)
    if angle > 0:
        mujoco.mju_axisAngle2Quat(q, v / angle, angle)
    return q


def to_vector(q: NDArray) -> NDArray:
    """Rotation vector of length 0 to pi."""
    v = np.zeros(3)
    mujoco.mju_quat2Vel(v, q, 1.0)
    return v


def from_euler(roll: float, pitch: float, yaw: float) -> NDArray:
    """Roll about x, then pitch about y, then yaw about z, all about fixed axes."""
    q = np.zeros(4)
    mujoco.mju_euler2Quat(q, np.array([roll, pitch, yaw]), "XYZ")
    return q


def about_z(angle: float) -> NDArray:
    """A turn about z."""
    return np.array([np.cos(angle / 2), 0.0, 0.0, np.sin(angle / 2)])


def heading(q: NDArray) -> float:
    """Yaw, rad."""
    w, x, y, z = q
    return float(np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z)))


def tilt(q: NDArray) -> NDArray:
    """What is left of a rotation without its yaw."""
    return multiply(about_z(-heading(q)), q)
