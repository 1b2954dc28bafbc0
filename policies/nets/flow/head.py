"""The flow head: from what is known and a chunk half way from noise to actions, to the velocity of the way there.

As in the papers a chunk is noise at time 0 and actions at time 1, in between `time * actions + (1 - time) * noise`, so
the velocity is `actions - noise` (Lipman et al. 2023, Flow Matching). Times are per token: a token at
time 1 is an action that is settled already (Black et al. 2025, Training-Time Action Conditioning).
"""

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from . import time as times
from .config import FlowConfig
from .transformer import Known, Transformer


class FlowHead(nnx.Module):
    """See the module. A is the size of an action, H the horizon."""

    def __init__(self, config: FlowConfig, action: int, *, rngs: nnx.Rngs):
        width = config.action.width
        self.config, self.action = config, action
        self.transformer = Transformer(config, rngs=rngs)
        self.look = nnx.Linear(action, width, rngs=rngs)
        self.state = nnx.Linear(config.state, width, rngs=rngs) if config.state else None
        mixed = width if config.time == "adaptive" else 2 * width
        self.time_in, self.time_out = nnx.Linear(mixed, width, rngs=rngs), nnx.Linear(width, width, rngs=rngs)
        self.act = nnx.Linear(width, action, rngs=rngs)

    def encode(self, tokens: Array, valid: Array, skipping: Array | None = None, skipped: float = 0.0) -> Known:
        """What is known: tokens [B, P, width of the prefix], where `valid` [B, P] bool. Once for all Euler steps.
        The rest is for training, see `Transformer.encode`."""
        return self.transformer.encode(tokens, valid, skipping, skipped)

    def velocity(self, known: Known, chunk: Array, time: Array, state: Array | None = None) -> Array:
        """[B, H, A] of a `chunk` [B, H, A] at `time` [B, H], given the `state` [B, N] where it is a token."""
        look, condition, blocks = self.look(chunk), None, jnp.ones(chunk.shape[1], jnp.int32)
        if self.config.time == "concat":
            look = self.time_out(jax.nn.swish(self.time_in(jnp.concatenate([look, self._told(time)], axis=-1))))
        if self.state is not None:
            assert state is not None
            look = jnp.concatenate([self.state(state)[:, None], look], axis=1)
            blocks = jnp.concatenate([jnp.zeros(1, jnp.int32), blocks])
            time = jnp.concatenate([jnp.ones_like(time[:, :1]), time], axis=1)  # a state is as settled as can be
        if self.config.time == "adaptive":
            condition = jax.nn.swish(self.time_out(jax.nn.swish(self.time_in(self._told(time)))))
        found = self.transformer.decode(known, look, blocks, condition)
        return self.act(found[:, -chunk.shape[1] :])

    def _told(self, time: Array) -> Array:
        return times.embedding(time, self.config.action.width)
