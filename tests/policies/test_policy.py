import jax.numpy as jnp
import numpy as np
from gambol.policies.policy import renew


def test_renew_resets_only_the_worlds_that_are_done():
    memory = {"hidden": jnp.arange(6.0).reshape(3, 2), "age": jnp.array([4, 5, 6])}
    initial = {"hidden": jnp.full((3, 2), -1.0), "age": jnp.zeros(3, jnp.int32)}
    after = renew(memory, initial, jnp.array([False, True, False]))
    np.testing.assert_array_equal(after["hidden"], [[0, 1], [-1, -1], [4, 5]])
    np.testing.assert_array_equal(after["age"], [4, 0, 6])


def test_a_policy_without_memory_has_nothing_to_renew():
    assert renew(None, None, jnp.array([True])) is None
