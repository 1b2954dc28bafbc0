import subprocess
import sys
import threading

import numpy as np
import pytest
from gambol.sim2real.sessions import open_session
from gambol.sim2real.thinking import AtOnce, Background, Later, graph, thinker, warm_up
from gambol.sim2real.verify import ticks_of


def test_warming_up_asks_for_what_the_graph_takes(walker):
    seen = []
    warm_up(walker.contract.graph, lambda inputs: seen.append({name: v.shape for name, v in inputs.items()}), times=2)
    assert seen == [{tensor.name: (1, *tensor.shape) for tensor in walker.contract.graph.inputs}] * 2


def test_the_graph_says_what_its_session_says(walker):
    session = open_session(walker.files["policy.onnx"])
    infer, ticks = graph(walker.files["policy.onnx"], walker.contract.graph), ticks_of(walker)
    said = [infer({"obs": ticks["in.obs"][i : i + 1]}) for i in range(3)]
    for i, outputs in enumerate(said):  # none is where another was
        np.testing.assert_array_equal(outputs["actions"], session.run(None, {"obs": ticks["in.obs"][i : i + 1]})[0])


def test_a_policy_of_single_actions_answers_at_once(walker):
    mind = thinker(walker.contract, lambda inputs: inputs)
    assert type(mind) is AtOnce and not mind.arrived()
    question = {"obs": np.ones(2)}
    assert mind(question) is question and mind.taken > 0


@pytest.mark.parametrize("ticks", [1, 3])
def test_in_lockstep_an_answer_takes_its_ticks(ticks):
    mind, question = Later(lambda inputs: {"answer": inputs["obs"] + 1}, lambda: ticks), {"obs": np.zeros(1)}
    assert not mind.arrived()
    for _ in range(ticks):
        assert not mind.arrived()
        mind.consider(question)
    assert mind.arrived() and mind(question)["answer"] == 1
    mind.consider(None)
    assert not mind.arrived()


def test_a_thread_answers_while_ticks_go_on():
    go = threading.Event()

    def infer(inputs):
        assert go.wait(10)
        return {"answer": inputs["obs"] + 1}

    mind, first, second = Background(infer), {"obs": np.zeros(1)}, {"obs": np.ones(1)}
    assert not mind.arrived()
    mind.consider(first)
    mind.consider(first)
    mind.consider(None)
    assert not mind.arrived()
    go.set()
    assert mind(first)["answer"] == 1 and mind.arrived() and mind.taken > 0
    mind.consider(second)
    assert mind(second)["answer"] == 2


def test_a_process_ends_though_its_policy_hangs():
    code = (
        "import threading, numpy as np\n"
        "from gambol.sim2real.thinking import Background\n"
        "mind = Background(lambda inputs: threading.Event().wait())\n"
        "mind.consider({'obs': np.zeros(1)})\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_graph_is_not_asked_what_it_does_not_take(walker):
    infer = graph(walker.files["policy.onnx"], walker.contract.graph)
    with pytest.raises(ValueError, match=r"obs is \[1, 1\]: the graph takes \[1, "):
        infer({"obs": np.zeros((1, 1), np.float32)})


def test_what_the_thread_raises_is_raised_in_the_tick():
    def infer(inputs):
        raise RuntimeError("broken")

    mind, question = Background(infer), {"obs": np.zeros(1)}
    mind.consider(question)
    with pytest.raises(RuntimeError, match="broken"):
        mind(question)
