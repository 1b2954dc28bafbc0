"""Playing chunks with a delay, as the real-time chunking benchmark does (Black et al. 2025, arXiv 2506.07339).

All worlds begin together and are played to the end of their first episode; none begins anew, so all of them ask for
chunks in the same step. Delay and length of a block are arguments of the compiled function.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ...learn.flow.acting import advance, no_plans
from ...learn.flow.parts import ChunkParams, Parts
from ...rtc.config import Method
from ..rollout import LevelEnv


@dataclass(frozen=True)
class Played:
    """Of W first episodes."""

    solved: np.ndarray
    """[W] bool."""
    delta: np.ndarray
    """[W] mean length of the change of the action from step to step."""
    jerk: np.ndarray
    """[W] the same of the change of that change."""
    jump: np.ndarray
    """[W] the mean change where a chunk takes over from another; 0 where none does."""


SMOOTHNESS = ("delta", "jerk", "jump")


def play(
    env: LevelEnv,
    parts: Parts,
    method: Method,
    params: ChunkParams,
    levels: np.ndarray,
    every: int,
    delay: int,
    seed: int,
) -> Played:
    """One episode per entry of `levels` [W] int, an index into the bank. Raises ValueError for an impossible delay."""
    horizon = parts.config.horizon
    if not (every >= 1 and 0 <= delay <= every and every + delay <= horizon):
        raise ValueError(f"every {every}, delay {delay}: 0 to every, and both together at most {horizon}, are possible")
    key = jax.random.key(seed)
    found = _play(env, params, jnp.asarray(levels, jnp.int32), every, delay, key, parts=parts, method=method)
    return Played(*jax.device_get(found))


@partial(jax.jit, static_argnames=("parts", "method"))
def _play(
    env: LevelEnv,
    params: ChunkParams,
    levels: Array,
    every: Array,
    delay: Array,
    key: Array,
    *,
    parts: Parts,
    method: Method,
) -> tuple[Array, ...]:
    starting, playing = jax.random.split(key)
    state, observation = env.assign(starting, levels)
    worlds, size = levels.shape[0], parts.action
    success = env.spec.success or ""
    zeros = jnp.zeros(worlds)
    last = jnp.zeros((2, worlds, size))
    """The action before, and the change that led to it."""

    def one(carry: Any, key: Array) -> tuple[Any, None]:
        state, seen, plans, last, alive, solved, steps, delta, jerk, jump, joints = carry
        joins = alive & (plans.count == delay % every) & (steps >= every * jnp.where(delay == every, 2, 1))
        action, plans = advance(parts, method, 1.0, params, plans, seen, key, every, delay)
        change = action - last[0]
        length = jnp.linalg.norm(change, axis=-1)
        delta = delta + jnp.where(alive & (steps > 0), length, 0.0)
        jump, joints = jump + jnp.where(joins, length, 0.0), joints + joins
        jerk = jerk + jnp.where(alive & (steps > 1), jnp.linalg.norm(change - last[1], axis=-1), 0.0)
        state, step = env.step(state, action)
        solved = solved | (alive & step.done & (step.metrics[success] > 0.5))
        last, steps = jnp.stack([action, change]), steps + alive
        sums = (steps, delta, jerk, jump, joints)
        return (state, step.observation.policy, plans, last, alive & ~step.done, solved, *sums), None

    plans = no_plans(parts, method, worlds)
    alive, solved, none = jnp.ones(worlds, bool), jnp.zeros(worlds, bool), jnp.zeros(worlds, jnp.int32)
    start = (state, observation.policy, plans, last, alive, solved, none, zeros, zeros, zeros, none)
    keys = jax.random.split(playing, env.spec.max_steps)
    (*_, solved, steps, delta, jerk, jump, joints), _ = jax.lax.scan(one, start, keys)
    delta, jerk = delta / jnp.maximum(steps - 1, 1), jerk / jnp.maximum(steps - 2, 1)
    return solved, delta, jerk, jump / jnp.maximum(joints, 1)
