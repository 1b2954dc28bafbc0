"""Running mean and variance of observations.

Starts as the identity (mean 0, variance 1, nothing counted): the first observations of an episode are often constant
(everything at rest), and their deviations would blow up the second ones. The first merge replaces the start altogether.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from ....envs.contract import Observation
from ...nets.stream import float_leaves

PyTree = Any

LEAST_STD = 1e-2
"""Entries that hardly vary in training are not magnified more than this, or they would drown the rest on new tasks."""
LIMIT = 10.0
"""Normalised entries are clipped to this magnitude."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Statistics:
    """Mean and variance so far, one entry per float leaf of the observation, in tree order.

    Of a "history" beside a "now" nothing is kept: its frames are past "now"s.
    """

    count: Array
    """[] float32: observations merged."""
    mean: tuple[Array, ...]
    """Shaped like one observation's leaves."""
    variance: tuple[Array, ...]
    """Population variance, shaped like `mean`."""


def identity(shapes: PyTree) -> Statistics:
    """Statistics that change nothing, for one observation of these shapes."""
    leaves = float_leaves(present(shapes))
    zeros, ones = (tuple(make(leaf.shape, jnp.float32) for leaf in leaves) for make in (jnp.zeros, jnp.ones))
    return Statistics(jnp.zeros(()), zeros, ones)


def merge(statistics: Statistics, observation: PyTree) -> Statistics:
    """Take in a batch of observations with leaves [T, W, ...].

    Parallel form of Chan, Golub and LeVeque (1979), written with weights instead of sums so that nothing overflows.
    """
    leaves = float_leaves(present(observation))
    count = statistics.count + leaves[0].shape[0] * leaves[0].shape[1]
    weight = 1 - statistics.count / count
    batch_mean = tuple(jnp.mean(leaf, axis=(0, 1)) for leaf in leaves)
    batch_variance = tuple(jnp.var(leaf, axis=(0, 1)) for leaf in leaves)

    def blend(old: Array, new: Array) -> Array:
        return (1 - weight) * old + weight * new

    def spread(mean: Array, new_mean: Array, variance: Array, new_variance: Array) -> Array:
        return blend(variance, new_variance) + weight * (1 - weight) * (new_mean - mean) ** 2

    mean = tuple(map(blend, statistics.mean, batch_mean))
    variance = tuple(map(spread, statistics.mean, batch_mean, statistics.variance, batch_variance))
    return Statistics(count, mean, variance)


def present(observation: PyTree) -> PyTree:
    """The observation without its history, if it has one."""
    return {"now": observation["now"]} if has_history(observation) else observation


def has_history(observation: PyTree) -> bool:
    """Whether it is made of a "now" and a "history" of it."""
    return isinstance(observation, dict) and observation.keys() == {"now", "history"}


def normalise(statistics: Statistics, observation: PyTree) -> PyTree:
    """Observations with leaves [..., shape], shifted, scaled and clipped. Leaves that are not floats pass unchanged."""
    leaves, structure = jax.tree.flatten(observation)
    kept = list(zip(statistics.mean, statistics.variance, strict=True))
    moments = iter(2 * kept if has_history(observation) else kept)

    def scale(leaf: Array) -> Array:
        if not jnp.issubdtype(leaf.dtype, jnp.floating):
            return leaf
        mean, variance = next(moments)
        return jnp.clip((leaf - mean) / jnp.maximum(jnp.sqrt(variance), LEAST_STD), -LIMIT, LIMIT)

    return structure.unflatten([scale(leaf) for leaf in leaves])


def on_both(function: Callable[[Statistics, PyTree], Any], statistics: Observation, seen: Observation) -> Observation:
    """`merge` or `normalise` on what the policy sees and, where it differs, on what the critic sees.

    `statistics` holds `Statistics` in the places of the observations.
    """
    critic = None if seen.critic is None else function(statistics.critic, seen.critic)
    return Observation(function(statistics.policy, seen.policy), critic)
