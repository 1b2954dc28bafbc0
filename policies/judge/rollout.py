"""The judged rollout: every level attempted many times, all attempts as worlds of one batch, first episodes only.

The protocol is the published one of Kinetix (Matthews et al. 2024, arXiv 2410.23208): the policy is sampled, an attempt
is at most one episode of 256 env steps, and the solve rate of a level is the share of its attempts that were solved.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ...envs.contract import Env, Observation, PyTree, Step
from ..policy import Policy

ENDINGS = ("unfinished", "terminated", "truncated")
"""How a first episode stood when the rollout stopped, in the order of `Tally.ending`."""
SALT = 0x6A756467
"""Keeps the judge's keys apart from those of a training run with the same seed."""
MAX_WORLDS = 2048
"""Worlds in one batch; more attempts than that run as several batches of equal size."""


class LevelEnv(Env, Protocol):
    """An environment whose worlds can be told which level to play."""

    @property
    def level_names(self) -> tuple[str, ...]:
        """One name per level, in the order of their indices."""
        ...

    def assign(self, key: Array, levels: Array) -> tuple[PyTree, Observation]:
        """Start one episode per entry of `levels` [W] int32."""
        ...


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Tally:
    """What is kept of the first episode of each of W worlds."""

    alive: Array
    """[W] bool: the first episode still runs."""
    solved: Array
    """[W] bool: the success metric was set on its last step."""
    returns: Array
    """[W] float32: sum of rewards."""
    length: Array
    """[W] int32: env steps."""
    ending: Array
    """[W] int32 index into `ENDINGS`."""
    metrics: dict[str, Array]
    """[W] each: the metrics of its last step."""


@dataclass(frozen=True)
class Evaluation:
    """Outcomes of L levels by A attempts."""

    levels: tuple[str, ...]
    solved: np.ndarray
    """[L, A] bool."""
    ending: np.ndarray
    """[L, A] int32 index into `ENDINGS`."""
    values: dict[str, np.ndarray]
    """[L, A] float32 each: "return", "length" (env steps), and the env's own metrics on the episode's last step."""
    steps: int
    """Most env steps an attempt could take."""
    seed: int
    seconds: float
    """Wall time, compilation included."""

    @property
    def attempts(self) -> int:
        """Attempts per level."""
        return self.solved.shape[1]


def evaluate(
    env: LevelEnv,
    policy: Policy,
    params: PyTree,
    *,
    attempts: int = 20,
    seed: int = 0,
    steps: int | None = None,
    max_worlds: int = MAX_WORLDS,
) -> Evaluation:
    """Attempt every level of `env` `attempts` times; `steps` defaults to the env's episode length.

    Every attempt draws from a key of its own (`attempt_keys`), so neither `max_worlds` nor further attempts change what
    an attempt samples; the env's own key is one per batch. Raises ValueError where `attempts`, `steps` or `max_worlds`
    is not positive, where `seed` is out of range, and where the env names no success metric.
    """
    steps = env.spec.max_steps if steps is None else steps
    check(seed, attempts=attempts, steps=steps, max_worlds=max_worlds)
    if env.spec.success is None:
        raise ValueError(f"{env.spec.name} has no success metric: it cannot be judged by solve rate")
    start = time.perf_counter()
    count = len(env.level_names)
    levels = np.repeat(np.arange(count, dtype=np.int32), attempts)
    keys = attempt_keys(seed, count, attempts)
    batches = math.ceil(levels.size / max_worlds)
    size = math.ceil(levels.size / batches)
    parts = []
    for batch in range(batches):
        # The last batch is filled up with repeats, which are cut off again, so that one compilation serves all.
        chosen = np.minimum(np.arange(batch * size, (batch + 1) * size), levels.size - 1)
        env_key = jax.random.fold_in(jax.random.key(seed), batch)
        tally, _ = rollout(env, params, jnp.asarray(levels[chosen]), keys[chosen], env_key, policy=policy, steps=steps)
        parts.append(jax.device_get(tally))
    whole = jax.tree.map(lambda *x: np.concatenate(x)[: levels.size].reshape(count, attempts), *parts)
    values = {"return": whole.returns, "length": whole.length.astype(np.float32)}
    values |= {name: value for name, value in whole.metrics.items() if name != env.spec.success}
    return Evaluation(
        env.level_names, whole.solved, whole.ending, values, steps, seed, seconds=time.perf_counter() - start
    )


