"""All of a chunk policy's network: what is observed is encoded once, then asked for velocities as often as needed."""

import math

import gymnasium
import jax.numpy as jnp
from flax import nnx
from jax import Array

from ..stream import shapes_of
from .config import FlowConfig
from .head import FlowHead
from .mixer import Mixer, MixerConfig
from .tokens import STATE, Tokens, arrays_of
from .transformer import Known


class FlowNetwork(nnx.Module):
    """Tokens of the observation, and the flow head. A is the size of an action, H the horizon.

    Raises ValueError where `config.state` is not the size of the state that is observed.
    """

    def __init__(self, config: FlowConfig, space: gymnasium.Space, action: int, *, rngs: nnx.Rngs):
        self.config, shapes = config, arrays_of(shapes_of(space))
        self.state = STATE if config.state else ""
        if self.state and (self.state not in shapes or shapes[self.state].shape != (config.state,)):
            raise ValueError(f"flow.state is {config.state}: the observation has no vector {STATE!r} of that size")
        self.tokens = Tokens(space, config.prefix.width, self.state, rngs=rngs)
        self.head = FlowHead(config, action, rngs=rngs)

    def encode(
        self, observation: dict[str, Array], skipping: Array | None = None, skipped: float = 0.0
    ) -> tuple[Known, Array | None]:
        """What is known of arrays [B, ...] by name. The rest is for training, see `Transformer.encode`."""
        worlds = next(iter(observation.values())).shape[0]
        known = self.head.encode(*self.tokens(observation, worlds), skipping, skipped)
        return known, observation[self.state] if self.state else None

    def velocity(
        self, known: tuple[Known, Array | None], chunk: Array, time: Array, settled: Array | None = None
    ) -> Array:
        """[B, H, A] of a `chunk` [B, H, A] at `time` [B or 1, H or 1], or at 1 where `settled` [B, H] bool."""
        return self.head.velocity(known[0], chunk, time, settled, known[1])


class MixerNetwork(nnx.Module):
    """The published mixer, which sees every float of the observation flattened."""

    def __init__(self, config: MixerConfig, space: gymnasium.Space, action: int, *, rngs: nnx.Rngs):
        shapes = arrays_of(shapes_of(space))
        self.config = config
        self.seen = tuple(name for name, leaf in shapes.items() if jnp.issubdtype(leaf.dtype, jnp.floating))
        observed = sum(math.prod(shapes[name].shape) for name in self.seen)
        self.mixer = Mixer(config, observed, action, rngs=rngs)

    def encode(self, observation: dict[str, Array]) -> Array:
        """What every token is told [B, channels] of arrays [B, ...] by name."""
        seen = [observation[name].reshape(observation[name].shape[0], -1) for name in self.seen]
        return self.mixer.encode(jnp.concatenate(seen, axis=-1))

    def velocity(self, known: Array, chunk: Array, time: Array, settled: Array | None = None) -> Array:
        """See `FlowNetwork`."""
        return self.mixer.velocity(known, chunk, time, settled)


Network = FlowNetwork | MixerNetwork


def make_network(config: FlowConfig | MixerConfig, space: gymnasium.Space, action: int, *, rngs: nnx.Rngs) -> Network:
    """The network that a config describes. Raises ValueError for a space that it cannot see."""
    kind = MixerNetwork if isinstance(config, MixerConfig) else FlowNetwork
    return kind(config, space, action, rngs=rngs)  # pyright: ignore[reportArgumentType]
