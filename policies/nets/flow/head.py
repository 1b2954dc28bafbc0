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
from .condition import condition, through
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

    def velocity(
        self, known: Known, chunk: Array, time: Array, settled: Array | None = None, state: Array | None = None
    ) -> Array:
        """[B, H, A] of a `chunk` [B, H, A] at `time` [B or 1, H or 1], or at 1 where `settled` [B, H] bool, given the
        `state` [B, N] where it is a token."""
        look, told, blocks = self.look(chunk), None, jnp.ones(chunk.shape[1], jnp.int32)
        if self.config.time == "concat":
            (rows,) = through(condition(self._embedded, time, settled), lambda rows: rows)
            look = jnp.concatenate([look, jnp.broadcast_to(rows, look.shape)], axis=-1)
            look = self.time_out(jax.nn.swish(self.time_in(look)))
        if self.state is not None:
            assert state is not None
            look = jnp.concatenate([self.state(state)[:, None], look], axis=1)
            blocks = jnp.concatenate([jnp.zeros(1, jnp.int32), blocks])
            time, settled = self._with_state(time, settled, chunk.shape[:2])
        if self.config.time == "adaptive":
            told = condition(self._rows, time, settled)
        found = self.transformer.decode(known, look, blocks, told)
        return self.act(found[:, -chunk.shape[1] :])

    def _with_state(self, time: Array, settled: Array | None, shape: tuple[int, ...]) -> tuple[Array, Array]:
        """Times and what is settled with the state before the actions, which is as settled as can be."""
        fixed = jnp.zeros(shape, bool) if settled is None else settled
        fixed = jnp.concatenate([jnp.ones_like(fixed[:, :1]), fixed], axis=1)
        return (time if time.shape[1] == 1 else jnp.concatenate([time[:, :1], time], axis=1)), fixed

    def _rows(self, time: Array) -> Array:
        return jax.nn.swish(self.time_out(jax.nn.swish(self.time_in(self._embedded(time)))))

    def _embedded(self, time: Array) -> Array:
        return times.embedding(time, self.config.action.width)
