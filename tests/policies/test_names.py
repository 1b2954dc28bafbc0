import jax
import jax.numpy as jnp
from gambol.policies.names import map_named, named


def test_leaves_have_the_names_of_the_keys_that_lead_to_them():
    tree = {"a": {"b": jnp.ones(2), "c": [jnp.zeros(1), jnp.ones(3)]}}
    assert [name for name, _ in named(tree)] == ["a.b", "a.c.0", "a.c.1"]
    changed = map_named(lambda name, leaf: leaf + 1 if name == "a.c.0" else leaf, tree)
    assert changed["a"]["c"][0].item() == 1 and jax.tree.structure(changed) == jax.tree.structure(tree)
