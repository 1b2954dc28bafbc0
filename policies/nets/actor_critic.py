"""An actor and a critic for an environment."""

from typing import Any

import gymnasium
import numpy as np
from flax import nnx
from jax import Array

from ...envs.contract import EnvSpec
from .config import AdaptationConfig, NetworkConfig
from .distributions import Distribution
from .stream import EncoderFactory, Stream, shapes_of
from .symmetric import Symmetric, of_features


def make_actor_critic(
    spec: EnvSpec, distribution: Distribution, values: int, config: NetworkConfig, encoder: EncoderFactory, key: Array
) -> tuple[Stream | Symmetric, Stream | Symmetric]:
    """The actor, which puts out the parameters of `distribution`, and the critic, which puts out `values`.

    They share no weights, so that the critic may see more than the actor (`EnvSpec.critic_space`). A task of symmetric
    networks has a mirror and continuous actions.
    """
    rngs = nnx.Rngs(key)
    space = spec.observation_space if config.adaptation is None else adapted_space(spec, config.adaptation)
    shared = {"activation": config.activation, "recurrent": config.recurrent, "rngs": rngs}
    actor = Stream(
        encoder(space, rngs),
        config.actor,
        distribution.outputs,
        gain=0.01,  # actions hardly depend on the observation to begin with
        free=distribution.free,
        free_value=config.initial_log_std,
        **shared,
    )
    seen = spec.critic_space or spec.observation_space
    critic = Stream(encoder(seen, rngs), config.critic, values, gain=1.0, **shared)
    if not config.symmetric:
        return actor, critic
    mirror = spec.mirror
    assert mirror is not None
    look = mirror.of_critic if spec.critic_space else mirror.of_policy
    sides = [
        of_features(stream.encoder, shapes_of(where), image)
        for stream, where, image in ((actor, space, mirror.of_policy), (critic, seen, look))
    ]
    return Symmetric(actor, sides[0], mirror.action), Symmetric(critic, sides[1], None)


def adapted_space(spec: EnvSpec, config: AdaptationConfig) -> gymnasium.spaces.Dict:
    """What an actor sees that is told a latent in place of a history."""
    seen: Any = spec.observation_space
    latent = gymnasium.spaces.Box(-np.inf, np.inf, (config.latent,), np.float32)
    return gymnasium.spaces.Dict({"latent": latent, "now": seen["now"]})
