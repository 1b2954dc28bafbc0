"""Regularised online adaptation (Fu, Cheng and Pathak 2022): a policy that finds out what it cannot see.

The actor sees what is seen "now", and a latent. In training the latent comes from what is "privileged"; an encoder of
the "history" is regressed on it, and takes its place on a robot. A penalty holds the latent to what a history can tell.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jax import Array

from ....envs.contract import EnvSpec
from ...nets.adaptation import HistoryEncoder, privileged_encoder
from ...nets.config import AdaptationConfig, NetworkConfig
from ...nets.mlp import MLP
from ...nets.stream import shapes_of

PyTree = Any


@dataclass(frozen=True)
class Adaptation:
    """The settings, and the encoders without their weights."""

    config: AdaptationConfig
    encoders: Callable[[Array], tuple[MLP, HistoryEncoder]]
    """(key) -> the privileged one and that of the history, with fresh weights."""
    privileged: nnx.GraphDef
    history: nnx.GraphDef


class Student(NamedTuple):
    """The encoder of the history while it learns."""

    params: nnx.State
    optimiser: optax.OptState


def adaptation_for(spec: EnvSpec, network: NetworkConfig) -> Adaptation | None:
    """The encoders for a task; None where the settings ask for none. Raises ValueError if it is not made for them."""
    config = network.adaptation
    if config is None:
        return None
    if network.recurrent:
        raise ValueError(f"network.recurrent is {network.recurrent}: with network.adaptation it must be 0")
    entries, frames, privileged = _sizes(spec)

    def encoders(key: Array) -> tuple[MLP, HistoryEncoder]:
        rngs = nnx.Rngs(key)
        return privileged_encoder(privileged, config, rngs), HistoryEncoder(frames, entries, config, rngs=rngs)

    shapes = nnx.eval_shape(lambda: encoders(jax.random.key(0)))
    return Adaptation(config, encoders, *map(nnx.graphdef, shapes))


def _sizes(spec: EnvSpec) -> tuple[int, int, int]:
    """Entries of "now", frames of "history" and entries of what is "privileged"."""
    match shapes_of(spec.observation_space), spec.critic_space and shapes_of(spec.critic_space):
        case {"now": now, "history": frames, **others}, {"privileged": known} if not others:
            if len(now.shape) == len(known.shape) == 1 and frames.shape[1:] == now.shape:
                return now.shape[0], frames.shape[0], known.shape[0]
    raise ValueError(
        f"network.adaptation is set, but {spec.name} is not made for it: the policy must see now [n] and "
        "history [H, n], the critic now and privileged; set it to null"
    )


def privileged_latent(adaptation: Adaptation, params: nnx.State, seen: PyTree) -> Array:
    """[..., latent] of what the critic sees, normalised."""
    return nnx.merge(adaptation.privileged, params)(seen["privileged"])


def history_latent(adaptation: Adaptation, params: nnx.State, seen: PyTree) -> Array:
    """[..., latent] of what the policy sees, normalised."""
    return nnx.merge(adaptation.history, params)(seen["history"])


def with_latent(seen: PyTree, latent: Array) -> PyTree:
    """What the actor sees, given what the policy sees."""
    return {"latent": latent, "now": seen["now"]}


def due(adaptation: Adaptation, updates: Array) -> Array:
    """[] bool: whether the history's latent acts in the update after so many, and only its encoder learns."""
    return (updates + 1) % adaptation.config.every == 0


def pull(adaptation: Adaptation, updates: Array) -> Array:
    """[] weight of the distance between the latents after so many updates."""
    config = adaptation.config
    grown = (updates - config.weight_start) / max(config.weight_end - config.weight_start, 1)
    return config.weight * jnp.clip(grown, 0.0, 1.0)


def gap(latent: Array, other: Array) -> Array:
    """Mean distance, [], of latents [..., latent]. Its slope is finite everywhere."""
    return jnp.sqrt(jnp.sum((latent - other) ** 2, axis=-1) + 1e-8).mean()
