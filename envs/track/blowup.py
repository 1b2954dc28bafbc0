"""A world that blew up: what it stood like in the step before, kept so that the step can be done again."""

import io
from dataclasses import dataclass, replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ...sim.legged.physics import Fields, Outcome, Physics, State
from ..files import write_atomically


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Evidence:
    """The last world that blew up, before the step in which it did. Zeros if none has."""

    physics: State
    """[1, ...]"""
    control: Array
    """[1, U] rad."""
    values: Fields
    """[1, ...] of the model fields that differ between worlds."""
    count: Array
    """[] int32: worlds that have blown up so far."""


def nothing(physics: State, control: Array, values: Fields) -> Evidence:
    """No evidence, for arrays of these shapes [W, ...]."""
    empty = Evidence(physics, control, values, jnp.zeros((1,), jnp.int32))
    empty = jax.tree.map(lambda leaf: jnp.zeros((1, *leaf.shape[1:]), leaf.dtype), empty)
    return replace(empty, count=empty.count[0])


def keep(before: Evidence, blown: Array, physics: State, control: Array, values: Fields) -> Evidence:
    """The evidence after a step in which worlds have `blown` [W] up, from what that step began with [W, ...]."""
    which = jnp.argmax(blown)
    count = before.count + blown.sum(dtype=jnp.int32)
    found = Evidence(*jax.tree.map(lambda leaf: leaf[which][None], (physics, control, values)), count=count)
    return jax.tree.map(lambda new, old: jnp.where(blown.any(), new, old), found, before)


def write(evidence: Evidence, path: Path) -> None:
    """Save evidence as an .npz file, whole or not at all."""
    arrays = {"qpos": evidence.physics.qpos, "qvel": evidence.physics.qvel, "control": evidence.control}
    arrays |= {f"value_{i}": value for i, value in enumerate(evidence.values)}
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **{name: np.asarray(array) for name, array in arrays.items()})
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, file.getvalue())


def replay(physics: Physics, path: Path, steps: int) -> tuple[State, Outcome]:
    """Do the step of saved evidence once more on an engine of the same model and fields."""
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: jnp.asarray(file[name]) for name in file.files}
    values = tuple(arrays[f"value_{i}"] for i in range(len(physics.fields)))
    return physics.step(State(arrays["qpos"], arrays["qvel"]), arrays["control"], values, steps)
