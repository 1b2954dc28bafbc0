import os
import time
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("cyclonedds")

from gambol.sim2real.brain import Mode, Order
from gambol.sim2real.robots import unitree
from gambol.sim2real.robots.dds import DdsLink, DdsPost
from gambol.sim2real.robots.wire import Message
from gambol.sim2real.safety import Reason

DOMAIN = 1 + os.getpid() % 200
"""Tests of two checkouts on one machine must not meet."""


@pytest.fixture
def pair(walker):
    link, post = DdsLink(walker.contract, DOMAIN), DdsPost(walker.contract, DOMAIN)
    yield link, post
    link.close()
    post.close()


def order(kp=100.0):
    joints = np.linspace(-1, 1, 19)
    return Order(joints, np.full(19, kp), np.full(19, 2.0), Mode.POLICY, Reason.NONE)


def state(number, joint=0.5):
    draw = np.random.default_rng(0)
    values = {name: draw.normal(size=19) for name in ("joint_rates", "torque")}
    values |= {
        "turn": np.array([1.0, 0, 0, 0]),
        "rate": draw.normal(size=3),
        "feet_force": np.array([10.0, 20, 30, 40]),
    }
    return Message(1, number, 0.0, 0, {**values, "joints": np.full(19, joint)})


def until(done, act, seconds=10.0):
    """Do something again and again until it has come about."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        act()
        time.sleep(0.01)
        if found := done():
            return found
    raise AssertionError("it did not come about")


def test_orders_and_states_arrive(pair):
    link, post = pair
    (got, *_) = until(post.orders, lambda: link.send(order(), 0.0))
    np.testing.assert_allclose(got.values["target"], np.linspace(-1, 1, 19), atol=1e-6)
    assert got.values["kp"].tolist() == [100.0] * 19 and got.values["kd"].tolist() == [2.0] * 19

    def heard():
        sense = link.sense(5.0)
        return sense if np.isfinite(sense.age) else None

    sense = until(heard, lambda: post.send(state(10)))
    np.testing.assert_allclose(sense.joints, 0.5)
    np.testing.assert_allclose(sense.rate, state(10).values["rate"], rtol=1e-6)
    assert sense.feet_force.tolist() == [10, 20, 30, 40]


def test_the_newest_state_counts_and_a_damaged_one_does_not(pair):
    link, post = pair
    until(lambda: np.isfinite(link.sense(1.0).age), lambda: post.send(state(10)))
    for number in (12, 14, 16):
        post.send(state(number, joint=number / 100))
    time.sleep(0.05)
    assert link.sense(1.0).joints[0] == pytest.approx(0.16)
    wrong = unitree.low_state(state(18, joint=0.9).values, 18, np.arange(19))
    wrong["motor_state"]["q"][0] = 0.1
    post._topics.write(wrong)
    time.sleep(0.05)
    assert link.sense(1.0).joints[0] == pytest.approx(0.16) and link.counts().refused == 1
    post.send(state(15, joint=0.9))
    time.sleep(0.05)
    assert link.sense(1.0).joints[0] == pytest.approx(0.16) and link.counts().late == 1


def test_a_robot_that_starts_anew_is_strange_until_the_link_is_renewed(pair, walker):
    link, post = pair
    until(lambda: np.isfinite(link.sense(1.0).age), lambda: post.send(state(10)))
    other = DdsPost(walker.contract, DOMAIN)
    until(lambda: link.sense(1.0) and link.counts().strange, lambda: other.send(state(20, joint=0.9)))
    assert link.sense(1.0).joints[0] == pytest.approx(0.5)
    link.renew()
    until(lambda: link.sense(1.0).joints[0] == pytest.approx(0.9), lambda: other.send(state(22, joint=0.9)))
    other.close()


def test_a_robot_with_too_many_motors_is_refused(walker):
    motors = (*walker.contract.joint2motor[:-1], 20)
    with pytest.raises(ValueError, match="DDS: rt/lowcmd has 20 motors and 4 feet: the robot has more"):
        DdsLink(replace(walker.contract, joint2motor=motors), DOMAIN)


def test_an_interface_that_is_not_there_is_told(walker):
    with pytest.raises(ValueError, match="name a network interface that is up"):
        DdsLink(walker.contract, DOMAIN + 1, "nowhere0")
