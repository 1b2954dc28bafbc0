"""A rollout as gradient steps see it, whole and in parts."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
from jax import Array

from ....envs.contract import Observation
from . import symmetry
from .acting import Parts
from .config import PPOConfig
from .normaliser import normalise_both
from .rollout import Rollout
from .state import LearnerState


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Batch:
    """A rollout, or the part of it that some worlds lived, with P terms of the action and C channels of the reward."""

    rollout: Rollout
    """Observations normalised, rewards scaled."""
    memory: dict[str, Array | None]
    """[B, recurrent] of "actor" and "critic", before the first step."""
    image: Rollout | None = None
    """The rollout in the mirrored world, where the losses use it."""
    log_prob: Any = None
    """[T, B, P] of the actions, under the weights that took them."""
    value: Any = None
    """[T, B, C] under those weights."""
    advantage: Any = None
    """[T, B, P]."""
    returns: Any = None
    """[T, B, C]: what the values should have been."""
    latent: Any = None
    """[T, B, latent] of the history, where the policy adapts."""


def prepare(parts: Parts, state: LearnerState, seen: Rollout) -> Batch:
    """What was seen from `state` on, before anything is made of it."""
    memory = {"actor": state.worlds.memory, "critic": state.critic_memory}
    fitted = partial(fit, parts.config, state.normaliser)
    mirror = None if parts.config.symmetry == "none" else parts.mirror
    image = None if mirror is None else fitted(symmetry.image(mirror, seen))
    return Batch(fitted(seen), memory, image)


def fit(config: PPOConfig, normaliser: Observation, seen: Rollout) -> Rollout:
    """A rollout with observations normalised and rewards scaled."""
    seen = replace(seen, rewards=config.reward_scale * seen.rewards)
    if not config.normalise_observations:
        return seen
    return replace(
        seen,
        observation=normalise_both(normaliser, seen.observation),
        final_observation=normalise_both(normaliser, seen.final_observation),
    )


def part(batch: Batch, worlds: Array) -> Batch:
    """The batch of some worlds, given their indices [B]."""
    memory = jax.tree.map(lambda leaf: leaf[worlds], batch.memory)
    rest = jax.tree.map(lambda leaf: leaf[:, worlds], replace(batch, memory={}))
    return replace(rest, memory=memory)


def minibatch_orders(config: PPOConfig, key: Array) -> Array:
    """[epochs, minibatches, B] int32: every world once an epoch, in another order each epoch."""
    keys = jax.random.split(key, config.epochs)
    orders = jax.vmap(lambda key: jax.random.permutation(key, config.worlds))(keys)
    return orders.reshape(config.epochs, config.minibatches, -1)
