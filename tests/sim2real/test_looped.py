"""A loop stays a loop in ONNX, does what it did, and does in its turns only what differs from turn to turn."""

import jax
import jax.numpy as jnp
import numpy as np
import onnx
import pytest
from gambol.sim2real.contract import Graph, Tensor
from gambol.sim2real.graphs import OPSET, constant_shapes, convert
from gambol.sim2real.looped import cut
from gambol.sim2real.sessions import Refused, check, nodes_of, open_session

DRAW = np.random.default_rng(0)
WIDE, BACK = (DRAW.normal(size=(3, 3)).astype(np.float32) for _ in range(2))
INPUTS, OUTPUTS = (Tensor("x", (3,), "float32"), Tensor("far", (), "int32")), (Tensor("y", (3,), "float32"),)


def flowing(x, far, turns=4):
    """With something that is the same in every turn, something that only their number tells, and something of both."""

    def euler_step(chunk, now):
        seen, wave = jnp.tanh(x @ WIDE), jnp.sin(now) * jnp.ones(3)
        chosen = jnp.where(far[:, None] > 1, wave, 2 * wave)
        return chunk + (chunk @ BACK + seen * wave + chosen) / turns, None

    return (jax.lax.scan(euler_step, jnp.zeros_like(x), jnp.arange(turns) / turns)[0] + x,)


def questions(worlds):
    return DRAW.normal(size=(worlds, 3)).astype(np.float32), np.arange(worlds, dtype=np.int32)


def kinds(graph):
    return [node.op_type for node in graph.node]


def body_of(content):
    (loop,) = [node for node in onnx.load_from_string(content).graph.node if node.op_type == "Loop"]
    return next(attribute.g for attribute in loop.attribute if attribute.name == "body")


@pytest.fixture(scope="module")
def content():
    return convert(flowing, INPUTS, OUTPUTS)


@pytest.mark.parametrize("worlds", [1, 3])
def test_it_does_what_it_did(content, worlds):
    x, far = questions(worlds)
    (found,) = open_session(content).run(None, {"x": x, "far": far})
    np.testing.assert_allclose(found, flowing(x, far)[0], rtol=1e-5, atol=1e-6)


def test_turns_do_only_what_differs_from_turn_to_turn(content):
    inside, everything = kinds(body_of(content)), [n.op_type for n in nodes_of(onnx.load_from_string(content).graph)]
    assert "Tanh" in everything and "Tanh" not in inside
    assert "Sin" not in everything
    assert inside.count("MatMul") == 1 and "Where" in inside and "Shape" not in inside


def test_a_longer_loop_is_no_larger_graph(content):
    longer = convert(lambda x, far: flowing(x, far, turns=40), INPUTS, OUTPUTS)
    assert len(body_of(longer).node) == len(body_of(content).node)
    x, far = questions(2)
    (found,) = open_session(longer).run(None, {"x": x, "far": far})
    np.testing.assert_allclose(found, flowing(x, far, turns=40)[0], rtol=1e-4, atol=1e-5)


def test_turns_may_be_alike():
    def alike(x, far):
        def euler_step(chunk, now):
            return chunk @ BACK + x, None

        return jax.lax.scan(euler_step, x, jnp.arange(3))

    content = convert(lambda x, far: (alike(x, far)[0],), INPUTS, OUTPUTS)
    x, far = questions(2)
    (found,) = open_session(content).run(None, {"x": x, "far": far})
    np.testing.assert_allclose(found, alike(x, far)[0], rtol=1e-4, atol=1e-5)
    assert "MatMul" in kinds(body_of(content))


def test_rows_that_tokens_choose_by_one_mask_are_rows_of_one_table():
    def chosen(x, far):
        fixed = jnp.arange(3) < far[:, None]

        def euler_step(chunk, now):
            def row(scale):
                told = scale * jnp.array([now, 2 * now]).reshape(1, 1, 2)
                return jnp.where(fixed[..., None], jnp.full((1, 1, 2), scale), jnp.sin(told))

            other = jnp.where(fixed.sum(axis=1)[:, None, None] > 1, chunk, 0.5 * chunk)  # not of rows
            return other * row(1.5) + row(0.5) * jnp.sin(now), None

        start = jnp.stack([x, -x], axis=-1)
        return (jax.lax.scan(euler_step, start, jnp.arange(4) / 4)[0].sum(axis=-1),)

    content = convert(chosen, INPUTS, OUTPUTS)
    inside = kinds(body_of(content))
    assert inside.count("Where") == 1 and inside.count("Max") == 1 and "Sin" not in inside
    x, far = questions(4)
    (found,) = open_session(content).run(None, {"x": x, "far": far})
    np.testing.assert_allclose(found, chosen(x, far)[0], rtol=1e-5, atol=1e-6)
    (one,) = open_session(content).run(None, {"x": x[2:3], "far": far[2:3]})
    np.testing.assert_allclose(one, found[2:3], rtol=1e-5, atol=1e-6)


def test_only_one_loop_with_turns_that_are_known_stays():
    def twice(x, far):
        return flowing(*flowing(x, far), far)

    def as_seen(x, far):
        def euler_step(chunk, now):
            return chunk + now, None

        return (jax.lax.scan(euler_step, jnp.zeros((len(x), 1)), x.T[..., None])[0] * x,)

    def told(x, far):
        def euler_step(chunk, now):
            return chunk + now, chunk

        return (jax.lax.scan(euler_step, x, jnp.arange(3))[1][1],)

    x, far = questions(2)
    for function in (twice, as_seen, told):
        assert cut(jax.make_jaxpr(function)(x, far)) is None
    unrolled = convert(twice, INPUTS, OUTPUTS)
    assert "Loop" not in kinds(onnx.load_from_string(unrolled).graph)
    (found,) = open_session(unrolled).run(None, {"x": x, "far": far})
    np.testing.assert_allclose(found, twice(x, far)[0], rtol=1e-5, atol=1e-5)


def test_what_is_inside_is_checked_too(content):
    graph = Graph("policy.onnx", INPUTS, OUTPUTS, (), OPSET)
    assert check(content, graph) == len(list(nodes_of(onnx.load_from_string(content).graph)))
    model = onnx.load_from_string(content)
    (loop,) = [node for node in model.graph.node if node.op_type == "Loop"]
    next(attribute.g for attribute in loop.attribute if attribute.name == "body").node[1].domain = "strange"
    model.opset_import.append(onnx.helper.make_opsetid("strange", 1))
    with pytest.raises(Refused, match="'strange'"):
        check(model.SerializeToString(), graph)


@pytest.mark.parametrize("alone", [True, False], ids=["batch alone", "more than the batch"])
def test_a_shape_becomes_constant_where_only_the_batch_is_computed(alone):
    text = """<ir_version: 9, opset_import: ["" : 18]> g (float[b, c, 6] x) => (float y)
        <int64[2] last = {2, 3}, int64 first = {0}, int64[1] axis = {0}, int64[1] two = {2}>
        { s = Shape(x) %s k = Concat<axis = 0>(n, last) r = Reshape(x, k) y = ReduceSum<keepdims = 0>(r) }"""
    size = "m = Gather(s, first) n = Unsqueeze(m, axis)" if alone else "n = Slice(s, axis, two)"
    model = onnx.parser.parse_model(text % size)
    constant_shapes(model.graph)
    assert ("Shape" in kinds(model.graph)) != alone
