"""The fixed parts of a PPO run, and the policy made of them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import optax
from flax import nnx
from jax import Array

from ....envs.contract import EnvSpec, Mirror, Observation, PyTree
from ...nets.actor_critic import make_actor_critic
from ...nets.config import NetworkConfig
from ...nets.distributions import Distribution, distribution_for
from ...nets.recurrent import initial_memory
from ...nets.stream import EncoderFactory, Flatten, Stream
from ...nets.symmetric import Symmetric
from ...policy import Policy
from .adaptation import Adaptation, adaptation_for, history_latent, privileged_latent, with_latent
from .config import PPOConfig
from .mixing import Mixing, mixing_for
from .normaliser import Statistics, normalise
from .symmetry import mirror_for


@dataclass(frozen=True)
class Parts:
    """What stays the same over a run: the settings, and the networks without their weights."""

    config: PPOConfig
    networks: Callable[[Array], tuple[Stream | Symmetric, Stream | Symmetric]]
    """(key) -> actor and critic with fresh weights."""
    actor: nnx.GraphDef
    critic: nnx.GraphDef
    initial_memory: Callable[[int], Array | None]
    """(worlds) -> memory of the actor, and of the critic, at the start of an episode."""
    distribution: Distribution
    mixing: Mixing
    """Terms of the action and channels of the reward."""
    mirror: Mirror | None
    """Where the losses or the networks use one."""
    adaptation: Adaptation | None
    """Where the policy adapts."""
    optimiser: optax.GradientTransformation
    """Without the learning rate."""


class PolicyParams(NamedTuple):
    """All that acting needs."""

    actor: nnx.State
    statistics: Statistics
    """Of `Observation.policy`."""
    history: Any = None
    """Of the encoder of the history, where the policy adapts."""


class CollectorParams(NamedTuple):
    """All that acting needs where what is privileged can be seen."""

    policy: PolicyParams
    privileged: nnx.State
    """Of the encoder of what is privileged."""
    statistics: Statistics
    """Of `Observation.critic`."""
    by_history: Array
    """[] bool: whether the history's latent acts all the same."""


def make_parts(spec: EnvSpec, ppo: PPOConfig, network: NetworkConfig, encoder: EncoderFactory = Flatten) -> Parts:
    """The parts for an environment. Raises ValueError for spaces that no head or encoder is made for."""
    distribution, mixing = distribution_for(spec.action_space), mixing_for(spec)
    if ppo.robustness and not distribution.free:
        raise ValueError(f"ppo.robustness is {ppo.robustness}: actions that are chosen, not measured, need 0")
    mirror, adaptation = mirror_for(spec, ppo, network), adaptation_for(spec, network)
    networks = partial(make_actor_critic, spec, distribution, mixing.channels, network, encoder)
    actor, critic = (nnx.graphdef(net) for net in nnx.eval_shape(lambda: networks(jax.random.key(0))))
    optimiser = optax.chain(optax.clip_by_global_norm(ppo.max_grad_norm), optax.scale_by_adam(eps=1e-5))
    memory = partial(initial_memory, network.recurrent)
    return Parts(ppo, networks, actor, critic, memory, distribution, mixing, mirror, adaptation, optimiser)


def make_policy(parts: Parts, temperature: float = 1.0) -> Policy:
    """The actor as a policy; its params are `PolicyParams`. Temperature 1 samples as in training, 0 takes the mode."""

    def act(params: PolicyParams, memory: Array | None, observation: Observation, key: Array):
        return _sample(parts, params.actor, shown(parts, params, observation), memory, key, temperature)

    return Policy(parts.initial_memory, act)


def shown(parts: Parts, params: PolicyParams, observation: Observation) -> PyTree:
    """What the actor of a policy is shown of an observation, leaves [B, ...]."""
    seen = normalised(parts.config, params.statistics, observation.policy)
    if parts.adaptation is None:
        return seen
    return with_latent(seen, history_latent(parts.adaptation, params.history, seen))


def make_collector(parts: Parts) -> Policy:
    """The policy that collects. Where it adapts its params are `CollectorParams`, else it is `make_policy`'s."""
    if parts.adaptation is None:
        return make_policy(parts)
    adaptation = parts.adaptation

    def act(params: CollectorParams, memory: Array | None, observation: Observation, key: Array):
        def seen() -> PyTree:
            return normalised(parts.config, params.policy.statistics, observation.policy)

        latent = jax.lax.cond(
            params.by_history,
            lambda: history_latent(adaptation, params.policy.history, seen()),
            lambda: privileged_latent(
                adaptation, params.privileged, normalised(parts.config, params.statistics, observation.critic)
            ),
        )
        return _sample(parts, params.policy.actor, with_latent(seen(), latent), memory, key, 1.0)

    return Policy(parts.initial_memory, act)


def normalised(config: PPOConfig, statistics: Statistics, seen: PyTree) -> PyTree:
    """What was seen as networks see it, with leaves [..., shape]."""
    return normalise(statistics, seen) if config.normalise_observations else seen


def _sample(parts: Parts, actor: nnx.State, seen: PyTree, memory: Array | None, key: Array, temperature: float):
    parameters, memory = nnx.merge(parts.actor, actor).step(seen, memory)
    if temperature == 0:  # nothing is drawn, so that an exported policy holds no generator
        return parts.distribution.mode(parameters), memory
    return parts.distribution.sample(parameters, key, temperature), memory
