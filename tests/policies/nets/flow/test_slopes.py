"""They are what they are called, and their slopes are those of finite differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gambol.policies.nets.flow.slopes import EPSILON, gelu, softmax, unit
from jax.test_util import check_grads

X = jax.random.normal(jax.random.key(0), (3, 5))


@pytest.mark.parametrize("function", [unit, softmax, gelu])
def test_slopes_are_those_of_finite_differences(function):
    check_grads(function, (2 * X,), order=1, modes=("rev",), eps=1e-2)


def test_a_unit_token_has_a_length_of_one_and_one_of_zeros_stays_finite():
    np.testing.assert_allclose(jnp.linalg.norm(unit(X), axis=-1), 1, rtol=1e-5)
    nothing, slope = jax.vjp(unit, jnp.zeros((1, 4)))
    assert (nothing == 0).all()
    np.testing.assert_allclose(slope(jnp.ones((1, 4)))[0], (4 * EPSILON) ** -0.5, rtol=1e-5)


@pytest.mark.parametrize("size", [1.0, 30.0])
def test_the_gelu_is_that_of_jax(size):
    x = size * X
    np.testing.assert_allclose(gelu(x), jax.nn.gelu(x, approximate=True), atol=1e-6 * size)
    mine, its = (jax.grad(lambda x, f=f: f(x).sum())(x) for f in (gelu, jax.nn.gelu))
    np.testing.assert_allclose(mine, its, atol=1e-5)


def test_softmax_is_that_of_jax():
    np.testing.assert_array_equal(softmax(30 * X), jax.nn.softmax(30 * X))