def check(seed: int, **counts: int) -> None:
    """Raises ValueError for a count that is not positive and a seed that is out of range."""
    for name, value in counts.items():
        if value < 1:
            raise ValueError(f"{name} is {value}: it must be at least 1")
    if not 0 <= seed < 2**32:
        raise ValueError(f"seed is {seed}: it must be between 0 and 2^32 - 1")


def attempt_keys(seed: int, levels: int, attempts: int) -> Array:
    """[levels * attempts] keys, level by level; an attempt's key depends on the seed, its level and its number only."""
    level, attempt = jnp.divmod(jnp.arange(levels * attempts), attempts)
    root = jax.random.fold_in(jax.random.key(seed), SALT)
    return jax.vmap(lambda i, j: jax.random.fold_in(jax.random.fold_in(root, i), j))(level, attempt)


@partial(jax.jit, static_argnames=("policy", "steps", "watch"))
def rollout(
    env: LevelEnv,
    params: PyTree,
    levels: Array,
    keys: Array,
    env_key: Array,
    *,
    policy: Policy,
    steps: int,
    watch: Callable[[PyTree, Array], PyTree] | None = None,
) -> tuple[Tally, PyTree]:
    """Play `levels` [W] for `steps` steps and tally the first episode of each world.

    `keys` [W] are the worlds' own for sampling actions. Returns the tally and, where `watch` is given, what it makes of
    the env state before each step and of the action taken there, stacked over time.
    """
    worlds = levels.shape[0]
    act = _per_world(policy)
    state, observation = env.assign(env_key, levels)
    memory = jax.tree.map(lambda x: jnp.broadcast_to(x, (worlds, *x.shape)), policy.initial_memory(1))

    def advance(carry, now):
        state, observation, memory, tally = carry
        action, memory = act(params, memory, observation, jax.vmap(jax.random.fold_in, (0, None))(keys, now))
        seen = None if watch is None else watch(state, action)
        state, step = env.step(state, action)
        return (state, step.observation, memory, _count(tally, step, env.spec.success)), seen

    start = (state, observation, memory, _empty(worlds, env.spec.metrics))
    (_, _, _, tally), watched = jax.lax.scan(advance, start, jnp.arange(steps))
    return tally, watched


def _per_world(policy: Policy) -> Callable:
    """`policy.act` with one key per world, as batches of one: a world's samples then do not depend on the others."""

    def one(params, memory, observation, key):
        action, memory = policy.act(params, memory, jax.tree.map(lambda x: x[None], observation), key)
        return action[0], memory

    return jax.vmap(one, in_axes=(None, 0, 0, 0))


def _empty(worlds: int, metrics: tuple[str, ...]) -> Tally:
    zeros = jnp.zeros(worlds)
    return Tally(
        alive=jnp.ones(worlds, bool),
        solved=jnp.zeros(worlds, bool),
        returns=zeros,
        length=jnp.zeros(worlds, jnp.int32),
        ending=jnp.zeros(worlds, jnp.int32),
        metrics={name: zeros for name in metrics},
    )


def _count(tally: Tally, step: Step, success: str | None) -> Tally:
    """Add one step to the worlds whose first episode still runs."""
    alive = tally.alive
    ends = alive & step.done
    won = jnp.zeros_like(ends) if success is None else step.metrics[success] > 0.5
    ending = jnp.where(step.terminated, 1, 2)
    return Tally(
        alive=alive & ~step.done,
        solved=tally.solved | (ends & won),
        returns=tally.returns + jnp.where(alive, step.reward, 0.0),
        length=tally.length + alive,
        ending=jnp.where(ends, ending, tally.ending),
        metrics={name: jnp.where(alive, step.metrics[name], old) for name, old in tally.metrics.items()},
    )
