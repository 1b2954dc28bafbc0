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

from ....envs.contract import Mirror, Observation
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


def merge(statistics: Statistics, observation: PyTree, look: Callable[[PyTree], PyTree] | None = None) -> Statistics:
    """Take in a batch of observations with leaves [T, W, ...]; with `look`, a reflection, their images too.

    Parallel form of Chan, Golub and LeVeque (1979), written with weights instead of sums so that nothing overflows.
    """
    seen = present(observation)
    leaves = float_leaves(seen)
    count = statistics.count + leaves[0].shape[0] * leaves[0].shape[1]
    weight = 1 - statistics.count / count
    batch_mean = tuple(jnp.mean(leaf, axis=(0, 1)) for leaf in leaves)
    batch_variance = tuple(jnp.var(leaf, axis=(0, 1)) for leaf in leaves)
    if look is not None:
        structure = jax.tree.structure(seen)
        mean, variance = (jax.tree.leaves(look(structure.unflatten(m))) for m in (batch_mean, batch_variance))
        # Of two halves of equal size; a reflection turns signs, of which a variance has none.
        apart = [(here - there) / 2 for here, there in zip(batch_mean, mean, strict=True)]
        batch_mean = tuple((here + there) / 2 for here, there in zip(batch_mean, mean, strict=True))
        pairs = zip(batch_variance, variance, apart, strict=True)
        batch_variance = tuple((here + jnp.abs(there)) / 2 + gap**2 for here, there, gap in pairs)

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


def merge_both(statistics: Observation, seen: Observation, mirror: Mirror | None = None) -> Observation:
    """`merge` on what the policy sees and, where it differs, on what the critic sees; with a mirror, on both sides.

    `statistics` holds `Statistics` in the places of the observations.
    """
    looks = (None, None) if mirror is None else (mirror.of_policy, mirror.of_critic)
    critic = None if seen.critic is None else merge(statistics.critic, seen.critic, looks[1])
    return Observation(merge(statistics.policy, seen.policy, looks[0]), critic)


def normalise_both(statistics: Observation, seen: Observation) -> Observation:
    """`normalise` on what the policy sees and, where it differs, on what the critic sees; see `merge_both`."""
    critic = None if seen.critic is None else normalise(statistics.critic, seen.critic)
    return Observation(normalise(statistics.policy, seen.policy), critic)
