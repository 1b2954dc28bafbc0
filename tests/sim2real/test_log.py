import numpy as np
import pytest
from gambol.sim2real import log as logs
from gambol.sim2real.brain import Brain, Mode, Sense, State, limits_of
from gambol.sim2real.faults.stage import Disk
from gambol.sim2real.onboard import model as models

from .test_brain import ask


@pytest.fixture(scope="module")
def brain(walker):
    """With a policy that asks for something else each time."""
    contract = walker.contract
    seen = contract.graph.inputs[0].shape[0]
    weights = np.random.default_rng(0).normal(0, 0.02, (seen, 12)).astype(np.float32)
    body = models.read(walker.files["robot.xml"], contract)
    return Brain(contract, body, limits_of(contract), lambda inputs: {"actions": inputs["obs"] @ weights})


@pytest.fixture
def path(brain, tmp_path):
    """A log of 200 ticks: standing up, the policy, a fault."""
    writer = logs.Writer((tmp_path / "a.log").open("xb", buffering=0), brain.contract, "d" * 64)
    draw, state = np.random.default_rng(1), State()
    joints = np.array(brain.contract.default_joint_pos)
    for i in range(200):
        noise = draw.normal(0, 0.01, 19)
        turn = np.array([1.0, *draw.normal(0, 0.02, 3)])
        sense = Sense(
            0.003 if i < 180 else 1.0, turn, draw.normal(0, 0.1, 3), joints + noise, 5 * noise, draw.uniform(0, 300, 4)
        )
        wanted = ask(Mode.POLICY, 0.4)
        state, order = brain.step(state, sense, wanted)
        writer.write(**logs.of_tick(0.02 * i, sense, 0, False, wanted, order), late_ms=0.1)
    assert state.mode == Mode.DAMPING
    writer.close()
    return tmp_path / "a.log"


def test_a_replay_decides_the_same_bit_for_bit(brain, path):
    log = logs.read(path, brain.contract)
    assert len(log.ticks) == 200 and log.about["policy"] == "track-b1z1"
    assert {int(mode) for mode in log.ticks["mode"]} == {Mode.STAND, Mode.POLICY, Mode.DAMPING}
    assert logs.replay(brain, log) == []


def test_a_replay_finds_small_changes(brain, path):
    log = logs.read(path, brain.contract)
    changed = log.ticks.copy()
    changed["joints"][150, 3] += 1e-6
    found = logs.replay(brain, log._replace(ticks=changed))
    assert found and min(tick for tick, _ in found) >= 150
    changed = log.ticks.copy()
    changed["target"][120, 0] += 1e-12
    assert logs.replay(brain, log._replace(ticks=changed)) == [(120, "target")]


def test_a_crash_costs_at_most_the_last_tick(brain, path):
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    assert len(logs.read(path, brain.contract).ticks) == 199
    path.write_bytes(b"{}\n" + whole)
    with pytest.raises(ValueError, match="is not a log of such a robot"):
        logs.read(path, brain.contract)
    path.write_bytes(b"nothing")
    with pytest.raises(ValueError, match="is not the JSON it should be"):
        logs.read(path, brain.contract)


def test_a_full_disk_stops_the_log_and_nothing_else(brain):
    room = 2 * logs.record_type(brain.contract).itemsize
    writer = logs.Writer(Disk(room), brain.contract, "d" * 64)
    writer.write(time=1.0)
    writer.write(time=2.0)
    writer.write(time=3.0)
    assert writer.lost == 2
