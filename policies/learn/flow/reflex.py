"""Learning a reflex from recordings: chunks are planned, and what was done instead is what is wanted."""

import jax
import jax.numpy as jnp
from jax import Array

from ...nets.flow.loss import draw_settled
from ...rtc.plan import plan
from .data import Steps, chunks
from .optimiser import Trained, whole
from .parts import ChunkParams, Parts, Scalings


def reflex_loss(parts: Parts, trained: Trained, scalings: Scalings, steps: Steps, starts: Array, key: Array) -> Array:
    """Mean squared error [] of corrected actions, of chunks that begin at `starts` [B].

    Chunks are given the recorded actions of a delay that is drawn; of the others each is corrected by what was observed
    when its time had come.
    """
    config, found = parts.config, chunks(steps, starts, parts.config.horizon)
    settling, planning = jax.random.split(key)
    count, horizon = starts.shape[0], config.horizon
    delay = draw_settled(settling, count, config.settled, config.settled_decay)[:, None]
    params = jax.lax.stop_gradient(ChunkParams(whole(trained), scalings))
    before, velocity = (
        parts.to_learn(scalings, found.observation, found.actions),
        parts.velocity(params, found.observation),
    )
    method, led = "settled" if config.settled else "naive", jnp.ones(count, bool)
    planned = plan(method, velocity, config.network.steps, planning, before, led, delay, horizon)
    planned = jnp.clip(parts.to_act(scalings, found.observation, planned), parts.low, parts.high)

    def flat(x: Array) -> Array:
        return x.reshape(count * horizon, *x.shape[2:])

    age = jnp.broadcast_to(jnp.arange(horizon), (count, horizon))
    rows = jnp.minimum(starts[:, None] + age, steps.last[starts][:, None])
    seen = {name: flat(steps.observation[name][rows]) for name in parts.observed}
    wanted = parts.to_learn(scalings, seen, flat(found.actions)[:, None])[:, 0]
    params = ChunkParams(params.weights, scalings, trained.reflex)
    error = (parts.corrected(params, seen, flat(planned), flat(age)) - wanted) ** 2
    counts = flat(found.counts & (age >= delay))
    return (error.mean(axis=-1) * counts).sum() / jnp.maximum(counts.sum(), 1)
