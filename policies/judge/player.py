"""One world under a policy, one control step after another: for films and for the page that is looked at."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
from jax import Array

from ...envs.contract import Env, Observation, PyTree, Step
from ..policy import Policy, renew

Change = Callable[[PyTree, PyTree], PyTree]
"""(env state, wish) -> env state: what somebody at the controls changes before a step."""


class Now(NamedTuple):
    """Between two control steps."""

    state: PyTree
    """Of the env, one world."""
    observation: Observation
    memory: PyTree
    """Of the policy."""
    key: Array


class Player(NamedTuple):
    """What `make_player` returns. Both are compiled when they are first called."""

    start: Callable[[int], Now]
    """(seed) -> the start of an episode."""
    step: Callable[..., tuple[Now, Step]]
    """(now, wish=None) -> one control step later."""


def make_player(env: Env, policy: Policy, params: PyTree, change: Change = lambda state, wish: state) -> Player:
    """Play `policy` in one world of `env`. `wish` of each step goes to `change`, and must keep its structure."""

    def start(env: Env, key: Array) -> Now:
        starting, key = jax.random.split(key)
        state, observation = env.reset(starting, 1)
        return strong(Now(state, observation, policy.initial_memory(1), key))

    def step(env: Env, params: PyTree, now: Now, wish: PyTree) -> tuple[Now, Step]:
        acting, key = jax.random.split(now.key)
        action, memory = policy.act(params, now.memory, now.observation, acting)
        state, step = env.step(change(now.state, wish), action)
        memory = renew(memory, policy.initial_memory(1), step.done)
        return strong(Now(state, step.observation, memory, key)), step

    # Env and params are arguments, not constants: a new checkpoint finds the program in the compilation cache.
    starting, stepping = jax.jit(start), partial(jax.jit(step), env, params)
    return Player(lambda seed: starting(env, jax.random.key(seed)), lambda now, wish=None: stepping(now, wish))


def strong(tree: PyTree) -> PyTree:
    """The same without weak types, which may come and go from step to step: each would be compiled for anew."""
    return jax.tree.map(lambda leaf: leaf.astype(leaf.dtype), tree)
