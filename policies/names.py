"""Arrays of a tree by their dotted names, like `actor.head.kernel.value`."""

from collections.abc import Callable
from typing import Any

import jax

from ..envs.contract import PyTree


def dotted(path: tuple[Any, ...]) -> str:
    """The name of a path of JAX's."""
    return jax.tree_util.keystr(path, simple=True, separator=".")


def named(tree: PyTree) -> list[tuple[str, Any]]:
    """Every leaf with its name."""
    return [(dotted(path), leaf) for path, leaf in jax.tree_util.tree_leaves_with_path(tree)]


def map_named(change: Callable[[str, Any], Any], tree: PyTree) -> PyTree:
    """The tree with every leaf replaced by `change(name, leaf)`."""
    return jax.tree_util.tree_map_with_path(lambda path, leaf: change(dotted(path), leaf), tree)
