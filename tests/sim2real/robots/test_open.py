import time

import numpy as np
import pytest
from gambol.sim2real.brain import Mode, Order
from gambol.sim2real.robots.imperfect import Imperfections
from gambol.sim2real.robots.open import link_to, open_robot
from gambol.sim2real.safety import Reason


def stand(walker, link, seconds):
    """What a robot that is told to stand says at the end."""
    contract = walker.contract
    target, kp, kd = (np.array(contract.__dict__[name]) for name in ("standing_joint_target", "kp", "kd"))
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        link.send(Order(target, kp, kd, Mode.STAND, Reason.NONE), time.monotonic())
        time.sleep(0.02)
        sense = link.sense(time.monotonic())
    return sense


@pytest.mark.parametrize("name", ["mujoco", "mujoco-dds"])
def test_a_simulated_robot_in_a_process_of_its_own(walker, walker_folder, name):
    if name == "mujoco-dds":
        pytest.importorskip("cyclonedds")
    with open_robot(name, walker_folder, walker.contract, Imperfections(), 0) as link:
        sense = stand(walker, link, 2.0)
        assert sense.age < 0.5 and link.counts().received > 50 and link.counts().refused == 0
        np.testing.assert_allclose(sense.joints, walker.contract.default_joint_pos, atol=0.2)
        assert sense.feet_force.sum() > 200


@pytest.mark.parametrize("name", ["nobody", "udp://", "http://1.2.3.4:5", "udp://h:port", "dds://lo?domain=x"])
def test_names_that_mean_nothing_are_refused(walker, name):
    with pytest.raises(ValueError, match="use mujoco, mujoco-dds, udp://HOST:PORT, or dds://INTERFACE"):
        link_to(name, walker.contract)
