"""The campaign in short form, and that its judge would see what is not safe."""

from dataclasses import replace

import numpy as np
import pytest
from gambol.sim2real import safety
from gambol.sim2real.faults import campaign, catalogue
from gambol.sim2real.faults.campaign import play
from gambol.sim2real.faults.catalogue import FAULTS
from gambol.sim2real.faults.fault import Fault

BY_NAME = {fault.name: fault for fault in FAULTS}
SHORT = (
    *("IMU frozen", "orientation all zeros", "knee encoder jumps by 1 rad", "foot sensors not a number"),
    *("silence of 40 ms", "silence of 100 ms", "30 % of messages lost, both ways", "latency grows by 200 ms"),
    *("pushed over at 4 m/s", "policy says random things", "controller hangs for 1 s", "disk of the log full"),
)


@pytest.mark.parametrize("name", SHORT)
def test_a_fault_ends_as_it_should(walker, name):
    outcome = play(walker, BY_NAME[name])
    assert outcome.ok, outcome


def test_there_are_enough_of_them_and_each_is_one():
    assert len(BY_NAME) == len(FAULTS) >= 50
    for fault in FAULTS:
        happens = [getattr(fault, name) for name in ("readings", "states", "content", "body", "policy", "ask", "disk")]
        changed = fault.hangs or fault.slow or fault.imperfections != catalogue.NORMAL
        assert sum(x is not None for x in happens) + bool(changed) == 1, fault.name


def test_a_gate_that_guards_nothing_is_found_out(walker, monkeypatch):
    def open_gate(limits, state, reading, asked, answered, dt):
        _, decision = safety.decide(limits, state, reading, asked, answered, dt)
        return state, decision._replace(
            target=2 * asked, kp=limits.kp, kd=limits.kd, reason=np.zeros_like(decision.reason)
        )

    monkeypatch.setattr("gambol.sim2real.brain.safety", Shadow(safety, decide=open_gate))
    random = play(walker, BY_NAME["policy says random things"])
    assert not random.ok and any("outside its joint's range" in what for what in random.complaints)
    assert not play(walker, BY_NAME["policy says not a number"]).ok
    assert not play(walker, BY_NAME["robot silent for good"]).ok


class Shadow:
    """A module with some functions in place of its own."""

    def __init__(self, module, **others):
        self._module = module
        self.__dict__.update(others)

    def __getattr__(self, name):
        return getattr(self._module, name)


def test_a_robot_that_was_to_walk_and_does_not_fails(walker):
    lying = replace(BY_NAME["pushed over at 4 m/s"], ends="walks")
    outcome = play(walker, lying)
    assert not outcome.ok and outcome.ended == "damps" and outcome.height < 0.4


def test_a_robot_that_is_down_and_driven_is_told(walker, monkeypatch):
    monkeypatch.setattr(campaign, "DOWN", 5.0)
    outcome = play(walker, Fault("nothing", "either"))
    assert outcome.ended == "falls" and not outcome.ok
