"""A stream that is exactly symmetric, whatever its weights are."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array

from ...envs.contract import Reflection
from .mlp import on_columns, to_columns, to_rows
from .stream import Encoder, Stream, over_time

PyTree = Any


class Symmetric(nnx.Module):
    """The mean of what a stream says of the world and, mirrored `back`, of the world's image, so that
    f(look(x)) = back(f(x)).

    What it sees must be normalised alike on both sides. Of the ways to use a symmetry this one leaves nothing to learn
    and its gradients are those of both sides (Mittal et al. 2024 compare it to the others; van der Pol et al. 2020). It
    has no memory.
    """

    def __init__(self, stream: Stream, look: Reflection, back: Reflection | None):
        """`look` is of the encoder's features, `back` of the outputs; the free numbers change places as these do."""
        self.stream, self.look, self.back = stream, look, back

    def step(self, observation: PyTree, memory: PyTree) -> tuple[Array, PyTree]:
        """See `Stream.step`."""
        return self._mean(self.stream.encoder(observation)), memory

    def unroll(self, observation: PyTree, done: Array, memory: PyTree) -> tuple[Array, PyTree, PyTree]:
        """See `Stream.unroll`."""
        return self._mean(over_time(self.stream.encoder, observation)), None, None

    def _mean(self, features: Array) -> Array:
        stream, back = self.stream, self.back
        world = to_columns(features)
        image = jnp.asarray(self.look.sign, world.dtype)[:, None] * world[jnp.asarray(self.look.index)]
        seen, mirrored = (stream.trunk.on_columns(side) for side in (world, image))
        kernel, bias = stream.head.kernel[...], stream.head.bias[...]  # pyright: ignore[reportOptionalSubscript]
        if back is not None:
            kernel, bias = back(kernel), back(bias)
        numbers = (on_columns(stream.head, seen) + kernel.T @ mirrored + bias[:, None]) / 2
        rows = to_rows(numbers, features.shape[:-1])
        if stream.free is None:
            return rows
        free = stream.free[...]
        free = free if back is None else (free + free[jnp.asarray(back.index)]) / 2
        return jnp.concatenate([rows, jnp.broadcast_to(free, (*rows.shape[:-1], free.size))], axis=-1)


def of_features(encoder: Encoder, like: PyTree, look: Callable[[PyTree], PyTree]) -> Reflection:
    """How an encoder's features look in the mirror, for one observation `like`. Raises ValueError for an encoder that
    does more than put what is seen side by side."""
    leaves, structure = jax.tree.flatten(like)
    ends = np.cumsum([int(np.prod(leaf.shape)) for leaf in leaves])
    numbers = np.split(np.arange(1, ends[-1] + 1, dtype=np.float32), ends[:-1])  # each entry is known by its number
    with jax.ensure_compile_time_eval():
        seen = [jnp.asarray(part.reshape(1, *leaf.shape)) for part, leaf in zip(numbers, leaves, strict=True)]
        tree = structure.unflatten(seen)
        world, image = np.asarray(encoder(tree))[0], np.asarray(encoder(look(tree)))[0]
    place = {number: i for i, number in enumerate(world.tolist())}
    if len(place) != len(world) or not place.keys() >= set(np.abs(image).tolist()):
        raise ValueError("network.symmetric needs an encoder that puts what is seen side by side")
    return Reflection(tuple(place[number] for number in np.abs(image).tolist()), tuple(np.sign(image).tolist()))
