"""An actor and a critic for an environment."""

from flax import nnx
from jax import Array

from ...envs.contract import EnvSpec
from .config import NetworkConfig
from .distributions import Distribution
from .stream import EncoderFactory, Stream


def make_actor_critic(
    spec: EnvSpec, distribution: Distribution, values: int, config: NetworkConfig, encoder: EncoderFactory, key: Array
) -> tuple[Stream, Stream]:
    """The actor, which puts out the parameters of `distribution`, and the critic, which puts out `values`.

    They share no weights, so that the critic may see more than the actor (`EnvSpec.critic_space`).
    """
    rngs = nnx.Rngs(key)
    shared = {"activation": config.activation, "recurrent": config.recurrent, "rngs": rngs}
    actor = Stream(
        encoder(spec.observation_space, rngs),
        config.actor,
        distribution.outputs,
        gain=0.01,  # actions hardly depend on the observation to begin with
        free=distribution.free,
        free_value=config.initial_log_std,
        **shared,
    )
    seen = spec.critic_space or spec.observation_space
    critic = Stream(encoder(seen, rngs), config.critic, values, gain=1.0, **shared)
    return actor, critic
