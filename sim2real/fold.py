"""How a robot folds its legs before it stands up: the feet under where they will stand, close to the base."""

import mujoco
import numpy as np
from numpy.typing import NDArray

SHARE = 0.42
"""Of the height at which it stands."""
STEPS, DAMPING, MOST_TURN = 300, 0.02, 0.05
"""Of damped least squares: solves, m, and rad in each of them."""


def folded(
    model: mujoco.MjModel, joints: NDArray, feet: list[int], default: NDArray, lower: NDArray, upper: NDArray
) -> NDArray:
    """[J] angles (rad) near `default` [J] that bring the `feet` (sites) up towards the base, as far as the limits [J]
    let them. `joints` [J] are those of the robot's in the model."""
    data, places, rates = mujoco.MjData(model), model.jnt_qposadr[joints], model.jnt_dofadr[joints]
    base = mujoco.mj_id2name(model, mujoco.mjtObj.mjOBJ_BODY, int(model.body_rootid[model.site_bodyid[feet[0]]]))
    angles, wanted = default.copy(), None
    for _ in range(STEPS):
        mujoco.mj_resetData(model, data)
        data.qpos[places] = angles
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        now = data.site_xpos[feet] - data.body(base).xpos
        if wanted is None:
            wanted = now * (1.0, 1.0, SHARE)
        jacobian = np.zeros((3 * len(feet), model.nv))
        for i, foot in enumerate(feet):
            mujoco.mj_jacSite(model, data, jacobian[3 * i : 3 * i + 3], None, foot)
        own, off = jacobian[:, rates], (wanted - now).ravel()
        turn = own.T @ np.linalg.solve(own @ own.T + DAMPING**2 * np.eye(len(own)), off)
        angles = np.clip(angles + np.clip(turn, -MOST_TURN, MOST_TURN), lower, upper)
    return angles
