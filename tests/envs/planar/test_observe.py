import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gambol.envs.planar import observe
from gambol.sim.planar.scene import CAPACITIES, Capacity

KINDS = ("flat", "entity", "pixels")


def test_flat_is_the_published_vector(published):
    seen = jax.jit(observe.flat)(published.level, published.state)
    np.testing.assert_allclose(seen, published.answers["flat"], rtol=1e-6, atol=1e-6)


def test_entities_are_the_published_sets(published):
    seen = jax.jit(observe.entities)(published.level, published.state, published.touching)
    expected = {key: x for key, x in published.answers.items() if key.startswith("entity/")}
    assert {f"entity/{name}" for name in seen} == expected.keys()
    for name, array in seen.items():
        assert array.dtype == expected[f"entity/{name}"].dtype, name
        np.testing.assert_allclose(array, expected[f"entity/{name}"], rtol=1e-6, atol=1e-6, err_msg=name)


def test_the_recorded_moments_exercise_every_relation(published):
    relations = published.answers["entity/attention_mask"]
    assert relations.any(axis=(0, 2, 3)).all()
    assert published.answers["entity/polygons"][..., -2].any(), "no triangle"


@pytest.mark.parametrize(("size", "entries"), [("s", 140), ("m", 247), ("l", 679)])
def test_published_sizes(size, entries):
    assert observe.observation_space("flat", CAPACITIES[size]).shape == (entries,)


@pytest.mark.parametrize("capacity", [CAPACITIES["m"], Capacity(7, 1, 3, 4)])
@pytest.mark.parametrize("kind", KINDS)
def test_terms_describe_every_entry_of_the_space(kind, capacity):
    space, terms = observe.observation_space(kind, capacity), observe.observation_terms(kind, capacity)
    spaces = dict(space.spaces) if isinstance(space, gymnasium.spaces.Dict) else {"policy": space}
    assert spaces.keys() == terms.keys()
    for name, own in spaces.items():
        assert sum(term.size for term in terms[name]) == np.prod(own.shape), name
        assert all(len(term.names) in (0, term.size) for term in terms[name])
        assert len({term.name for term in terms[name]}) == len(terms[name])


def test_terms_name_the_entries(published):
    level, state = published.level, published.state
    terms = observe.observation_terms("flat", level.scene.capacity)["policy"]
    names = [(term.name, entry) for term in terms for entry in term.names]
    vector = np.asarray(jax.jit(observe.flat)(level, state))
    polygons = level.scene.capacity.polygons

    def entry(row, name):
        return vector[:, names.index((row, name))]

    np.testing.assert_allclose(entry("polygon_4", "velocity_y"), state.velocity[1, 4] * level.scene.active[4])
    np.testing.assert_allclose(entry("circle_0", "radius"), level.scene.radius[0] * level.scene.active[polygons])
    np.testing.assert_allclose(entry("floor", "red"), level.role[0] == 3)
    np.testing.assert_allclose(entry("gravity_y", "gravity_y"), -0.981)


def test_a_broken_state_is_seen_as_finite_numbers(published):
    broken = jax.tree.map(lambda x: jnp.full_like(x, jnp.inf).at[..., 0].set(jnp.nan), published.state)
    look = jax.jit(observe.observe, static_argnums=0)
    for kind in ("flat", "entity"):
        for leaf in jax.tree.leaves(look(kind, published.level, broken, published.touching)):
            assert np.isfinite(leaf).all()
