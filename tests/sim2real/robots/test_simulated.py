import numpy as np
import pytest
from gambol.sim2real.robots.imperfect import Imperfections
from gambol.sim2real.robots.simulated import DT, WATCHDOG, Exchange, SimulatedRobot
from gambol.sim2real.robots.wire import Message

IDEAL = Imperfections(noise=0.0, latency_ms=0.0, jitter_ms=0.0)


@pytest.fixture
def make(walker):
    """(imperfections) -> a robot."""
    return lambda imperfections=IDEAL: SimulatedRobot(walker.contract, walker.files["robot.xml"], imperfections, 0)


def order(contract, number, session=1, target=None, kp=None, kd=None):
    values = {
        "target": np.array(contract.standing_joint_target) if target is None else target,
        "kp": np.array(contract.kp) if kp is None else kp,
        "kd": np.array(contract.kd) if kd is None else kd,
    }
    return Message(session, number, 0.0, 2, values)


def run(exchange, seconds, start=0.0, orders=lambda now: None):
    """All states that arrive."""
    states = []
    for i in range(round(seconds / DT)):
        now = start + (i + 1) * DT
        message = orders(now)
        if message:
            exchange.hear(message, now)
        states += exchange.step(now)
    return states


def test_drives_do_what_they_are_told(make, walker):
    robot = make()
    draw = np.random.default_rng(0)
    target = np.array(walker.contract.default_joint_pos) + draw.uniform(-0.05, 0.05, 19)
    robot.order(order(walker.contract, 1, target=target), 0.0)
    robot.step(DT)
    before = {name: values.copy() for name, values in robot.readings().items()}
    robot.step(2 * DT)
    torque = np.array(walker.contract.kp) * (target - before["joints"])
    torque -= np.array(walker.contract.kd) * before["joint_rates"]
    inside = np.abs(torque) < np.array(walker.contract.torque_limits)
    assert inside.sum() > 15
    np.testing.assert_allclose(robot.readings()["torque"][inside], torque[inside], rtol=1e-6)


def test_it_stands_while_it_is_told_to_and_lets_go_when_nobody_speaks(make, walker):
    robot = make()
    exchange = Exchange(robot)
    run(exchange, 3.0, orders=lambda now: order(walker.contract, round(now / DT)))
    height = robot.data.qpos[robot.body.base_qpos + 2]
    assert height == pytest.approx(walker.contract.robot.standing_height, abs=0.05)
    last = run(exchange, WATCHDOG + 0.02, start=3.0)[-1].values
    damping = np.array(walker.contract.safety.damping)
    np.testing.assert_allclose(last["torque"], -damping * last["joint_rates"], atol=1)
    run(exchange, 2.0, start=3.2)
    assert robot.data.qpos[robot.body.base_qpos + 2] < 0.3


def test_one_controller_is_listened_to(make, walker):
    robot = make()
    exchange = Exchange(robot)
    contract, limp = walker.contract, np.zeros(19)

    def two(now):
        number = round(now / DT)
        return order(contract, number) if number % 2 else order(contract, number, session=2, kp=limp)

    run(exchange, 0.5, orders=two)
    assert (robot.body.model.actuator_gainprm[:, 0] > 0).all()
    run(exchange, 0.3, start=0.5, orders=lambda now: order(contract, round(now / DT), session=2, kp=limp))
    assert (robot.body.model.actuator_gainprm[:, 0] == 0).all()


def test_old_orders_and_those_that_are_not_finite_are_left(make, walker):
    robot = make()
    exchange = Exchange(robot)
    contract = walker.contract
    exchange.hear(order(contract, 10), 0.0)
    exchange.step(DT)
    exchange.hear(order(contract, 9, kp=np.zeros(19)), 0.0)
    exchange.hear(order(contract, 11, target=np.full(19, np.nan)), 0.0)
    exchange.step(2 * DT)
    assert (robot.body.model.actuator_gainprm[:, 0] > 0).all() and np.isfinite(robot.data.ctrl).all()


def test_it_speaks_500_times_a_second_and_late(make, walker):
    exchange = Exchange(make(Imperfections(noise=0.0, latency_ms=30.0, jitter_ms=0.0)))
    states = run(exchange, 1.0)
    assert len(states) == pytest.approx(485, abs=2)
    assert [state.number for state in states[:3]] == [2, 4, 6]
    np.testing.assert_allclose([state.stamp for state in states[:3]], [0.002, 0.004, 0.006])


def test_pushes_come_when_they_are_due(make):
    robot = make(Imperfections(noise=0.0, push=1.5, push_period=0.2))
    fast = []
    for i in range(1, 501):
        robot.step(i * DT)
        fast.append(float(np.hypot(*robot.data.qvel[robot.body.base_qvel : robot.body.base_qvel + 2])))
    jumps = np.flatnonzero(np.diff(fast) > 0.7) + 2
    assert jumps.tolist() == [200, 400]
