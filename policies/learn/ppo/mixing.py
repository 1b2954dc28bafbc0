"""Which part of the action answers for which part of the reward: mixed advantages (Fu, Cheng and Pathak 2022).

Each term of the action has a probability ratio of its own, and each channel of the reward a value and an advantage of
its own. A term learns from the channel that bears its name, and more and more from the others.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from ....envs.contract import EnvSpec, Step
from .config import PPOConfig


class Mixing(NamedTuple):
    """P terms of the action and C channels of the reward; one of each where the task names no channels."""

    entries: tuple[int, ...]
    """Where the terms after the first begin in the action: P - 1 indices."""
    own: np.ndarray
    """[P, C] bool: whether a term learns from a channel from the start."""

    @property
    def channels(self) -> int:
        """C."""
        return self.own.shape[1]


def mixing_for(spec: EnvSpec) -> Mixing:
    """How the task is divided. Raises ValueError if its terms do not make up its action."""
    if not spec.reward_channels:
        return Mixing((), np.ones((1, 1), bool))
    own = np.array([[term.name == channel for channel in spec.reward_channels] for term in spec.action_terms])
    *inner, end = (int(end) for end in np.cumsum([term.size for term in spec.action_terms]))
    if inner and (end,) != spec.action_space.shape:
        raise ValueError(f"{spec.name}: action_terms have {end} entries, action_space is {spec.action_space}; mend one")
    return Mixing(tuple(inner), own | ~own.any(axis=1, keepdims=True))


def by_channel(spec: EnvSpec, step: Step) -> Array:
    """[W, C] the reward of each channel. Raises ValueError if the env did not give what its spec names."""
    rewards = step.reward[:, None] if step.rewards is None else step.rewards
    wanted = (*step.reward.shape, max(len(spec.reward_channels), 1))
    if rewards.shape != wanted:
        raise ValueError(
            f"{spec.name}: Step.rewards is {list(rewards.shape)}, make it {list(wanted)}: worlds, channels"
        )
    return rewards


def by_term(mixing: Mixing, log_probs: Array) -> Array:
    """Log-probabilities of each entry of the action [..., entries] -> of each of its terms [..., P]."""
    return jnp.stack([part.sum(axis=-1) for part in jnp.split(log_probs, mixing.entries, axis=-1)], axis=-1)


def mixed(config: PPOConfig, mixing: Mixing, advantage: Array, updates: Array) -> Array:
    """Advantages of the channels [..., C] -> of the terms [..., P], after so many updates []."""
    grown = updates / config.mixing_updates if config.mixing_updates else 1.0
    share = jnp.minimum(config.mixing_start + (1 - config.mixing_start) * grown, 1.0)
    return jnp.sum(advantage[..., None, :] * jnp.where(mixing.own, 1.0, share), axis=-1)
