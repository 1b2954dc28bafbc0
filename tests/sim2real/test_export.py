import numpy as np
import pytest
from gambol.sim2real import bundle, sessions
from gambol.sim2real.export import export

from ..conftest import WALKER


def test_the_ticks_are_of_real_roll_outs(walker):
    ticks = bundle.unpack(walker.files["selftest.npz"], "selftest.npz")
    contract = walker.contract
    assert contract.selftest.count == len(ticks["tick"]) >= 64
    starts = np.flatnonzero(ticks["tick"] == 0)
    assert len(starts) >= 4 and np.ptp(ticks["raw.joints"], axis=0)[:12].min() > 0.01  # they move
    assert np.ptp(ticks["told.goal"], axis=0)[:3].min() > 0  # and so do their goals
    norm = np.linalg.norm(ticks["raw.turn"], axis=1)
    np.testing.assert_allclose(norm, 1, atol=1e-3)


def test_the_graph_is_small_and_its_actions_limited(walker):
    contract = walker.contract
    (term,) = [term for term in contract.obs.order["policy"] if term.name == "last_action"]
    assert contract.obs.input == {"policy": "obs"} and term.dim == 12
    low, high = np.array(contract.action.clip).T
    session = sessions.open_session(walker.files["policy.onnx"])
    wild = np.random.default_rng(0).normal(0, 1e3, (200, *contract.graph.inputs[0].shape)).astype(np.float32)
    (actions,) = session.run(None, {"obs": wild})
    assert (actions >= low - 1e-5).all() and (actions <= high + 1e-5).all() and (actions == high).any()


def test_a_folder_that_exists_is_left_alone(tmp_path):
    (tmp_path / "b").mkdir()
    with pytest.raises(ValueError, match="exists: remove it, or choose another name with -o"):
        export(WALKER, tmp_path / "b")
    with pytest.raises(ValueError, match="is not a run"):
        export(tmp_path / "nowhere", tmp_path / "c")
    assert not (tmp_path / "c").exists()
