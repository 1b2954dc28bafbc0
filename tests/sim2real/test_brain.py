from dataclasses import replace

import numpy as np
import pytest
from gambol.sim2real import brain as brains
from gambol.sim2real.brain import Ask, Brain, Mode, Sense, State
from gambol.sim2real.onboard import model as models
from gambol.sim2real.onboard.words import Told
from gambol.sim2real.safety import Reason

DT = 0.02
AHEAD = np.array([0.5, 0.4, 0, 0, 0, 0])


def ask(mode, forward=0.0):
    return Ask(mode, Told(np.array([forward, 0.0]), AHEAD, AHEAD))


@pytest.fixture(scope="module")
def brain(walker):
    """With a policy that asks for the default pose."""
    contract = walker.contract
    rest = {"actions": np.zeros((1, 12), np.float32)}
    body = models.read(walker.files["robot.xml"], contract)
    return Brain(contract, body, brains.limits_of(contract), lambda inputs: rest)


@pytest.fixture(scope="module")
def still(brain):
    """A robot that stands in its default pose."""
    zeros = np.zeros(19)
    joints = np.array(brain.contract.default_joint_pos)
    return Sense(0.002, np.array([1.0, 0, 0, 0]), np.zeros(3), joints, zeros, np.full(4, 150.0))


def ticks(brain, state, sense, wanted, count):
    """A sense that is given again and again, but for a gyroscope that is never quite still."""
    orders = []
    for i in range(count):
        state, order = brain.step(state, sense._replace(rate=sense.rate + 1e-9 * (i % 2)), wanted)
        orders.append(order)
    return state, orders


@pytest.fixture(scope="module")
def walking(brain, still):
    """A state in the middle of the policy."""
    state, _ = ticks(brain, State(), still, ask(Mode.POLICY, 0.3), 130)
    assert state.mode == Mode.POLICY
    return state


def test_it_stands_up_before_the_policy_acts(brain, still):
    bent = still._replace(
        joints=still.joints + 0.1 * np.sign(np.mean([brain.limits.lower, brain.limits.upper], 0) - still.joints)
    )
    _, orders = ticks(brain, State(), bent, ask(Mode.POLICY), 130)
    modes = [order.mode for order in orders]
    assert modes == [Mode.STAND] * 100 + [Mode.POLICY] * 30
    np.testing.assert_allclose(orders[0].target, bent.joints, atol=0.03)
    legs = slice(0, 12)
    np.testing.assert_allclose(orders[99].target[legs], brain.contract.standing_joint_target[legs], atol=1e-6)
    kp = np.array([order.kp[0] for order in orders])
    assert kp[0] == pytest.approx(0.3 * 150, rel=0.05) and (np.diff(kp) >= 0).all() and kp[99] == 150
    moved = np.diff([order.target for order in orders[:100]], axis=0)
    assert np.abs(moved).max() < 0.03  # a second for each way


def test_passive_and_damping_only_damp(brain, still):
    for mode in (Mode.PASSIVE, Mode.DAMPING):
        state, (order,) = ticks(brain, State(), still, ask(mode), 1)
        assert state.mode == order.mode == mode
        assert (order.kp == 0).all() and (order.kd == brain.limits.damping).all()
        assert np.isfinite(order.target).all()


def test_it_does_not_stand_up_without_knowing_how_it_lies(brain, still):
    for bad in (
        still._replace(age=np.inf),
        still._replace(joints=np.full(19, np.nan)),
        still._replace(turn=np.array([0.0, 1.0, 0, 0])),
        still._replace(turn=np.full(4, np.nan)),
    ):
        state, orders = ticks(brain, State(), bad, ask(Mode.STAND), 3)
        assert state.mode == Mode.PASSIVE and (orders[-1].kp == 0).all()


FAULTS = {
    "stale": (lambda s: s._replace(age=0.2), Reason.STALE),
    "future": (lambda s: s._replace(age=-0.1), Reason.STALE),
    "joint": (lambda s: s._replace(joints=np.where(np.arange(19) == 4, np.nan, s.joints)), Reason.NOT_FINITE),
    "rate": (lambda s: s._replace(joint_rates=np.where(np.arange(19) == 4, 36.0, 0)), Reason.JOINT_SPEED),
    "tilt": (lambda s: s._replace(turn=np.array([0.8, 0.6, 0, 0])), Reason.TILT),
    "spin": (lambda s: s._replace(rate=np.array([0, 0, 9.0])), Reason.BASE_SPEED),
    "imu": (lambda s: s._replace(turn=np.full(4, np.nan)), Reason.NOT_FINITE),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_damps_at_once_and_until_the_operator_says_otherwise(brain, still, walking, name):
    change, reason = FAULTS[name]
    state, (order,) = ticks(brain, walking, change(still), ask(Mode.POLICY), 1)
    assert order.mode == state.mode == Mode.DAMPING and order.reason == reason
    assert (order.kp == 0).all() and np.isfinite(order.target).all()
    state, orders = ticks(brain, state, still, ask(Mode.POLICY), 20)
    assert state.mode == Mode.DAMPING and all((order.kp == 0).all() and order.reason == reason for order in orders)
    state, _ = ticks(brain, state, still, ask(Mode.STAND), 5)
    assert state.mode == Mode.DAMPING
    state, _ = ticks(brain, state, still, ask(Mode.PASSIVE), 1)
    assert state.mode == Mode.PASSIVE
    state, _ = ticks(brain, state, still, ask(Mode.STAND), 1)
    assert state.mode == Mode.STAND


def test_a_policy_that_says_nothing_finite_is_a_fault(brain, still, walking):
    mad = replace(brain, infer=lambda inputs: {"actions": np.full((1, 12), np.nan, np.float32)})
    state, (order,) = ticks(mad, walking, still, ask(Mode.POLICY), 1)
    assert state.mode == Mode.DAMPING and order.reason == Reason.NOT_FINITE and np.isfinite(order.target).all()


def test_ticks_that_did_not_happen(brain, still, walking):
    state, order = brain.step(walking, still, ask(Mode.POLICY), skipped=2)
    assert state.mode == Mode.POLICY
    state, order = brain.step(walking, still, ask(Mode.POLICY), skipped=3)
    assert state.mode == Mode.DAMPING and order.reason == Reason.DEADLINE


def test_the_operator_gets_out_of_the_policy(brain, still, walking):
    for mode in (Mode.DAMPING, Mode.PASSIVE):
        state, (order,) = ticks(brain, walking, still, ask(mode), 1)
        assert state.mode == mode and (order.kp == 0).all()
    state, orders = ticks(brain, walking, still, ask(Mode.STAND), 100)
    assert state.mode == Mode.STAND and orders[-1].kp[0] == 150
    state, _ = ticks(brain, state, still, ask(Mode.POLICY), 2)
    assert state.mode == Mode.POLICY and state.memory is not None and state.memory.ticks == 2


def test_the_same_twice(brain, still, walking):
    one, two = (ticks(brain, walking, still, ask(Mode.POLICY, 0.5), 10)[1] for _ in range(2))
    for a, b in zip(one, two, strict=True):
        assert all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def test_a_policy_without_a_robot_cannot_be_run(brain):
    with pytest.raises(ValueError, match="is not for a robot: it cannot be run on one"):
        brains.limits_of(replace(brain.contract, robot=None))
