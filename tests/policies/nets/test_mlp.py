import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from gambol.policies.nets.mlp import dense, elu, on_columns, product, to_columns, to_rows


@pytest.mark.parametrize("shape", [(3,), (5, 3), (2, 4, 3)])
def test_product_and_its_gradients_are_those_of_matmul(shape):
    keys = jax.random.split(jax.random.key(0), 3)
    x, kernel = jax.random.normal(keys[0], shape), jax.random.normal(keys[1], (3, 6))
    weights = jax.random.normal(keys[2], (*shape[:-1], 6))

    def slopes(multiply):
        return jax.value_and_grad(lambda x, kernel: (weights * multiply(x, kernel)).sum(), argnums=(0, 1))(x, kernel)

    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), slopes(product), slopes(jnp.matmul))


def test_a_dense_layer_is_linear():
    layer = dense(3, 2, 1.0, nnx.Rngs(0))
    x = jax.random.normal(jax.random.key(0), (4, 3))
    np.testing.assert_allclose(layer(x), x @ layer.kernel[...] + layer.bias[...], rtol=1e-5)
    np.testing.assert_allclose(layer.kernel[...].T @ layer.kernel[...], np.eye(2), atol=1e-5)


def test_elu_and_its_slope_are_those_of_jax():
    x = jnp.array([-1e4, -3.0, -0.5, -1e-3, 1e-3, 0.7, 3.0, 1e4])
    np.testing.assert_allclose(elu(x), jax.nn.elu(x), rtol=1e-5, atol=1e-7)
    slope, wanted = (jax.grad(lambda x, f=f: (f(x) ** 2).sum())(x) for f in (elu, jax.nn.elu))
    np.testing.assert_allclose(slope, wanted, rtol=1e-4, atol=1e-7)


def test_a_layer_on_columns_is_the_layer_on_rows():
    layer, x = dense(3, 2, 1.0, nnx.Rngs(0)), jax.random.normal(jax.random.key(0), (4, 5, 3))
    np.testing.assert_allclose(to_rows(on_columns(layer, to_columns(x)), (4, 5)), layer(x), rtol=1e-5)
