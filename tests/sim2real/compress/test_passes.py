import itertools

import numpy as np
import onnx
import onnxruntime
import pytest
from gambol.sim2real.compress import blocks, passes
from onnx import TensorProto, helper, numpy_helper

SIZES = (40, 64, 48, 12)


@pytest.fixture(scope="module")
def model():
    """An MLP as the exporter writes one: a normaliser, then `Gemm` and ELU."""
    draw = np.random.default_rng(0)
    constants = {"mean": draw.normal(size=40), "std": draw.uniform(0.5, 2, 40)}
    nodes = [helper.make_node("Sub", ["x", "mean"], ["centred"]), helper.make_node("Div", ["centred", "std"], ["h0"])]
    for i, (width, rows) in enumerate(itertools.pairwise(SIZES)):
        transposed = i == 1
        weight = draw.normal(size=(rows, width) if transposed else (width, rows)) / np.sqrt(width)
        constants |= {f"w{i}": weight, f"b{i}": draw.normal(size=rows)}
        out = "y" if i == 2 else f"g{i}"
        nodes.append(helper.make_node("Gemm", [f"h{i}", f"w{i}", f"b{i}"], [out], transB=int(transposed)))
        if i < 2:
            nodes.append(helper.make_node("Elu", [out], [f"h{i + 1}"]))
    graph = helper.make_graph(
        nodes,
        "mlp",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 40])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 12])],
        [numpy_helper.from_array(values.astype("f4"), name) for name, values in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


STATES = np.random.default_rng(1).normal(size=(200, 40)).astype("f4")


def run(model, states=STATES):
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": states})[0]


def off(model, other):
    a, b = run(model), run(other)
    return float(np.linalg.norm(a - b) / np.linalg.norm(a))


def kinds(model):
    return [node.op_type for node in model.graph.node]


def test_every_product_becomes_a_matmul_and_says_the_same(model):
    made = passes.plain(model)
    assert "Gemm" not in kinds(made) and kinds(made).count("MatMul") == 3
    assert kinds(model).count("Gemm") == 3  # the first one is left as it was
    np.testing.assert_allclose(run(made), run(model), atol=1e-5)
    onnx.checker.check_model(made)


@pytest.mark.parametrize(("bits", "most"), [(8, 0.012), (4, 0.16), (2, 0.7)])
def test_few_bits(model, bits, most):
    made = passes.in_blocks(model, bits, 32, blocks.search)
    assert kinds(made).count("MatMulNBits") == 3 and not {"Gemm", "MatMul"} & set(kinds(made))
    assert off(model, made) < most
    assert len(made.SerializeToString()) < len(model.SerializeToString())


def test_what_the_codes_stand_for_is_what_the_kernel_computes(model):
    """One layer alone, whole numbers and floats for zero points, against the weights unpacked here."""
    (linear, *_) = passes.linears(passes.plain(model))
    for code, bits in ((blocks.search, 4), (blocks.hqq, 4), (blocks.hqq, 2)):
        made = passes.in_blocks(model, bits, 16, code)
        by_name = {tensor.name: numpy_helper.to_array(tensor) for tensor in made.graph.initializer}
        weights = blocks.weights_of(code(np.ascontiguousarray(linear.weight.T), bits, 16))
        told, names = passes.watched(passes.plain(model))
        h0 = onnxruntime.InferenceSession(told.SerializeToString()).run(["h0"], {"x": STATES})[0]
        made.graph.output.append(helper.make_tensor_value_info("g0/product", TensorProto.FLOAT, None))
        found = onnxruntime.InferenceSession(made.SerializeToString()).run(["g0/product"], {"x": STATES})[0]
        assert names == ["h0", "h1", "h2"] and "nbits0/codes" in by_name
        assert np.linalg.norm(found - h0 @ weights.T) / np.linalg.norm(found) < 0.01  # it sums in eight bits


def test_eight_bits_on_the_fly(model):
    made = passes.in_int8(model)
    assert kinds(made).count("MatMulInteger") == 3
    assert off(model, made) < 0.03


def test_a_graph_without_linear_layers_is_refused():
    graph = helper.make_graph(
        [helper.make_node("Elu", ["x"], ["y"])],
        "none",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 4])],
    )
    empty = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    for compress in (passes.in_int8, lambda model: passes.in_blocks(model, 4, 32, blocks.search)):
        with pytest.raises(ValueError, match="0 of 0 linear layers became"):
            compress(empty)


def test_smoothing_leaves_the_function_as_it_is(model):
    for alpha in (0.25, 0.5, 0.75):
        draw = np.random.default_rng(3)
        largest = {f"h{i}": draw.uniform(0.1, 9, size) for i, size in enumerate(SIZES[:3])}
        made = passes.smoothed(model, largest, alpha)
        np.testing.assert_allclose(run(made), run(model), atol=2e-5)
        assert len(passes.linears(made)) == 3


def test_smoothing_helps_where_there_are_outliers_and_harms_nowhere():
    """The recorded experiment: 512 inputs, five of them sixty times too large; per-tensor eight bits on both sides."""
    draw = np.random.default_rng(0)
    states, weight = draw.normal(size=(512, 512)).astype("f4"), draw.normal(0, 0.02, (512, 512)).astype("f4")

    def eight(values):
        scale = np.abs(values).max() / 127
        return np.round(values / scale) * scale

    def wrong(states, alpha):
        graph = helper.make_graph(
            [helper.make_node("MatMul", ["x", "w"], ["y"])],
            "one",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 512])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 512])],
            [numpy_helper.from_array(weight, "w")],
        )
        one = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
        if alpha is None:
            inside, matrix = states, weight
        else:
            made = passes.smoothed(one, {"x": np.abs(states).max(0)}, alpha)
            by = next(numpy_helper.to_array(t) for t in made.graph.initializer if t.name.endswith("/by"))
            (linear,) = passes.linears(made)
            inside, matrix = states * by, linear.weight
        exact = states @ weight
        return float(np.linalg.norm(eight(inside) @ eight(matrix) - exact) / np.linalg.norm(exact))

    spiked = states.copy()
    spiked[:, [3, 50, 111, 300, 500]] *= 60
    plain = wrong(spiked, None)
    by_alpha = {alpha: wrong(spiked, alpha) for alpha in (0.25, 0.5, 0.75)}
    assert plain == pytest.approx(0.083, rel=0.2) and by_alpha[0.5] == pytest.approx(0.0173, rel=0.2)
    assert by_alpha[0.5] < min(by_alpha[0.25], by_alpha[0.75]) and plain > 3 * by_alpha[0.5]
    assert wrong(states, 0.5) < 1.1 * wrong(states, None)
