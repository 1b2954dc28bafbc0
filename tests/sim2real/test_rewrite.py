import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gambol.sim2real.inline import inlined


def rewritten(function, *arguments):
    """What comes of a function, and the names of the operations that are needed for it."""
    closed = jax.make_jaxpr(function)(*arguments)
    plain = jax.make_jaxpr(lambda *given: inlined(closed, *given))(*arguments)
    kept, _ = jax.interpreters.partial_eval.dce_jaxpr(plain.jaxpr, [True] * len(plain.jaxpr.outvars))
    return jax.core.eval_jaxpr(plain.jaxpr, plain.consts, *arguments), [e.primitive.name for e in kept.eqns]


def alike(function, *arguments):
    """The operations that are needed; what comes of them is the same."""
    found, left = rewritten(function, *arguments)
    for one, wanted in zip(found, jax.tree.leaves(function(*arguments)), strict=True):
        np.testing.assert_allclose(one, wanted, rtol=1e-5, atol=1e-6)
    return left


X = jnp.arange(6.0).reshape(2, 3)


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


@pytest.mark.parametrize("value", [0.0, 7.0])
@pytest.mark.parametrize("config", [((1, 2, 0), (0, 3, 0)), ((0, 0, 0), (2, 1, 0)), ((0, 0, 0), (0, 0, 0))])
def test_padding_is_what_it_was(config, value):
    assert "pad" not in alike(lambda x: jax.lax.pad(x, jnp.float32(value), config), X)


@pytest.mark.parametrize("config", [((-1, 0, 0), (0, 0, 0)), ((0, 0, 1), (0, 0, 0))])
def test_padding_that_takes_away_or_goes_between_is_refused(config):
    with pytest.raises(ValueError, match="what ONNX cannot: padding by"):
        rewritten(lambda x: jax.lax.pad(x, jnp.float32(0), config), X)


@pytest.mark.parametrize(
    ("left", "right", "numbers"),
    [
        ((2, 3, 4), (2, 5, 4), (((2,), (2,)), ((0,), (0,)))),
        ((2, 3, 4, 5), (2, 6, 3, 5), (((3,), (3,)), ((0, 1), (0, 2)))),  # two axes of many, out of order
        ((2, 7, 3, 4), (2, 4, 6), (((3,), (1,)), ((0,), (0,)))),  # two axes of rows for one matrix
        ((2, 3, 4, 5), (2, 4, 3), (((1, 2), (2, 1)), ((0,), (0,)))),  # two axes between, and no columns
        ((2, 4), (2, 4, 3), (((1,), (1,)), ((0,), (0,)))),  # no rows
        ((4, 3), (5, 4), (((0,), (1,)), ((), ()))),
    ],
)
def test_products_of_any_axes_are_those_of_matrices(left, right, numbers):
    keys = jax.random.split(jax.random.key(0), 2)
    arrays = [jax.random.normal(key, shape) for key, shape in zip(keys, (left, right), strict=True)]
    alike(lambda x, y: jax.lax.dot_general(x, y, numbers), *arrays)


def test_nothing_is_chosen_where_it_is_the_same_everywhere():
    def function(x):
        return jnp.where(jnp.broadcast_to(jnp.array([[True]]), x.shape), jnp.sin(x), jnp.cos(x))

    sized = jax.ShapeDtypeStruct((jax.export.symbolic_shape("batch")[0], 3), jnp.float32)
    plain = jax.make_jaxpr(lambda *given: inlined(jax.make_jaxpr(function)(sized), *given))(sized)
    kept, _ = jax.interpreters.partial_eval.dce_jaxpr(plain.jaxpr, [True])
    assert [equation.primitive.name for equation in kept.eqns] == ["sin"]


def test_what_is_chosen_from_is_chosen_row_by_row():
    alike(lambda x: jnp.where(x[:, :1] > 1, x, 2 * x[:1]), X)


def test_what_is_repeated_by_itself_is_not_repeated_before():
    assert "broadcast_in_dim" not in alike(
        lambda x, y: jax.lax.add(x, jnp.broadcast_to(y, (2, 3))), X, X[:, 0][:, None]
    )
    alike(lambda x: jnp.broadcast_to(x[:, :1], (2, 3)) - jnp.broadcast_to(x[:1], (2, 3)), X)  # neither is of full shape


def test_sums_keep_their_axes_where_those_are_wanted():
    assert "reshape" not in alike(lambda x: x / x.sum(axis=1, keepdims=True), X + 1)
    assert "reduce_sum" not in alike(lambda x: x[:, :1].sum(axis=1), X)


def test_axes_that_are_turned_and_turned_back_stay():
    assert "transpose" not in alike(lambda x: jnp.sin(x).T.T, X)
