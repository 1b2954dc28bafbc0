"""The head of the published real-time chunking benchmark (Black et al. 2025, arXiv 2506.07339): an MLP-mixer over the
tokens of a chunk (Tolstikhin et al. 2021), told the flow time through its norms (Peebles and Xie 2023, adaLN-zero)."""

from dataclasses import dataclass

import jax
from flax import nnx
from jax import Array

from . import time as times
from .condition import Condition, condition, through


@dataclass(frozen=True)
class MixerConfig:
    """Its sizes. At these, with 679 numbers observed and 6 of an action, it has 3,072,006 weights."""

    horizon: int = 8
    """Actions in a chunk."""
    depth: int = 4
    """Blocks."""
    channels: int = 256
    """Width of a token."""
    channel_mlp: int = 512
    """Hidden width of what mixes the channels of a token."""
    token_mlp: int = 64
    """Hidden width of what mixes the tokens of a channel."""
    steps: int = 5
    """Euler steps from noise to actions."""

    def __post_init__(self):
        for name in ("horizon", "depth", "channel_mlp", "token_mlp", "steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"mixer.{name} is {getattr(self, name)}: it must be at least 1")
        if self.channels < 2 or self.channels % 2:
            raise ValueError(f"mixer.channels is {self.channels}: it must be even and above 0")


class Mixing(nnx.Module):
    """One block."""

    def __init__(self, config: MixerConfig, *, rngs: nnx.Rngs):
        def pair(width: int, hidden: int) -> nnx.List:
            return nnx.List(
                [nnx.Linear(*size, use_bias=False, rngs=rngs) for size in ((width, hidden), (hidden, width))]
            )

        zeros = nnx.initializers.zeros_init()
        self.modulation = nnx.Linear(config.channels, 6 * config.channels, kernel_init=zeros, rngs=rngs)
        self.tokens = pair(config.horizon, config.token_mlp)
        self.channels = pair(config.channels, config.channel_mlp)

    def __call__(self, x: Array, told: Condition) -> Array:
        """Tokens [B, H, channels], told the time."""
        scale, shift, gate, scale_, shift_, gate_ = through(told, self.modulation, 6)
        across = (normalised(x) * (1 + scale) + shift).swapaxes(1, 2)
        x = x + gate * _through(self.tokens, across).swapaxes(1, 2)
        return x + gate_ * _through(self.channels, normalised(x) * (1 + scale_) + shift_)


class Mixer(nnx.Module):
    """See the module. A is the size of an action, H the horizon, N what is observed."""

    def __init__(self, config: MixerConfig, observed: int, action: int, *, rngs: nnx.Rngs):
        width, zeros = config.channels, nnx.initializers.zeros_init()
        self.config, self.action = config, action
        self.look = nnx.Linear(action + observed, width, rngs=rngs)
        self.time_in, self.time_out = nnx.Linear(width, width, rngs=rngs), nnx.Linear(width, width, rngs=rngs)
        self.blocks = nnx.List([Mixing(config, rngs=rngs) for _ in range(config.depth)])
        self.modulation = nnx.Linear(width, 2 * width, kernel_init=zeros, rngs=rngs)
        self.act = nnx.Linear(width, action, rngs=rngs)

    def encode(self, observation: Array) -> Array:
        """What every token is told of what is observed [B, N]: [B, channels]. Once for all Euler steps."""
        kernel, bias = self.look.kernel[...], self.look.bias
        assert bias is not None
        return observation @ kernel[self.action :] + bias[...]

    def velocity(self, known: Array, chunk: Array, time: Array, settled: Array | None = None) -> Array:
        """[B, H, A] of a `chunk` [B, H, A] at `time` [B or 1, H or 1], or at 1 where `settled` [B, H] bool; see
        `head`."""
        told = condition(self._rows, time, settled)
        x = chunk @ self.look.kernel[: self.action] + known[:, None]
        for block in self.blocks:
            x = block(x, told)
        scale, shift = through(told, self.modulation, 2)
        return self.act(normalised(x) * (1 + scale) + shift)

    def _rows(self, time: Array) -> Array:
        return jax.nn.swish(self.time_out(jax.nn.swish(self.time_in(times.embedding(time, self.config.channels)))))


def normalised(x: Array) -> Array:
    """Each token with mean 0 and deviation 1."""
    return (x - x.mean(axis=-1, keepdims=True)) * jax.lax.rsqrt(x.var(axis=-1, keepdims=True) + 1e-6)


def _through(pair: nnx.List, x: Array) -> Array:
    return pair[1](jax.nn.gelu(pair[0](x)))
