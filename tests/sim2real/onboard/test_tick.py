from dataclasses import replace

import numpy as np
import pytest
from gambol.sim2real import bundle
from gambol.sim2real import contract as contracts
from gambol.sim2real.onboard import model, tick
from gambol.sim2real.onboard.words import Readings, Told


@pytest.fixture(scope="module")
def robot(walker):
    """contract, body, readings and orders of a robot that stands."""
    ticks = bundle.unpack(walker.files["selftest.npz"], "selftest.npz")
    readings = Readings(*(np.asarray(ticks[f"raw.{name}"][5], float) for name in Readings._fields))
    told = Told(np.array([0.5, 0.0]), *(np.asarray(ticks[f"told.{name}"][5], float) for name in Told._fields[1:]))
    return walker.contract, model.read(walker.files["robot.xml"], walker.contract), readings, told


def test_the_clock_runs_while_told_to_move(robot):
    contract, body, readings, told = robot
    readings = readings._replace(speed=np.array(0.0))
    memory, phases, commands = tick.start(contract, body, readings.joints), [], []
    for i in range(90):  # the cycle in which it halts is walked to its end
        asked = told._replace(command=np.array([0.5, 0.0]) if i < 40 else np.zeros(2))
        _, memory = tick.see(contract, body, readings, asked, memory)
        phases.append(memory.phase)
        commands.append(memory.command[0])
        _, memory = tick.act(contract, body, readings, asked, np.zeros(12), memory)
    assert phases[0] == phases[1] == 0 and phases[2] == pytest.approx(2.0 * 0.02)  # it moves once it was told so
    assert np.diff(commands[:14]).max() == pytest.approx(2.0 * 0.02)  # 2 m/s^2
    assert commands[39] == 0.5 and commands[-1] == 0 and phases[-1] == 0


def test_an_action_of_nothing_is_the_default_pose(robot):
    contract, body, readings, told = robot
    memory = tick.start(contract, body, readings.joints)
    targets, after = tick.act(contract, body, readings, told, np.zeros(12), memory)
    np.testing.assert_allclose(targets[:12], contract.default_joint_pos[:12])
    assert targets[18] == contract.standing_joint_target[18]  # the gripper
    assert (after.last_action == 0).all()


def test_what_a_graph_remembers_comes_back(robot):
    contract, body, readings, told = robot
    pair = contracts.Memory("hidden_in", "hidden_out")
    contract = replace(contract, graph=replace(contract.graph, memory=(pair,)))
    outputs = {"actions": np.full((1, 12), 0.5, np.float32), "hidden_out": np.ones((1, 3))}
    action, memory = tick.heard(contract, outputs, tick.start(contract, body, readings.joints))
    assert (action == 0.5).all() and action.shape == (12,)
    assert tick.see(contract, body, readings, told, memory)[0]["hidden_in"] is outputs["hidden_out"]


def test_a_history_grows_from_what_was_seen_first(robot):
    contract, body, readings, told = robot
    (terms,) = contract.obs.order.values()
    framed = tuple(replace(term, history=3) for term in terms)
    order, inputs = {"now": terms, "history": framed}, {"now": "now", "history": "history"}
    contract = replace(contract, obs=replace(contract.obs, order=order, input=inputs))
    memory = tick.start(contract, body, readings.joints)
    seen = []
    for i in range(5):
        moved = readings._replace(rate=np.array([0.1 * i, 0, 0]))
        inputs, memory = tick.see(contract, body, moved, told, memory)
        seen.append(inputs["now"][0])
        wanted = [seen[max(j, 0)] for j in (i - 2, i - 1, i)]
        np.testing.assert_allclose(inputs["history"][0], wanted, atol=1e-6)


def test_unknown_terms_are_refused(robot):
    contract, body, readings, told = robot
    (terms,) = contract.obs.order.values()
    odd = contracts.Observation(
        contract.obs.input, {"policy": (replace(terms[0], name="smell"),)}, "baked", "frame_major", True
    )
    with pytest.raises(ValueError, match="term 'smell' is not known here"):
        tick.see(replace(contract, obs=odd), body, readings, told, tick.start(contract, body, readings.joints))
