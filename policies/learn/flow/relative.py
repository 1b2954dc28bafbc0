"""Actions as differences to the state at the start of their chunk, for entries that are of the same kind.

Not from step to step: a chunk can be read without what came before it. Grippers and the like stay absolute.
"""

from jax import Array


def relative(actions: Array, state: Array, mask: Array) -> Array:
    """Actions [..., H, A] less the `state` [..., A] where `mask` [A] bool."""
    return actions - (state * mask)[..., None, :]


def absolute(actions: Array, state: Array, mask: Array) -> Array:
    """The inverse of `relative`."""
    return actions + (state * mask)[..., None, :]
