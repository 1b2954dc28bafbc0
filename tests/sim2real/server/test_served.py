import numpy as np
import pytest
from gambol.sim2real.server.served import Served
from gambol.sim2real.sessions import open_session
from gambol.sim2real.verify import ticks_of


@pytest.fixture(scope="module")
def served(walker):
    return Served(walker, threads=1)


def test_many_at_once_are_answered_as_the_recorded_ticks_say(served, walker):
    ticks = ticks_of(walker)
    requests = [served.request({"obs": ticks["in.obs"][i]}, served.start()) for i in range(20)]
    answers = served.answer(requests)
    for i, answer in enumerate(answers):
        assert answer.actions.shape == (1, 12)
        np.testing.assert_allclose(answer.actions[0], ticks["out.actions"][i], atol=1e-5)
    alone = open_session(walker.files["policy.onnx"]).run(None, {"obs": ticks["in.obs"][3:4]})[0]
    np.testing.assert_allclose(served.answer(requests[3:4])[0].actions, alone, atol=1e-6)


def test_it_says_what_it_takes(served, walker):
    (size,) = walker.contract.graph.inputs[0].shape
    assert served.metadata["observation"] == {"obs": {"shape": [size], "dtype": "float32"}}
    assert served.metadata["action"] == {"shape": [1, 12], "dtype": "float32"}
    assert served.metadata["digest"] == walker.digest


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ([1, 2], "an observation is a map of arrays"),
        ({}, "obs is missing: the observation has obs"),
        ({"obs": np.zeros(3)}, r"obs has shape \[3\]: it must be"),
        ({"obs": "some words"}, "obs has type <U10: it must be float32"),
        ({"obs": np.nan}, "obs is not finite"),
    ],
)
def test_what_it_does_not_take_is_named(served, message, words):
    if isinstance(message, dict) and np.ndim(message.get("obs", [])) == 0:  # everywhere, in the shape that is wanted
        message = {"obs": np.full(served.inputs["obs"].shape, message["obs"])}
    with pytest.raises(ValueError, match=words):
        served.request(message, served.start())


def test_whole_numbers_and_doubles_are_taken_for_floats(served):
    size = served.inputs["obs"].shape
    for dtype in ("f8", "f4", "i4"):
        assert served.request({"obs": np.ones(size, dtype)}, {}).seen["obs"].dtype == np.float32
