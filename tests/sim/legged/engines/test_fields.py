import jax.numpy as jnp
import numpy as np
from gambol.sim.legged.engines.fields import filled
from gambol.sim.legged.physics import ModelField


def test_values_are_put_into_whole_fields():
    own = {"a": np.arange(4.0), "b": np.ones((2, 3))}
    fields = (
        ModelField("a", (np.array([1, 3]),)),
        ModelField("b", (np.array([0, 1]), np.array([2, 0]))),
        ModelField("a", (np.array([0]),)),
    )
    values = (jnp.array([[10.0, 30], [11, 31]]), jnp.array([[5.0, 6], [7, 8]]), jnp.array([[-1.0], [-2]]))
    found = filled(lambda name: jnp.asarray(own[name]), fields, values)
    assert list(found) == ["a", "b"]
    np.testing.assert_array_equal(found["a"], [[-1, 10, 2, 30], [-2, 11, 2, 31]])
    np.testing.assert_array_equal(found["b"], [[[1, 1, 5], [6, 1, 1]], [[1, 1, 7], [8, 1, 1]]])
