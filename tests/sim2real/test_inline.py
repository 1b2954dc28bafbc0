import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gambol.policies.nets.mlp import elu
from gambol.sim2real.inline import inlined, padded


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


@pytest.mark.parametrize("value", [0.0, 7.0])
@pytest.mark.parametrize("config", [((1, 2, 0), (0, 3, 0)), ((0, 0, 0), (2, 1, 0)), ((0, 0, 0), (0, 0, 0))])
def test_padding_is_what_it_was(config, value):
    x = jnp.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(padded(x, jnp.float32(value), config), jax.lax.pad(x, jnp.float32(value), config))


@pytest.mark.parametrize("config", [((-1, 0, 0), (0, 0, 0)), ((0, 0, 1), (0, 0, 0))])
def test_padding_that_takes_away_or_goes_between_is_refused(config):
    with pytest.raises(ValueError, match="what ONNX cannot: padding by"):
        padded(jnp.ones((2, 3)), jnp.float32(0), config)


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


def test_what_is_joined_and_split_again_is_neither():
    def function(x, y):
        whole = jnp.concatenate([2 * x, y], axis=-1)
        alike = jnp.split(whole, [3], axis=-1)
        other = jnp.split(whole, [2], axis=-1)
        return *alike, *other

    x, y = jnp.arange(6.0).reshape(2, 3), jnp.ones((2, 2))
    found, left = rewritten(function, x, y)
    for one, wanted in zip(found, function(x, y), strict=True):
        np.testing.assert_array_equal(one, wanted)
    assert "split" in left  # where the cut is elsewhere
    alone = jax.make_jaxpr(lambda x, y: inlined(jax.make_jaxpr(lambda x, y: function(x, y)[:1])(x, y), x, y))(x, y)
    kept, _ = jax.interpreters.partial_eval.dce_jaxpr(alone.jaxpr, [True])
    assert {equation.primitive.name for equation in kept.eqns} == {"mul"}


def test_an_elu_is_one_operation():
    x = jnp.linspace(-2, 2, 9)
    kept = jax.make_jaxpr(lambda x: inlined(jax.make_jaxpr(elu)(x), x))(x)
    assert [equation.params.get("name") for equation in kept.eqns] == ["elu"]
    np.testing.assert_allclose(jax.core.eval_jaxpr(kept.jaxpr, kept.consts, x)[0], elu(x), atol=1e-6)
