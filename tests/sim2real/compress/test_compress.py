import numpy as np
import pytest
from gambol.policies.judge.statistics import Interval
from gambol.sim2real import bundle, export, verify
from gambol.sim2real.compress import compress as module
from gambol.sim2real.compress.compress import Compared, Compression, Cost, compress, latency, reached, sensitivity
from gambol.sim2real.sessions import open_session
from gambol.sim2real.verify import ticks_of

from ...conftest import WALKER


@pytest.fixture(scope="module")
def states(walker):
    return {"obs": ticks_of(walker)["in.obs"]}


@pytest.mark.parametrize(
    ("how", "most", "share"),
    [
        (Compression("int8"), 0.05, 0.45),
        (Compression("int8", smooth=0.5), 0.05, 0.45),
        (Compression("w8"), 0.02, 0.45),
        (Compression("w4"), 0.2, 0.35),
        (Compression("w4", hqq=True), 0.2, 0.35),
    ],
)
def test_the_trained_graph_becomes_smaller_and_says_nearly_the_same(walker, states, how, most, share):
    content = walker.files["policy.onnx"]
    small = compress(content, how, states)
    assert len(small) < share * len(content)
    a, b = (open_session(graph).run(None, states)[0] for graph in (content, small))
    assert np.linalg.norm(a - b) / np.linalg.norm(a) < most
    assert all(ms > 0 for ms in latency(small, states))


def test_what_inputs_reach_is_measured(walker, states):
    import onnx

    found = reached(onnx.load_from_string(walker.files["policy.onnx"]), states)
    assert all(values.ndim == 1 and (values >= 0).all() for values in found.values()) and len(found) >= 4


def test_how_far_outputs_move_with_the_last_digits(walker, states):
    content = walker.files["policy.onnx"]
    assert sensitivity(content, states) < 1e-3 < sensitivity(compress(content, Compression("int8"), states), states)


@pytest.fixture
def judged(monkeypatch):
    """(drop of the score) -> exports are judged to cost that much, without being played."""

    def make(drop):
        score, after = Interval(0.9, 0.88, 0.92), Interval(0.9 - drop, 0.8, 0.95)
        compared = Compared(Cost(9, 0.1, 0.1, score), Cost(3, 0.1, 0.1, after), 0.01, Interval(drop, drop, drop))
        monkeypatch.setattr(export, "compare", lambda *words: compared)

    return make


def test_a_graph_that_plays_worse_is_not_written(judged, tmp_path):
    judged(0.05)
    words = "quantize int8: the score drops from 0.900 to 0.850 .* by more than 0.02: use more bits"
    with pytest.raises(ValueError, match=words):
        export.export(WALKER, tmp_path / "b", compression=Compression("int8"))
    assert not (tmp_path / "b").exists()


def test_a_compressed_bundle_proves_itself(judged, tmp_path):
    judged(0.01)
    made = export.export(WALKER, tmp_path / "b", compression=Compression("int8", prune=1, heal=0))
    assert made.contract.selftest.readings_atol > 1e-4 and not made.contract.selftest.batched
    checks = verify.verify(tmp_path / "b")
    assert all(check.ok for check in checks.values()), checks
    read = bundle.read(tmp_path / "b")
    ticks = ticks_of(read)
    ticks["out.actions"][5] += 1e-3
    files = {**read.files, "selftest.npz": bundle.pack(ticks)}
    bundle.write(tmp_path / "c", files)
    assert not verify.verify(tmp_path / "c")["selftest"].ok


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"quantize": "w3"}, "quantize is 'w3': use int8, w8, w4, w2"),
        ({"quantize": "int8", "hqq": True}, "hqq goes with w8, w4 and w2"),
        ({"quantize": "w4", "block": 24}, "block is 24: it must be a power of two"),
        ({"quantize": "w4", "smooth": 1.5}, "smooth is 1.5"),
        ({"quantize": "w4", "margin": -1.0}, "margin must be 0 or more"),
        ({"prune": -1}, "prune and heal must be 0 or more"),
        ({}, "nothing is made smaller"),
        ({"prune": 1, "smooth": 0.5}, "hqq and smooth go with quantize"),
    ],
)
def test_what_cannot_be_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Compression(**settings)


def test_scores_are_played_by_episodes_or_by_levels(monkeypatch):
    table = np.array([[0.5], [0.7], [0.9]])
    assert module.interval(table).lo < 0.7 < module.interval(table).hi
    solved = np.ones((4, 10))
    assert module.interval(solved).mean == module.interval(solved).lo == 1.0
