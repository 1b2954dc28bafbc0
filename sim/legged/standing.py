"""Standing: drive targets that hold the default pose under gravity."""

import mujoco
import numpy as np
from numpy.typing import NDArray

from .world import World


def standing(world: World) -> NDArray:
    """Targets [J], rad, under which the robot stands still on its feet in its default pose, on level ground.

    A drive with target u gives the torque kp (u - q), so each target leads the pose by static torque / kp. The torques
    are those of inverse dynamics under the smallest forces at the feet that carry the base. As a control [U] of the
    model: `control[robot.actuator] = standing(world)`. Drives that are too soft let the robot sink all the same.
    """
    model, robot = world.model, world.robot
    data = mujoco.MjData(model)
    data.qpos[robot.qpos] = robot.default
    mujoco.mj_forward(model, data)
    jacobian = np.zeros((len(robot.feet), 3, model.nv))
    for rows, foot in zip(jacobian, robot.config.feet, strict=True):
        mujoco.mj_jacSite(model, data, rows, None, model.site(foot).id)
    jacobian = jacobian.reshape(-1, model.nv)
    load = data.qfrc_bias - data.qfrc_passive
    base = slice(robot.base_qvel, robot.base_qvel + 6)
    force = np.linalg.lstsq(jacobian[:, base].T, load[base], rcond=None)[0]
    torque = (load - jacobian.T @ force)[robot.qvel]
    kp, _ = robot.config.gains
    return robot.default + torque / kp
