import numpy as np
import pytest
from gambol.sim2real.brain import Mode, Order
from gambol.sim2real.robots.imperfect import Imperfections
from gambol.sim2real.robots.lockstep import Lockstep
from gambol.sim2real.robots.simulated import Exchange, SimulatedRobot
from gambol.sim2real.safety import Reason


@pytest.fixture
def lock(walker):
    own = Imperfections(noise=1.0, latency_ms=10.0, jitter_ms=0.0, order_latency_ms=5.0)
    robot = SimulatedRobot(walker.contract, walker.files["robot.xml"], own, 3)
    return Lockstep(walker.contract, Exchange(robot))


def standing(contract):
    target, kp, kd = (np.array(contract.__dict__[name]) for name in ("standing_joint_target", "kp", "kd"))
    return Order(target, kp, kd, Mode.STAND, Reason.NONE)


def test_time_passes_only_when_one_sleeps(lock, walker):
    assert lock.now() == 0.0 and lock.sense(0.0).age == np.inf
    lock.sleep_until(0.009)
    assert lock.sense(lock.now()).age == np.inf
    lock.sleep_until(0.1)
    assert lock.now() == pytest.approx(0.1)
    assert lock.sense(lock.now()).age <= 0.002
    lock.sleep_until(0.05)
    assert lock.now() == pytest.approx(0.1)


def test_orders_reach_the_drives_late(lock, walker):
    lock.sleep_until(0.02)
    lock.send(standing(walker.contract), lock.now())
    gains = lock.exchange.robot.body.model.actuator_gainprm[:, 0]
    lock.sleep_until(0.024)
    assert not gains.any()
    lock.sleep_until(0.026)
    np.testing.assert_allclose(gains[list(walker.contract.joint2motor)], walker.contract.kp)


def test_a_delay_that_grows_is_seen_and_one_that_was_always_there_is_not(lock):
    lock.sleep_until(0.1)
    ages = []
    lock.exchange.spoil = lambda message, now: [message._replace(stamp=message.stamp - 0.1)]
    lock.sleep_until(0.13)
    ages.append(lock.sense(lock.now()).age)
    lock.renew()
    lock.sleep_until(0.15)
    ages.append(lock.sense(lock.now()).age)
    assert ages[0] == pytest.approx(0.1, abs=0.005) and ages[1] <= 0.002
