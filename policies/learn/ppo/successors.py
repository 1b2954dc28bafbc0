"""Values of what followed each step, before any reset."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from .rollout import Rollout

PyTree = Any


def successor_values(
    judge: Callable[[PyTree, PyTree], tuple[Array, PyTree]], rollout: Rollout, value: Array, memory: PyTree, rows: int
) -> Array:
    """[T, W, C] value of each step's true successor; after a termination it means nothing.

    Where a world went on that is the value of its next step [T, W, C]. The others, at time-outs and at the end of the
    rollout, are asked of `judge`(observation, memory), `rows` at a time and only as often as it takes. `memory`, with
    leaves [T, W, ...], is that of the critic after each step, before any forgetting.
    """
    steps, worlds = rollout.done.shape
    asked = (rollout.done & ~rollout.terminated).at[-1].set(~rollout.terminated[-1]).reshape(-1)
    beyond = asked.size
    places = jnp.nonzero(asked, size=-(-beyond // rows) * rows, fill_value=beyond)[0].reshape(-1, rows)
    seen = jax.tree.map(
        lambda leaf: leaf.reshape(beyond, *leaf.shape[2:]), (rollout.final_observation.for_critic, memory)
    )

    def some(turn: Array, values: Array) -> Array:
        here = places[turn]
        found, _ = judge(*jax.tree.map(lambda leaf: leaf.at[here].get(mode="clip"), seen))
        return values.at[here].set(found, mode="drop")

    following = jnp.concatenate([value[1:], value[-1:]]).reshape(beyond, -1)
    turns = -(-asked.sum() // rows)
    return jax.lax.fori_loop(0, turns, some, following).reshape(steps, worlds, -1)
