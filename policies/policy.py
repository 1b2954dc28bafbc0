"""What every trained network, baseline and exporter agrees to call a policy."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ..envs.contract import Observation

PyTree = Any


class Policy(NamedTuple):
    """Two pure functions over a batch of worlds. Leaves of memory, observation and action are [W, ...]."""

    initial_memory: Callable[[int], PyTree]
    """(worlds) -> memory of worlds whose episode has just begun. None for a policy that remembers nothing."""
    act: Callable[[PyTree, PyTree, Observation, Array], tuple[Array, PyTree]]
    """(params, memory, observation, key) -> (action in the env's action space, memory).

    Whoever steps the env passes the memory through `renew` after a step that ended episodes."""


def renew(memory: PyTree, initial: PyTree, done: Array) -> PyTree:
    """The memory with worlds that are `done` [W] back at their `initial` memory. Leaves are [W, ...]."""

    def pick(now: Array, first: Array) -> Array:
        return jnp.where(done.reshape(done.shape + (1,) * (now.ndim - done.ndim)), first, now)

    return jax.tree.map(pick, memory, initial)
