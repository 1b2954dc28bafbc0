"""Policies that learned nothing, to hold results against: random actions, and no action. Their params are `None`."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from gymnasium.spaces import Box, Discrete, MultiDiscrete, Space
from jax import Array

from ...envs.contract import ActionTerm, EnvSpec, Observation, PyTree
from ..policy import Policy

NOTHING = "nothing"
"""Name that the action term of a Discrete space gives to the action that does nothing."""


def random_policy(spec: EnvSpec) -> Policy:
    """Every action drawn uniformly from the action space; of a Box, from the part that the action terms do not clip.

    A side of a Box without bounds is taken as 1. Raises ValueError unless it is a Box, Discrete or MultiDiscrete.
    """
    space = spec.action_space
    if isinstance(space, Box):
        low, high = _bounds(space, spec.action_terms)
        return _memoryless(lambda key, worlds: jax.random.uniform(key, (worlds, *low.shape), minval=low, maxval=high))
    if isinstance(space, Discrete):
        first, count = int(space.start), int(space.n)
        return _memoryless(lambda key, worlds: jax.random.randint(key, (worlds,), first, first + count))
    if isinstance(space, MultiDiscrete):
        nvec = np.asarray(space.nvec, np.int32)
        return _memoryless(lambda key, worlds: jax.random.randint(key, (worlds, *nvec.shape), 0, nvec))
    raise _unknown(space)


def noop_policy(spec: EnvSpec) -> Policy:
    """Zero in a Box (or its bound nearest to zero) and in a MultiDiscrete; in a Discrete, the action named "nothing".

    Raises ValueError for another space, and for a Discrete whose action term names no such action.
    """
    space = spec.action_space
    if isinstance(space, Box):
        idle = np.clip(np.zeros(space.shape, np.float32), *_bounds(space, ()))
    elif isinstance(space, MultiDiscrete):
        idle = np.zeros(space.nvec.shape, np.int32)
    elif isinstance(space, Discrete):
        names = [name for term in spec.action_terms for name in term.names]
        if NOTHING not in names:
            raise ValueError(f'{spec.name} names no action "{NOTHING}": its do-nothing policy is unknown')
        idle = np.int32(space.start + names.index(NOTHING))
    else:
        raise _unknown(space)
    return _memoryless(lambda key, worlds: jnp.broadcast_to(idle, (worlds, *np.shape(idle))))


BASELINES = {"random": random_policy, "noop": noop_policy}


def _memoryless(draw: Callable[[Array, int], Array]) -> Policy:
    """A policy that looks at nothing but how many worlds there are."""

    def act(params: PyTree, memory: PyTree, observation: Observation, key: Array) -> tuple[Array, PyTree]:
        return draw(key, jax.tree.leaves(observation.policy)[0].shape[0]), memory

    return Policy(initial_memory=lambda worlds: None, act=act)


def _bounds(space: Box, terms: tuple[ActionTerm, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest action that differ in what they do; terms run along the last axis."""
    low = np.where(np.isfinite(space.low), space.low, -1.0).astype(np.float32)
    high = np.where(np.isfinite(space.high), space.high, 1.0).astype(np.float32)
    start = 0
    for term in terms:
        entries = (..., slice(start, start + term.size))
        if term.clip is not None:
            ends = [(end - np.asarray(term.offset)) / np.asarray(term.scale) for end in term.clip]
            low[entries] = np.maximum(low[entries], np.minimum(*ends))
            high[entries] = np.minimum(high[entries], np.maximum(*ends))
        start += term.size
    return low, high


def _unknown(space: Space) -> ValueError:
    return ValueError(f"action space is {space}: baselines know Box, Discrete and MultiDiscrete")
