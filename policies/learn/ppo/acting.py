"""The fixed parts of a PPO run, and the policy made of them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import optax
from flax import nnx
from jax import Array

from ....envs.contract import EnvSpec, Mirror, Observation
from ...nets.actor_critic import make_actor_critic
from ...nets.config import NetworkConfig
from ...nets.distributions import Distribution, distribution_for
from ...nets.recurrent import initial_memory
from ...nets.stream import EncoderFactory, Flatten, Stream
from ...policy import Policy
from .config import PPOConfig
from .mixing import Mixing, mixing_for
from .normaliser import Statistics, normalise
from .symmetry import mirror_for


@dataclass(frozen=True)
class Parts:
    """What stays the same over a run: the settings, and the networks without their weights."""

    config: PPOConfig
    networks: Callable[[Array], tuple[Stream, Stream]]
    """(key) -> actor and critic with fresh weights."""
    actor: nnx.GraphDef
    critic: nnx.GraphDef
    initial_memory: Callable[[int], Array | None]
    """(worlds) -> memory of the actor, and of the critic, at the start of an episode."""
    distribution: Distribution
    mixing: Mixing
    """Terms of the action and channels of the reward."""
    mirror: Mirror | None
    """Where the losses use one."""
    optimiser: optax.GradientTransformation
    """Without the learning rate."""


class PolicyParams(NamedTuple):
    """All that acting needs."""

    actor: nnx.State
    statistics: Statistics
    """Of `Observation.policy`."""


def make_parts(spec: EnvSpec, ppo: PPOConfig, network: NetworkConfig, encoder: EncoderFactory = Flatten) -> Parts:
    """The parts for an environment. Raises ValueError for spaces that no head or encoder is made for."""
    distribution, mixing = distribution_for(spec.action_space), mixing_for(spec)
    networks = partial(make_actor_critic, spec, distribution, mixing.channels, network, encoder)
    actor, critic = (nnx.graphdef(net) for net in nnx.eval_shape(lambda: networks(jax.random.key(0))))
    optimiser = optax.chain(optax.clip_by_global_norm(ppo.max_grad_norm), optax.scale_by_adam(eps=1e-5))
    memory = partial(initial_memory, network.recurrent)
    mirror = mirror_for(spec, ppo, network)
    return Parts(ppo, networks, actor, critic, memory, distribution, mixing, mirror, optimiser)


def make_policy(parts: Parts, temperature: float = 1.0) -> Policy:
    """The actor as a policy; its params are `PolicyParams`. Temperature 1 samples as in training, 0 takes the mode."""

    def act(params: PolicyParams, memory: Array | None, observation: Observation, key: Array):
        seen = observation.policy
        if parts.config.normalise_observations:
            seen = normalise(params.statistics, seen)
        parameters, memory = nnx.merge(parts.actor, params.actor).step(seen, memory)
        return parts.distribution.sample(parameters, key, temperature), memory

    return Policy(parts.initial_memory, act)
