"""Left and right: how what is seen and done looks in the mirrored world."""

import numpy as np
from numpy.typing import NDArray

from ...sim.legged.robot import Robot
from ..contract import Mirror, ObservationTerm, Reflection
from .config import GaitConfig

VECTOR, AXIAL = (1, -1, 1), (-1, 1, -1)
"""Signs of a vector, and of one that turns: a rate, a rotation."""
SIGNS = {
    **dict.fromkeys(("gravity", "goal_position", "ee_position_error", "velocity", "base_centre"), VECTOR),
    **dict.fromkeys(("angular_velocity", "goal_rotation", "ee_rotation_error"), AXIAL),
    "command": (1, -1),
}
"""Of terms whose entries stay in their places."""
JOINTS = ("joint_position", "joint_velocity", "last_action")
FEET = ("contact", "feet_force", "feet_height")


def mirror(
    gait: GaitConfig,
    robot: Robot,
    policy: tuple[ObservationTerm, ...],
    privileged: tuple[ObservationTerm, ...],
    flat: bool,
) -> Mirror | None:
    """The mirror of a task of these terms, which the critic sees as one vector or apart. Joints on the middle plane are
    mirrored about their default angle.

    None where there is none: the default pose of the legs is not its own image, or the image of the gait is not the
    same gait, now or half a cycle later.
    """
    legs, per_leg = robot.legs, len(robot.config.leg_action_scale)
    feet = robot.mirror[legs][::per_leg] // per_leg
    later = np.subtract(np.array(gait.offsets)[feet], gait.offsets) % 1.0
    image = robot.mirror_sign[legs] * robot.default[robot.mirror[legs]]
    if np.ptp(later) > 0 or later[0] not in (0.0, 0.5) or not np.allclose(image, robot.default[legs]):
        return None

    def entry(term: ObservationTerm) -> tuple[NDArray, NDArray]:
        """Index and signs of a term's own entries."""
        own, same = np.arange(term.size), np.ones(term.size)
        if term.name in JOINTS:
            return robot.mirror[own], robot.mirror_sign[own]
        if term.name == "strength":
            return robot.mirror[own], same
        if term.name in FEET:
            return feet, same
        if term.name == "clock":
            return own, same * (1 if later[0] == 0 else -1)
        return own, np.array(SIGNS.get(term.name, same))

    def reflection(terms: tuple[ObservationTerm, ...]) -> Reflection:
        index: list[int] = []
        signs: list[float] = []
        for term in terms:
            there, sign = entry(term)
            index += [len(signs) + int(place) for place in there]
            signs += map(float, sign)
        return Reflection(tuple(index), tuple(signs))

    action = tuple(term for term in policy if term.name == "last_action")
    apart = {"critic": reflection(policy + privileged)} if flat else {"privileged": reflection(privileged)}
    return Mirror(reflection(policy), reflection(action), **apart)
