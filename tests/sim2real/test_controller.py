"""The loop, on a robot in lockstep: what is judged here is time, order of things and how it ends."""

from types import SimpleNamespace

import numpy as np
import pytest
from gambol.sim2real import controller
from gambol.sim2real import log as logs
from gambol.sim2real.brain import Brain, Mode, limits_of
from gambol.sim2real.controller import rehearse, run
from gambol.sim2real.onboard import model as models
from gambol.sim2real.robots.imperfect import Imperfections
from gambol.sim2real.robots.lockstep import Lockstep
from gambol.sim2real.robots.simulated import Exchange, SimulatedRobot
from gambol.sim2real.safety import Reason
from gambol.sim2real.thinking import AtOnce, graph

from .test_brain import ask

DT = 0.02


class Recording(Lockstep):
    """Keeps what is sent."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.sent = []

    def send(self, order, now):
        self.sent.append((now, order))
        super().send(order, now)


@pytest.fixture
def stage(walker):
    """(pauses of the policy by tick) -> brain, mind, link of a new robot."""

    def make(pauses=None):
        contract, xml = walker.contract, walker.files["robot.xml"]
        link = Recording(contract, Exchange(SimulatedRobot(contract, xml, Imperfections(latency_ms=2.0), 0)))
        real, count = graph(walker.files["policy.onnx"], contract.graph), iter(range(10_000))

        def infer(inputs):
            link.sleep_until(link.now() + (pauses or {}).get(next(count), 0.0))
            return real(inputs)

        mind = AtOnce(infer)
        return Brain(contract, models.read(xml, contract), limits_of(contract), mind), mind, link

    return make


def walk(until):
    def operator(seconds, mode):
        return None if seconds > until else ask(Mode.POLICY, 0.3)

    return operator


def test_ticks_begin_on_absolute_deadlines_and_the_last_order_damps(stage):
    brain, mind, link = stage()
    summary = run(brain, mind, link, walk(3.0), None, link)
    times = np.array([time for time, _ in link.sent])
    np.testing.assert_allclose(np.diff(times[:-3]), DT, atol=1e-6)
    assert summary.missed == 0 and not summary.stops and summary.ticks == len(times) - 3
    assert summary.modes["stand"] == 100 and summary.modes["policy"] == summary.ticks - 100 - summary.modes["passive"]
    assert len(summary.inference) == summary.modes["policy"]
    for _, order in link.sent[-3:]:
        assert not order.kp.any() and (order.kd > 0).all()


@pytest.mark.parametrize(("pause", "missed", "skipped"), [(0.03, 1, 0), (0.05, 2, 1)])
def test_a_late_tick_does_not_shift_those_after_it(stage, pause, missed, skipped):
    brain, mind, link = stage({5: pause})
    summary = run(brain, mind, link, walk(3.0), None, link)
    assert summary.missed == missed and not summary.stops
    times = np.array([time for time, _ in link.sent[:-3]])
    late = np.abs(times / DT - np.round(times / DT)) > 0.01
    assert late.sum() <= 2 and not late[-20:].any() and times[-1] == pytest.approx(3.0, abs=1e-6)
    assert summary.ticks == 151 - skipped


def test_a_controller_that_hangs_stops_the_robot(stage):
    brain, mind, link = stage({5: 0.5})
    summary = run(brain, mind, link, walk(4.0), None, link)
    ((when, reason),) = summary.stops
    assert reason in (Reason.DEADLINE, Reason.STALE) and when < 3.2
    assert all(not order.kp.any() for time, order in link.sent if time > when)


def test_an_operator_that_breaks_leaves_a_robot_that_damps(stage):
    brain, mind, link = stage()

    def broken(seconds, mode):
        if seconds > 2.5:
            raise RuntimeError("the joystick broke")
        return ask(Mode.POLICY)

    with pytest.raises(RuntimeError, match="joystick"):
        run(brain, mind, link, broken, None, link)
    assert link.sent[-4][1].kp.any() and not link.sent[-1][1].kp.any()


def test_a_run_is_replayed_bit_for_bit_and_another_is_not(stage, walker, tmp_path):
    brain, mind, link = stage({8: 0.03})
    writer = logs.Writer((tmp_path / "a.log").open("xb", buffering=0), walker.contract, walker.digest)
    summary = run(brain, mind, link, walk(3.5), writer, link)
    writer.close()
    log = logs.read(tmp_path / "a.log", walker.contract)
    assert len(log.ticks) == summary.ticks and summary.lost == 0
    fresh, _, _ = stage()
    assert logs.replay(fresh, log) == []
    ticks = log.ticks.copy()
    ticks["joints"][120, 3] += 1e-3
    assert logs.replay(fresh, log._replace(ticks=ticks))


def test_the_same_run_comes_out_the_same(stage):
    targets = []
    for _ in range(2):
        brain, mind, link = stage()
        run(brain, mind, link, walk(2.6), None, link)
        targets.append(np.array([order.target for _, order in link.sent]))
    np.testing.assert_array_equal(*targets)


def test_a_tick_is_rehearsed_as_often_as_there_is_time():
    times, done = iter(np.arange(0.0, 1.0, 1e-3)), []
    clock, brain = SimpleNamespace(now=lambda: next(times)), SimpleNamespace(step=lambda *known: done.append(known))
    rehearse(brain, "state", "sense", "ask", clock, 0.01)
    assert 8 <= len(done) <= 10 and set(done) == {("state", "sense", "ask")}
    assert next(times) == pytest.approx(0.011)  # it does not rest before the tick


def test_a_tick_that_is_late_already_is_not_rehearsed(stage, monkeypatch):
    rehearsed = []
    monkeypatch.setattr(controller, "rehearse", lambda brain, state, sense, ask, clock, until: rehearsed.append(until))
    brain, mind, link = stage({5: 0.019})
    summary = run(brain, mind, link, walk(2.6), None, link, 5e-3)
    assert summary.missed == 0 and len(rehearsed) == summary.ticks - 1


def test_what_is_rehearsed_leaves_no_trace(stage, monkeypatch):
    """The clock of a robot in lockstep stands still while the brain thinks, so here a rehearsal is two steps."""
    monkeypatch.setattr(controller, "rehearse", lambda brain, *known: [brain.step(*known[:3]) for _ in range(2)])
    sent = []
    for rehearsal in (0.0, 1e-3):
        brain, mind, link = stage()
        run(brain, mind, link, walk(2.6), None, link, rehearsal)
        sent.append(np.array([order.target for _, order in link.sent]))
    np.testing.assert_array_equal(*sent)
