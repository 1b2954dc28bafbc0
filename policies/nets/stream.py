"""The path from an observation to numbers: encoder -> GRU (optional) -> hidden layers -> linear outputs.

An actor and a critic are one `Stream` each. The encoder is injected; it is an NNX module with `features`, its output
width, that maps an observation with leaves [B, ...] to [B, features].
"""

from collections.abc import Callable
from typing import Any

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array

from .config import Activation
from .mlp import MLP, dense, on_columns, to_columns, to_rows
from .recurrent import GRU

PyTree = Any
Encoder = Any
EncoderFactory = Callable[[gymnasium.Space, nnx.Rngs], Encoder]
"""(space of one observation, rngs) -> encoder."""


def shapes_of(space: gymnasium.Space) -> PyTree:
    """Shape and dtype of one observation, in the structure an environment returns: a dict for Dict spaces."""
    if isinstance(space, gymnasium.spaces.Dict):
        return {name: shapes_of(part) for name, part in space.items()}
    return jax.ShapeDtypeStruct(space.shape or (), space.dtype or np.float32)


def float_leaves(tree: PyTree) -> list[Any]:
    """The floating-point leaves of a tree, in tree order."""
    return [leaf for leaf in jax.tree.leaves(tree) if jnp.issubdtype(leaf.dtype, jnp.floating)]


class Flatten(nnx.Module):
    """The plainest encoder: every float leaf flattened and put side by side, in tree order.

    For a flat observation that is the observation itself. For entity sets and pixels it is a fallback that works but
    learns less than an encoder made for them: masks and indices (not floats) are left out, and neither order nor
    position means anything to it.
    """

    def __init__(self, space: gymnasium.Space, rngs: nnx.Rngs):
        del rngs  # has no weights
        self.features = sum(int(np.prod(leaf.shape)) for leaf in float_leaves(shapes_of(space)))
        if self.features == 0:
            raise ValueError(f"observation space is {space}: it has no float entries; inject an encoder")

    def __call__(self, observation: PyTree) -> Array:
        """Leaves [B, ...] -> [B, features]."""
        return jnp.concatenate([leaf.reshape(leaf.shape[0], -1) for leaf in float_leaves(observation)], axis=-1)


class Stream(nnx.Module):
    """encoder -> GRU if `recurrent` -> hidden layers -> `outputs` numbers, then `free` numbers of its own.

    Memory is [B, recurrent], or None without a GRU. `gain` scales the outputs; `free_value` fills the free numbers.
    """

    def __init__(
        self,
        encoder: Encoder,
        hidden: tuple[int, ...],
        outputs: int,
        *,
        gain: float,
        activation: Activation,
        recurrent: int = 0,
        free: int = 0,
        free_value: float = 0.0,
        rngs: nnx.Rngs,
    ):
        self.encoder = encoder
        self.core = GRU(encoder.features, recurrent, rngs=rngs) if recurrent else None
        self.trunk = MLP(recurrent or encoder.features, hidden, activation, rngs=rngs)
        self.head = dense(self.trunk.features, outputs, gain, rngs)
        self.free = nnx.Param(jnp.full((free,), free_value, jnp.float32)) if free else None

    def step(self, observation: PyTree, memory: PyTree) -> tuple[Array, PyTree]:
        """One step: leaves [B, ...] -> numbers [B, outputs + free] and the memory after it."""
        features = self.encoder(observation)
        if self.core is not None:
            features = memory = self.core.step(features, memory)
        return self._numbers(features), memory

    def unroll(self, observation: PyTree, done: Array, memory: PyTree) -> tuple[Array, PyTree, PyTree]:
        """Many steps, forgetting where an episode ended.

        Leaves [T, B, ...]; done [T, B] bool: the episode ended with step t; memory before step 0.
        Returns numbers [T, B, outputs + free], the memory after each step and before any forgetting [T, B, recurrent],
        and the memory to go on with.
        """
        features, after, last = self.features(observation, done, memory)
        return self._numbers(features), after, last

    def features(self, observation: PyTree, done: Array, memory: PyTree) -> tuple[Array, PyTree, PyTree]:
        """What the hidden layers are given [T, B, N], and the memory; see `unroll`."""
        features = over_time(self.encoder, observation)
        after, last = (None, None) if self.core is None else self.core.unroll(features, done, memory)
        return (features if after is None else after), after, last

    def _numbers(self, features: Array) -> Array:
        last = self.trunk.on_columns(to_columns(features))
        numbers = to_rows(on_columns(self.head, last), features.shape[:-1])
        if self.free is None:
            return numbers
        free = jnp.broadcast_to(self.free[...], (*numbers.shape[:-1], self.free.size))
        return jnp.concatenate([numbers, free], axis=-1)


def over_time(function: Callable[..., Any], *trees: PyTree) -> Any:
    """Call a function of leaves [B, ...] on leaves [T, B, ...], as one batch of T * B."""
    steps, worlds = jax.tree.leaves(trees)[0].shape[:2]
    flat = jax.tree.map(lambda leaf: leaf.reshape(steps * worlds, *leaf.shape[2:]), trees)
    return jax.tree.map(lambda leaf: leaf.reshape(steps, worlds, *leaf.shape[1:]), function(*flat))
