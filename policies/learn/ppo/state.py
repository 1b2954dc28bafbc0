"""What a PPO run is made of between two updates."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import optax
from flax import nnx
from jax import Array

from ....envs.contract import Observation
from .acting import CollectorParams, Parts, PolicyParams
from .adaptation import due
from .rollout import Worlds

Params = dict[str, nnx.State]
"""Weights of the "actor" and the "critic"; where the policy adapts, of the encoder of what is "privileged" too."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class LearnerState:
    """All that a resume needs."""

    params: Params
    optimiser: optax.OptState
    normaliser: Observation
    """`Statistics` in the places of the observations."""
    worlds: Worlds
    critic_memory: Array | None
    """[W, recurrent] before the critic sees `worlds.observation`."""
    key: Array
    updates: Array
    """[] int32: updates done."""
    rate: Array | None = None
    """[] the learning rate, where it adapts."""
    student: Any = None
    """The encoder of the history as a `Student`, where the policy adapts."""


class Learned(NamedTuple):
    """What gradient steps change of a state, under the same names."""

    params: Params
    optimiser: optax.OptState
    critic_memory: Array | None
    rate: Array | None
    student: Any


def params_of(state: LearnerState) -> PolicyParams:
    """What the policy needs of the state."""
    history = None if state.student is None else state.student.params
    return PolicyParams(state.params["actor"], state.normaliser.policy, history)


def collector_params(parts: Parts, state: LearnerState) -> PolicyParams | CollectorParams:
    """What the policy that collects needs of the state."""
    if parts.adaptation is None:
        return params_of(state)
    by_history = due(parts.adaptation, state.updates)
    return CollectorParams(params_of(state), state.params["privileged"], state.normaliser.critic, by_history)
