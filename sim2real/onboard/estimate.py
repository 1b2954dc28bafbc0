"""Attitude, height and speed of the base from what every legged robot measures: joints, IMU, and which feet stand.

A foot that stands does not move, so the base moves as the leg does. Robots that know their height better say so
themselves.
"""

import numpy as np
from numpy.typing import NDArray

from . import rotation
from .model import Body, soles

NOBODY = 1.0
"""Weight of the lowest foot where none is felt to stand, N."""


def base_motion(
    body: Body, turn: NDArray, rate: NDArray, joints: NDArray, joint_rates: NDArray, feet_force: NDArray
) -> tuple[float, float, float]:
    """Height of the base over the ground (m), its vertical and its horizontal speed (m/s), by the feet that stand,
    each counting as much as it carries. `turn` [4], `rate` [3] base frame, `joints` and `joint_rates` [J], `feet_force`
    [F] N."""
    places, speeds = soles(body, joints, joint_rates)
    down = np.array([rotation.rotate(turn, place)[2] for place in places]) - body.radius
    passing = np.array([rotation.rotate(turn, v + np.cross(rate, p)) for p, v in zip(places, speeds, strict=True)])
    weight = np.maximum(feet_force, 0.0)
    if not weight.any():
        weight = NOBODY * (down == down.min())
    share = weight / weight.sum()
    velocity = -share @ passing
    return float(-(share * down).sum()), float(velocity[2]), float(np.hypot(*velocity[:2]))


TRUST = 0.1
"""How far a tick's attitude moves from what the gyroscope foresaw to what the IMU says."""


def attitude(before: NDArray | None, turn: NDArray, rate: NDArray, dt: float) -> NDArray:
    """[4] a complementary filter: the last attitude, turned on by the gyroscope (base frame, rad/s) and drawn towards
    what the IMU says. The arm steadies its goal by it, so its noise would be the gripper's."""
    if before is None:
        return turn
    foreseen = rotation.multiply(before, rotation.from_vector(dt * rate))
    off = rotation.to_vector(rotation.multiply(rotation.conjugate(foreseen), turn))
    return rotation.multiply(foreseen, rotation.from_vector(TRUST * off))
