"""Rotations against SciPy's, among them the hard ones: hardly turned at all, and half a turn."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gambol.sim.legged import rotation
from scipy.spatial.transform import Rotation

COUNT = 500
QUICK = {"xla_backend_optimization_level": 0}
"""Compiles in half the time."""


@pytest.fixture(scope="module")
def vectors():
    """Rotation vectors [N, 3] of every length from 0 to just below pi, in single precision."""
    random = np.random.default_rng(0)
    axis = random.normal(size=(COUNT, 3))
    special = [0, 1e-9, 1e-7, 1e-6, 1e-4, 1e-3, np.pi - 1e-2, np.pi - 1e-3, np.pi - 2e-4]
    angle = np.concatenate([np.repeat(special, 20), random.uniform(0, 3.1, COUNT - 20 * len(special))])
    return (axis / np.linalg.norm(axis, axis=1, keepdims=True) * angle[:, None]).astype(np.float32)


@pytest.fixture(scope="module")
def theirs(vectors):
    return Rotation.from_rotvec(vectors)


@pytest.fixture(scope="module")
def ours(vectors, theirs):
    """Every function on these rotations and on them in another order, by name."""
    turned = np.roll(vectors, 7, axis=0)
    angles = theirs.as_euler("xyz").astype(np.float32)
    q = theirs.as_quat(scalar_first=True).astype(np.float32)

    def compute(v, other, q):
        a, b = rotation.from_vector(v), rotation.from_vector(other)
        return {
            "from_vector": a,
            "multiply": rotation.multiply(a, b),
            "conjugate": rotation.conjugate(a),
            "rotate": rotation.rotate(a, other),
            "to_vector": rotation.to_vector(q),
            "to_vector_minus": rotation.to_vector(-q),
            "to_matrix": rotation.to_matrix(q),
            "from_euler": rotation.from_euler(*angles.T),
            "to_euler": jnp.stack(rotation.to_euler(q), -1),
            "about_z": rotation.about_z(v[:, 0]),
        }

    return {
        name: np.asarray(value) for name, value in jax.jit(compute, compiler_options=QUICK)(vectors, turned, q).items()
    }


def same(quaternions, expected: Rotation, atol: float = 2e-6) -> None:
    """Asserts that unit quaternions w-x-y-z are the expected rotations, of whichever sign."""
    np.testing.assert_allclose(np.linalg.norm(quaternions, axis=-1), 1, atol=1e-6)
    np.testing.assert_allclose(
        Rotation.from_quat(quaternions, scalar_first=True).as_matrix(), expected.as_matrix(), atol=atol
    )


def test_vectors_become_quaternions_and_come_back(ours, theirs, vectors):
    same(ours["from_vector"], theirs)
    # Single precision knows the angle of a quaternion to about 1e-6.
    for name in ("to_vector", "to_vector_minus"):
        np.testing.assert_allclose(ours[name], vectors, atol=5e-6)


def test_products_inverses_and_turned_vectors(ours, theirs, vectors):
    other = np.roll(vectors, 7, axis=0)
    same(ours["multiply"], theirs * Rotation.from_rotvec(other))
    same(ours["conjugate"], theirs.inv())
    np.testing.assert_allclose(ours["rotate"], theirs.apply(other), atol=5e-6)
    np.testing.assert_allclose(ours["to_matrix"], theirs.as_matrix(), atol=1e-6)


def test_roll_pitch_and_yaw_are_about_fixed_axes(ours, theirs, vectors):
    same(ours["from_euler"], theirs)
    same(ours["about_z"], Rotation.from_euler("z", vectors[:, :1]))
    angles = theirs.as_euler("xyz")
    usual = np.abs(angles[:, 1]) < 1.5
    assert usual.mean() > 0.9
    off = (ours["to_euler"] - angles + np.pi) % (2 * np.pi) - np.pi
    np.testing.assert_allclose(off[usual], 0, atol=2e-5)


def test_there_is_a_slope_where_there_is_no_turn():
    """A rotation vector of nothing has no direction; its derivative is defined all the same."""
    slopes = jax.jit(
        lambda v, q: (jax.jacobian(rotation.from_vector)(v), jax.jacobian(rotation.to_vector)(q)),
        compiler_options=QUICK,
    )
    into, back = slopes(jnp.zeros(3), jnp.array([1.0, 0, 0, 0]))
    np.testing.assert_allclose(into, np.concatenate([np.zeros((1, 3)), np.eye(3) / 2]), atol=1e-6)
    back = jax.jit(jax.jacobian(rotation.to_vector), compiler_options=QUICK)(jnp.array([1.0, 0, 0, 0]))
    np.testing.assert_allclose(back[:, 1:], 2 * np.eye(3), atol=1e-5)
