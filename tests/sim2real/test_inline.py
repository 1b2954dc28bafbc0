import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gambol.policies.nets.mlp import elu
from gambol.sim2real.inline import inlined


def rewritten(function, *arguments):
    """What comes of a function without loops, and the names of the operations that are left."""
    closed = jax.make_jaxpr(function)(*arguments)
    plain = jax.make_jaxpr(lambda *given: inlined(closed, *given))(*arguments)
    return jax.core.eval_jaxpr(plain.jaxpr, plain.consts, *arguments), {e.primitive.name for e in plain.jaxpr.eqns}


@pytest.mark.parametrize("reverse", [False, True])
def test_a_loop_becomes_its_turns(reverse):
    def function(start, rows):
        return jax.lax.scan(lambda c, x: (2 * c + x, c - x), start, rows, reverse=reverse)

    rows = jnp.arange(12.0).reshape(4, 3)
    (last, each), left = rewritten(function, jnp.ones(3), rows)
    wanted = function(jnp.ones(3), rows)
    np.testing.assert_array_equal(last, wanted[0])
    np.testing.assert_array_equal(each, wanted[1])
    assert "scan" not in left


def test_a_softmax_holds_no_infinity():
    closed = jax.make_jaxpr(jax.nn.softmax)(jnp.ones((2, 5)))
    assert any(e.primitive.name == "max" for e in closed.jaxpr.eqns)  # else nothing would be tested here
    logits = jax.random.normal(jax.random.key(0), (2, 5))
    (found,), left = rewritten(jax.nn.softmax, logits)
    np.testing.assert_allclose(found, jax.nn.softmax(logits), rtol=1e-6)
    assert "max" not in left


def test_products_with_weights_are_layers_on_the_way_back_too():
    draw = np.random.default_rng(0)
    wide, narrow = (jnp.asarray(draw.normal(size=shape), jnp.float32) for shape in ((4, 7), (7, 2)))

    def slope(x):
        return jax.vjp(lambda x: jnp.tanh(x @ wide) @ narrow, x)[1](jnp.ones((*x.shape[:-1], 2)))[0]

    x = jnp.asarray(draw.normal(size=(3, 5, 4)), jnp.float32)
    closed = jax.make_jaxpr(slope)(x)
    plain = jax.make_jaxpr(lambda x: inlined(closed, x))(x)
    products = [e for e in flat(plain.jaxpr) if e.primitive.name == "dot_general"]
    assert len(products) == 3  # forth through both layers, back through one; what comes back through the other is known
    for product in products:
        assert product.params["dimension_numbers"][0] == ((2,), (0,))
    np.testing.assert_allclose(jax.core.eval_jaxpr(plain.jaxpr, plain.consts, x)[0], slope(x), rtol=1e-5)


def flat(jaxpr):
    """Its equations, those of calls in place."""
    for equation in jaxpr.eqns:
        inner = equation.params.get("jaxpr")
        yield from flat(inner.jaxpr) if inner is not None else [equation]


def test_an_elu_is_one_operation():
    x = jnp.linspace(-2, 2, 9)
    kept = jax.make_jaxpr(lambda x: inlined(jax.make_jaxpr(elu)(x), x))(x)
    assert [equation.params.get("name") for equation in kept.eqns] == ["elu"]
    np.testing.assert_allclose(jax.core.eval_jaxpr(kept.jaxpr, kept.consts, x)[0], elu(x), atol=1e-6)


def test_the_same_thing_is_computed_once():
    x = jnp.arange(3.0)
    once = jax.make_jaxpr(lambda x: inlined(jax.make_jaxpr(lambda x: jnp.sin(x) * jnp.sin(x))(x), x))(x)
    assert [equation.primitive.name for equation in once.eqns] == ["sin", "mul"]


def test_what_one_loop_stacks_and_another_takes_apart_is_not_stacked():
    def slope(x):
        return jax.vjp(lambda x: jax.lax.scan(lambda c, _: (jnp.sin(c), None), x, None, length=3)[0], x)[1](x)[0]

    x = jnp.arange(3.0)
    (found,), _ = rewritten(slope, x)
    np.testing.assert_allclose(found, slope(x), rtol=1e-6)
    plain = jax.make_jaxpr(lambda x: inlined(jax.make_jaxpr(slope)(x), x))(x)
    kept, _ = jax.interpreters.partial_eval.dce_jaxpr(plain.jaxpr, [True])
    assert {equation.primitive.name for equation in kept.eqns} == {"sin", "cos", "mul"}


def test_two_numbers_of_arguments_are_two_and_no_other_axis_is_taken_for_the_last():
    def function(x, y):
        return jnp.sin(x.sum()) + 2 * jnp.sin(y.sum()), jax.nn.softmax(x, axis=0)

    x, y = jnp.arange(6.0).reshape(2, 3), jnp.ones((2, 3))
    found, _ = rewritten(function, x, y)
    for one, wanted in zip(found, function(x, y), strict=True):
        np.testing.assert_allclose(one, wanted, rtol=1e-5)


def test_narrow_numbers_are_multiplied_as_wide_ones_where_that_was_asked():
    x = jax.random.normal(jax.random.key(0), (2, 3, 4)).astype(jnp.bfloat16)

    def function(x):
        return jax.lax.dot_general(x, x, (((2,), (2,)), ((0,), (0,))), preferred_element_type=jnp.float32)

    (found,), _ = rewritten(function, x)
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, function(x), rtol=1e-6)
