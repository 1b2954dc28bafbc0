"""Whatever drives a joint in the user's file becomes a position drive with the gains of the description."""

import mujoco
import numpy as np
import pytest
from gambol.sim.legged.drives import actuators, drive, torque_limit


def hinge(actuator: str, joint: str = "", more: str = "") -> mujoco.MjSpec:
    """A pendulum with one actuator."""
    return mujoco.MjSpec.from_string(f"""<mujoco><compiler angle="radian"/><worldbody><body>
        <joint name="swing" {joint}/><geom size="0.1" pos="0 0 -1"/>{more}</body></worldbody>
        <actuator>{actuator}</actuator></mujoco>""")


@pytest.mark.parametrize(
    ("actuator", "joint", "limit"),
    [
        ('<motor joint="swing" forcerange="-20 20"/>', "", 20),
        ('<motor joint="swing" forcerange="-20 20" gear="-3"/>', "", 60),
        ('<motor joint="swing" ctrlrange="-4 4" gear="3"/>', "", 12),
        ('<motor joint="swing"/>', 'actuatorfrcrange="-30 25"', 25),
        ('<motor joint="swing" forcerange="-20 20" ctrlrange="-7 7"/>', 'actuatorfrcrange="-30 30"', 7),
        ('<position joint="swing" kp="9" ctrlrange="-1 1" forcerange="-20 20"/>', "", 20),
        ('<velocity jointinparent="swing" kv="9" forcerange="-20 20"/>', "", 20),
        ('<general joint="swing" dyntype="filter" dynprm="0.1" ctrlrange="-2 2" forcerange="-5 5"/>', "", 5),
    ],
)
def test_any_actuator_becomes_a_position_drive_with_its_own_limit(actuator, joint, limit):
    spec = hinge(actuator, joint)
    model = spec.compile()
    assert torque_limit(model, 0, 0) == limit
    drive(spec, ("swing",), (np.array([50.0]), np.array([2.0])), np.array([limit]))
    model = spec.compile()
    data = mujoco.MjData(model)
    assert model.na == 0
    for target, angle, speed in ((0.1, 0.02, 0.5), (8.0, 0.3, 0.0), (-8.0, 0.3, 0.0)):
        data.ctrl[0], data.qpos[0], data.qvel[0] = target, angle, speed
        mujoco.mj_forward(model, data)
        torque = np.clip(50 * (target - angle) - 2 * speed, -limit, limit)
        assert data.qfrc_actuator[0] == pytest.approx(torque)


@pytest.mark.parametrize("actuator", ["<motor {}/>", "<position {} kp='9' ctrlrange='-1 1'/>"])
def test_an_actuator_without_a_limit_is_refused(actuator):
    model = hinge(actuator.format("joint='swing'")).compile()
    with pytest.raises(
        ValueError, match=r"^robot\.joints: no torque limit for 'swing': give its actuator a forcerange"
    ):
        torque_limit(model, 0, 0)


@pytest.mark.parametrize(
    ("actuator", "complaint"),
    [
        ("", "no actuator drives 'swing'"),
        ("<motor site='tip'/>", "no actuator drives 'swing'"),
        ("<motor joint='swing'/><damper joint='swing' ctrlrange='0 1'/>", "2 actuators drive 'swing'"),
    ],
)
def test_a_joint_needs_exactly_one_actuator(actuator, complaint):
    model = hinge(actuator, more="<site name='tip'/>").compile()
    with pytest.raises(ValueError, match=rf"^robot\.joints: {complaint} in the model"):
        actuators(model, np.array([0]))


def test_a_ball_joint_is_refused():
    model = hinge("<motor joint='swing'/>", joint="type='ball'").compile()
    with pytest.raises(ValueError, match=r"^robot\.joints names 'swing': it must be a hinge or a slide$"):
        actuators(model, np.array([0]))
