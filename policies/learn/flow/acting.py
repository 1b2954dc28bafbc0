"""Acting by chunks: every so many steps a new one, which arrives late and goes on from the one before.

A block begins when a chunk is asked for, of what is observed then. During its first `delay` steps the chunk before is
still executed, as if the new one took so long to compute; then the new one, to the end of the block. The first chunk of
an episode is there at once. A reflex, where there is one, corrects every action by what is observed at its time.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from ....envs.contract import Observation
from ...nets.flow.tokens import arrays_of
from ...policy import Policy
from ...rtc.config import Method, PlayConfig
from ...rtc.plan import plan
from .parts import ChunkParams, Parts


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Plans:
    """The newest K chunks of W worlds, newest first."""

    actions: Array
    """[W, K, H, A] in the units of the task, from the beginning of the block on."""
    reach: Array
    """[W, K] int32: steps from there that each has an action for; 0: there is none."""
    count: Array
    """[W] int32: steps since the block began."""


def no_plans(parts: Parts, method: Method, worlds: int) -> Plans:
    """Of an episode that has just begun."""
    horizon = parts.config.horizon
    kept = horizon if method == "ensemble" else 2
    nothing = jnp.zeros((worlds, kept, horizon, parts.action))
    return Plans(nothing, jnp.zeros((worlds, kept), jnp.int32), jnp.zeros(worlds, jnp.int32))


def advance(
    parts: Parts,
    method: Method,
    temperature: float,
    params: ChunkParams,
    plans: Plans,
    seen: Any,
    key: Array,
    every: Array | int,
    delay: Array | int,
) -> tuple[Array, Plans]:
    """Actions [W, A] for what is `seen` [W, ...], and the plans after. `every` and `delay` may be traced.

    Chunks are made for all worlds if any begins a block: worlds that keep step cost `every` times less.
    """
    observation, begins = arrays_of(seen), plans.count == 0
    horizon = parts.config.horizon

    def think() -> Plans:
        left = jnp.roll(_shifted(plans.actions, every), 1, axis=1)
        reach = jnp.roll(jnp.maximum(plans.reach - every, 0), 1, axis=1)
        before = parts.to_learn(params.scalings, observation, left[:, 1])
        velocity = parts.velocity(params, observation)
        led, steps = reach[:, 1] > 0, parts.config.network.steps
        new = plan(method, velocity, steps, key, before, led, delay, every, temperature)
        new = jnp.clip(parts.to_act(params.scalings, observation, new), parts.low, parts.high)
        left = left.at[:, 0].set(new)
        fresh = Plans(left, reach.at[:, 0].set(horizon), plans.count)
        return jax.tree.map(lambda a, b: jnp.where(begins.reshape(-1, *[1] * (a.ndim - 1)), a, b), fresh, plans)

    plans = jax.lax.cond(begins.any(), think, lambda: plans)
    there = plans.count[:, None] < plans.reach
    waits = (plans.count < delay) & there[:, 1]
    there = there.at[:, 0].min(~waits)
    if method != "ensemble":
        there &= jnp.cumsum(there, axis=1) == 1  # the newest that is there
    place = jnp.minimum(plans.count, horizon - 1)[:, None, None, None]
    actions = jnp.take_along_axis(plans.actions, place, axis=2)[:, :, 0]
    shares = there / jnp.maximum(there.sum(axis=1, keepdims=True), 1)
    action = (actions * shares[..., None]).sum(axis=1)
    if parts.reflex:
        age = plans.count + every * there.argmax(axis=1)
        action = parts.react(params, observation, action, jnp.minimum(age, horizon - 1))
    return action, Plans(plans.actions, plans.reach, (plans.count + 1) % every)


def make_policy(parts: Parts, play: PlayConfig, temperature: float) -> Policy:
    """The policy that plays like this. Its noise is `temperature` times the usual."""
    step = partial(advance, parts, play.method, temperature)

    def act(params: ChunkParams, plans: Plans, observation: Observation, key: Array) -> tuple[Array, Plans]:
        return step(params, plans, observation.policy, key, play.every, play.delay)

    return Policy(partial(no_plans, parts, play.method), act)


def _shifted(actions: Array, by: Array | int) -> Array:
    """Chunks [W, K, H, A] from `by` steps later on; what is beyond their end says nothing."""
    horizon = actions.shape[2]
    return jnp.take(actions, jnp.minimum(jnp.arange(horizon) + by, horizon - 1), axis=2)
