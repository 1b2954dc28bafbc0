"""A policy that learns to act as another does, on the states that it gets into itself.

Each update plays some steps with what has been learned so far, asks the teacher what it would have done in every state
(Ross et al. 2011, DAgger, with the newest states alone), and descends the Kullback-Leibler divergence of the student's
distribution of actions from the teacher's. Encoder and memory are the teacher's: only hidden layers and outputs learn.
"""

from dataclasses import dataclass
from functools import partial
from math import isfinite
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jax import Array

from ...envs.contract import Env, Observation, PyTree
from ..policy import renew
from .ppo.acting import Parts, PolicyParams, shown

LEARNS = ("trunk", "head", "free")
"""Parts of a stream that learn."""


@dataclass(frozen=True)
class DistilConfig:
    """How long and how fast. Raises ValueError, in one line, for a setting that cannot work."""

    updates: int = 200
    """Of collecting and learning; 0: the student stays as it is."""
    worlds: int = 128
    """That are played at once."""
    steps: int = 24
    """Per update and world."""
    epochs: int = 2
    """Passes over the steps of an update."""
    minibatches: int = 4
    """Per pass."""
    learning_rate: float = 1e-3
    """Of Adam at first; it falls to 0 as a cosine does."""

    def __post_init__(self):
        for name in ("worlds", "steps", "epochs", "minibatches"):
            if getattr(self, name) < 1:
                raise ValueError(f"distil.{name} is {getattr(self, name)}: it must be at least 1")
        if self.updates < 0:
            raise ValueError(f"distil.updates is {self.updates}: it must be 0 or more")
        if self.worlds * self.steps % self.minibatches:
            raise ValueError(f"distil.minibatches is {self.minibatches}: it must divide worlds x steps")
        if not (self.learning_rate > 0 and isfinite(self.learning_rate)):
            raise ValueError(f"distil.learning_rate is {self.learning_rate}: it must be a finite number above 0")


class Actor(NamedTuple):
    """A policy whose distribution is asked for, not only its actions."""

    parts: Parts
    params: PolicyParams


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class _State:
    actor: nnx.State
    optimiser: optax.OptState
    env_state: PyTree
    observation: Observation
    memory: PyTree
    """Of both: what makes it is the same."""


def distil(env: Env, teacher: Actor, student: Actor, config: DistilConfig, seed: int) -> tuple[PolicyParams, Array]:
    """The student's parameters afterwards, and the divergence [updates], nats, before each update's descent.

    Both see and remember alike; they differ in hidden layers and outputs.
    """
    if not config.updates:
        return student.params, jnp.zeros(0)
    rate = optax.cosine_decay_schedule(config.learning_rate, config.updates * config.epochs * config.minibatches)
    optimiser = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(rate))
    frozen = jax.tree_util.tree_map_with_path(lambda path, _: not _learns(path), student.params.actor)
    optimiser = optax.chain(optimiser, optax.masked(optax.set_to_zero(), frozen))
    starting, key = jax.random.split(jax.random.key(seed))
    fresh = teacher.parts.initial_memory(config.worlds)

    @jax.jit
    def begin(key: Array) -> _State:
        actor = student.params.actor
        return _State(actor, optimiser.init(actor), *env.reset(key, config.worlds), fresh)

    @partial(jax.jit, donate_argnums=0)
    def update(state: _State, key: Array) -> tuple[_State, Array]:
        collecting, shuffling = jax.random.split(key)
        learner = Actor(student.parts, student.params._replace(actor=state.actor))
        state, seen = _collect(env, teacher, learner, state, fresh, config.steps, collecting)
        rows = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), seen)
        orders = [
            jax.random.permutation(k, config.worlds * config.steps) for k in jax.random.split(shuffling, config.epochs)
        ]

        def descend(carry: Any, chosen: Array) -> tuple[Any, Array]:
            actor, optimised = carry
            part = jax.tree.map(lambda leaf: leaf[chosen], rows)
            loss, gradient = jax.value_and_grad(partial(_divergence, student.parts))(actor, *part)
            change, optimised = optimiser.update(gradient, optimised, actor)
            return (optax.apply_updates(actor, change), optimised), loss

        chosen = jnp.concatenate(orders).reshape(config.epochs * config.minibatches, -1)
        (actor, optimised), losses = jax.lax.scan(descend, (state.actor, state.optimiser), chosen)
        after = _State(actor, optimised, state.env_state, state.observation, state.memory)
        return after, losses[0]

    state, losses = begin(starting), []
    for each in jax.random.split(key, config.updates):
        state, loss = update(state, each)
        losses.append(loss)
    return student.params._replace(actor=state.actor), jnp.stack(losses)


def _collect(
    env: Env, teacher: Actor, student: Actor, state: _State, fresh: PyTree, steps: int, key: Array
) -> tuple[_State, tuple[PyTree, PyTree, Array]]:
    """Play as the student does. Also what was shown, the memory before it, and what the teacher says, [T, W, ...]."""
    distribution = teacher.parts.distribution

    def advance(now: _State, key: Array):
        seen = shown(teacher.parts, teacher.params, now.observation)
        wanted, _ = _said(teacher.parts, teacher.params.actor, seen, now.memory)
        said, memory = _said(student.parts, student.params.actor, seen, now.memory)
        env_state, step = env.step(now.env_state, distribution.sample(said, key, 1.0))
        after = renew(memory, fresh, step.done)
        return _State(now.actor, now.optimiser, env_state, step.observation, after), (seen, now.memory, wanted)

    return jax.lax.scan(advance, state, jax.random.split(key, steps))


def _said(parts: Parts, actor: nnx.State, seen: PyTree, memory: PyTree) -> tuple[Array, PyTree]:
    """Parameters of the distribution [B, P], and the memory after."""
    return nnx.merge(parts.actor, actor).step(seen, memory)


def _divergence(parts: Parts, actor: nnx.State, seen: PyTree, memory: PyTree, wanted: Array) -> Array:
    """Mean over rows, []."""
    return parts.distribution.kl(wanted, _said(parts, actor, seen, memory)[0]).mean()


def _learns(path: tuple[Any, ...]) -> bool:
    return any(getattr(key, "key", getattr(key, "name", None)) in LEARNS for key in path)
