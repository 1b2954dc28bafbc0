"""Distributions over actions, as pure functions of parameter arrays.

A network puts out `outputs` numbers per world and appends `free` numbers that do not depend on the observation;
together they are the parameters [..., outputs + free] that the functions here take. Continuous actions are not
squashed: the environment clips them. A Discrete action counts as one entry.
"""

from collections.abc import Callable
from math import log, pi
from typing import NamedTuple

import gymnasium
import jax
import jax.numpy as jnp
from jax import Array


class Distribution(NamedTuple):
    """A family of distributions. Parameters are [..., outputs + free]."""

    outputs: int
    """Parameters that depend on the observation."""
    free: int
    """Parameters that do not."""
    sample: Callable[[Array, Array, float], Array]
    """(parameters, key, temperature) -> action. Temperature 1 is the distribution itself, 0 its mode."""
    mode: Callable[[Array], Array]
    """(parameters) -> the most likely action."""
    log_probs: Callable[[Array, Array], Array]
    """(parameters, action) -> [..., entries] log of the probability (discrete) or density (continuous), for each entry
    of the action: they are independent."""
    entropy: Callable[[Array], Array]
    """(parameters) -> [...] in nats."""
    kl: Callable[[Array, Array], Array]
    """(parameters p, parameters q) -> [...] Kullback-Leibler divergence of q from p, in nats."""

    def log_prob(self, parameters: Array, action: Array) -> Array:
        """[...] of the whole action."""
        return self.log_probs(parameters, action).sum(axis=-1)


def distribution_for(space: gymnasium.Space) -> Distribution:
    """The family for an action space: Box -> diagonal Gaussian, Discrete -> categorical, MultiDiscrete -> one
    categorical per entry. Raises ValueError for any other space."""
    match space:
        case gymnasium.spaces.Box(shape=(size,)):
            return gaussian(size)
        case gymnasium.spaces.Discrete() if space.start == 0:
            return categorical(int(space.n))
        case gymnasium.spaces.MultiDiscrete() if space.nvec.ndim == 1 and not space.start.any():
            return multi_categorical(tuple(int(n) for n in space.nvec))
    raise ValueError(f"action space is {space}: use a flat Box, or a Discrete or flat MultiDiscrete that starts at 0")


def gaussian(size: int) -> Distribution:
    """Independent normal per entry. Parameters: `size` means, then `size` logs of the standard deviation, which are
    free of the observation. Actions are [..., size] float32."""

    def split(parameters: Array) -> tuple[Array, Array]:
        mean, log_std = jnp.split(parameters, [size], axis=-1)
        return mean, log_std

    def sample(parameters: Array, key: Array, temperature: float = 1.0) -> Array:
        mean, log_std = split(parameters)
        return mean + temperature * jnp.exp(log_std) * jax.random.normal(key, mean.shape)

    def log_probs(parameters: Array, action: Array) -> Array:
        mean, log_std = split(parameters)
        return -(0.5 * ((action - mean) * jnp.exp(-log_std)) ** 2 + log_std + 0.5 * log(2 * pi))

    def entropy(parameters: Array) -> Array:
        return jnp.sum(split(parameters)[1] + 0.5 * log(2 * pi) + 0.5, axis=-1)

    def kl(p: Array, q: Array) -> Array:
        (mean, log_std), (other, other_log_std) = split(p), split(q)
        wide = jnp.exp(2 * (log_std - other_log_std)) + ((mean - other) * jnp.exp(-other_log_std)) ** 2
        return jnp.sum(other_log_std - log_std + 0.5 * (wide - 1), axis=-1)

    return Distribution(size, size, sample, lambda parameters: split(parameters)[0], log_probs, entropy, kl)


def categorical(choices: int) -> Distribution:
    """One of `choices`. Parameters are logits; actions are [...] int32."""

    def sample(logits: Array, key: Array, temperature: float = 1.0) -> Array:
        # The Gumbel trick needs no division, so temperature 0 is the mode without a special case.
        return mode(logits + temperature * jax.random.gumbel(key, logits.shape))

    def mode(logits: Array) -> Array:
        return jnp.argmax(logits, axis=-1).astype(jnp.int32)

    def log_probs(logits: Array, action: Array) -> Array:
        return jnp.sum(jax.nn.log_softmax(logits) * jax.nn.one_hot(action, choices), axis=-1, keepdims=True)

    def entropy(logits: Array) -> Array:
        return -jnp.sum(jax.nn.softmax(logits) * jax.nn.log_softmax(logits), axis=-1)

    def kl(p: Array, q: Array) -> Array:
        return jnp.sum(jax.nn.softmax(p) * (jax.nn.log_softmax(p) - jax.nn.log_softmax(q)), axis=-1)

    return Distribution(choices, 0, sample, mode, log_probs, entropy, kl)


def multi_categorical(choices: tuple[int, ...]) -> Distribution:
    """Independent categoricals. Parameters are their logits side by side; actions are [..., len(choices)] int32."""
    parts = [categorical(n) for n in choices]
    cuts = [sum(choices[: i + 1]) for i in range(len(choices) - 1)]

    def split(logits: Array) -> list[Array]:
        return jnp.split(logits, cuts, axis=-1)

    def sample(logits: Array, key: Array, temperature: float = 1.0) -> Array:
        keys = jax.random.split(key, len(parts))
        drawn = [part.sample(own, k, temperature) for part, own, k in zip(parts, split(logits), keys, strict=True)]
        return jnp.stack(drawn, axis=-1)

    def mode(logits: Array) -> Array:
        return jnp.stack([part.mode(own) for part, own in zip(parts, split(logits), strict=True)], axis=-1)

    def log_probs(logits: Array, action: Array) -> Array:
        own = split(logits)
        return jnp.concatenate([part.log_probs(own[i], action[..., i]) for i, part in enumerate(parts)], axis=-1)

    def entropy(logits: Array) -> Array:
        return sum((part.entropy(own) for part, own in zip(parts, split(logits), strict=True)), jnp.float32(0))

    def kl(p: Array, q: Array) -> Array:
        return sum((part.kl(*pair) for part, *pair in zip(parts, split(p), split(q), strict=True)), jnp.float32(0))

    return Distribution(sum(choices), 0, sample, mode, log_probs, entropy, kl)
