import jax.numpy as jnp
import numpy as np
import pytest
from gambol.sim.legged import rotation as batch
from gambol.sim2real.onboard import rotation


@pytest.fixture(scope="module")
def draws():
    draw = np.random.default_rng(0)
    q = draw.normal(size=(50, 2, 4))
    return q / np.linalg.norm(q, axis=-1, keepdims=True), draw.normal(size=(50, 3))


def same(a, b):
    np.testing.assert_allclose(a, np.asarray(b), atol=5e-6)


def test_they_are_those_of_the_simulation(draws):
    turns, vectors = draws
    for (p, q), v in zip(turns, vectors, strict=True):
        p32, q32, v32 = (jnp.asarray(x, jnp.float32) for x in (p, q, v))
        same(rotation.multiply(p, q), batch.multiply(p32, q32))
        same(rotation.conjugate(p), batch.conjugate(p32))
        same(rotation.rotate(p, v), batch.rotate(p32, v32))
        same(rotation.from_vector(v), batch.from_vector(v32))
        same(rotation.to_vector(p), batch.to_vector(p32))
        same(rotation.from_euler(*v), batch.from_euler(*v32))
        same(rotation.heading(p), batch.to_euler(p32)[2])
        same(rotation.tilt(p), batch.multiply(batch.about_z(-batch.to_euler(p32)[2]), p32))


def test_nothing_turns_nothing():
    assert rotation.from_vector(np.zeros(3)).tolist() == [1, 0, 0, 0]
    assert rotation.to_vector(np.array([1.0, 0, 0, 0])).tolist() == [0, 0, 0]
