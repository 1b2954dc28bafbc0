import socket
import time

import numpy as np
import pytest
from gambol.sim2real.brain import Mode, Order
from gambol.sim2real.robots import wire
from gambol.sim2real.robots.udp import UdpLink
from gambol.sim2real.robots.wire import Message
from gambol.sim2real.safety import Reason


@pytest.fixture
def pair(walker):
    """A link, the socket of the robot it speaks to, and where the link is."""
    robot = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    robot.bind(("127.0.0.1", 0))
    robot.settimeout(2)
    link = UdpLink(walker.contract, port=robot.getsockname()[1])
    link.send(order(), 1.0)
    content, address = robot.recvfrom(4096)
    yield link, robot, address, content
    link.close()
    robot.close()


def order(value=0.5):
    return Order(np.full(19, value), np.full(19, 100.0), np.full(19, 2.0), Mode.POLICY, Reason.NONE)


def state(number, session=9, joint=0.0):
    values = {name: np.zeros(size) for name, size in wire.fields(wire.STATE, 19, 4).items()}
    values["joints"] = np.full(19, joint)
    return wire.pack(wire.STATE, Message(session, number, 0.0, 0, values), 19, 4)


def heard(link, robot, address, *contents):
    for content in contents:
        robot.sendto(content, address)
    time.sleep(0.02)
    return link.sense(5.0)


def test_orders_arrive(pair):
    link, robot, _, content = pair
    message = wire.unpack(wire.ORDER, content, 19, 4)
    assert message.mode == Mode.POLICY and message.values["target"].tolist() == [0.5] * 19 and message.number == 1
    link.send(order(), 2.0)
    assert wire.unpack(wire.ORDER, robot.recv(4096), 19, 4).number == 2


def test_before_anything_is_heard_nothing_is_known(pair):
    sense = pair[0].sense(1.0)
    assert sense.age == np.inf and np.isnan(sense.joints).all() and len(sense.joints) == 19


def test_the_newest_message_counts_and_its_age_grows(pair):
    link, robot, address, _ = pair
    assert heard(link, robot, address, state(1, joint=0.1), state(2, joint=0.2)).joints[0] == pytest.approx(0.2)
    assert link.sense(5.25).age == pytest.approx(0.25)


def test_what_is_late_damaged_or_strange_is_counted_and_left(pair):
    link, robot, address, _ = pair
    damaged = bytearray(state(6, joint=0.6))
    damaged[40] ^= 1
    contents = (state(5, joint=0.5), state(4, joint=0.4), bytes(damaged), b"hello", state(1, session=8, joint=0.8))
    assert heard(link, robot, address, *contents).joints[0] == pytest.approx(0.5)
    assert link.counts() == (1, 2, 1, 1)
    link.renew()
    assert link.sense(6.0).age == np.inf
    assert heard(link, robot, address, state(1, session=8, joint=0.8)).joints[0] == pytest.approx(0.8)


def test_a_robot_that_is_gone_raises_nothing(walker):
    lost = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    lost.bind(("127.0.0.1", 0))
    port = lost.getsockname()[1]
    lost.close()
    link = UdpLink(walker.contract, port=port)
    for i in range(5):
        link.send(order(), float(i))
        time.sleep(0.01)
        assert link.sense(float(i)).age == np.inf
    link.close()
