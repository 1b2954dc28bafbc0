"""Recorded steps as chunks of actions: arrays in memory, one row a step, episodes one after the other."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

PyTree = dict[str, Array]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Steps:
    """N steps. Made by `steps`."""

    observation: PyTree
    """[N, ...] by name: what was seen before the action."""
    action: Array
    """[N, A]"""
    last: Array
    """[N] int32: the row of the last step of its episode."""


class Chunks(NamedTuple):
    """B chunks."""

    observation: PyTree
    """[B, ...] at their start."""
    actions: Array
    """[B, H, A]; past the end of the episode its last one."""
    counts: Array
    """[B, H] bool: not past the end."""


def steps(observation: dict[str, NDArray], action: NDArray, episode: NDArray) -> Steps:
    """Steps of which `episode` [N] int says which episode they are of; those of an episode follow each other.

    Raises ValueError for arrays of unequal length, numbers that are not finite, and episodes in pieces.
    """
    arrays = {f"observation {name!r}": values for name, values in observation.items()} | {"action": action}
    for name, values in arrays.items():
        if len(values) != len(episode):
            raise ValueError(f"{name} has {len(values)} steps, episode {len(episode)}: give one row for each")
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            row = int(np.flatnonzero(~np.isfinite(values.reshape(len(values), -1)).all(axis=1))[0])
            raise ValueError(f"{name} is not finite in step {row}")
    if not len(episode):
        raise ValueError("there are no steps")
    ends = np.flatnonzero(np.append(episode[1:] != episode[:-1], True))
    if len(ends) != len(np.unique(episode)):
        raise ValueError("steps of one episode must follow each other")
    last = ends[np.searchsorted(ends, np.arange(len(episode)))]
    return Steps(
        {name: jnp.asarray(values) for name, values in observation.items()},
        jnp.asarray(action, jnp.float32),
        jnp.asarray(last, jnp.int32),
    )


def chunks(recorded: Steps, starts: Array, horizon: int) -> Chunks:
    """The chunks that begin at rows `starts` [B]."""
    last = recorded.last[starts][:, None]
    rows = starts[:, None] + jnp.arange(horizon)
    seen = {name: values[starts] for name, values in recorded.observation.items()}
    return Chunks(seen, recorded.action[jnp.minimum(rows, last)], rows <= last)
