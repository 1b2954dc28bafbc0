"""A stream that is exactly symmetric, whatever its weights are."""

from collections.abc import Callable
from typing import Any

from flax import nnx
from jax import Array

from .stream import Stream

PyTree = Any


class Symmetric(nnx.Module):
    """The mean of what a stream says of the world and, mirrored `back`, of the world's image, so that
    f(look(x)) = back(f(x)).

    What it sees must be normalised alike on both sides. Of the ways to use a symmetry this one leaves nothing to learn
    and its gradients are those of both sides (Mittal et al. 2024 compare it to the others; van der Pol et al. 2020). It
    has no memory.
    """

    def __init__(self, stream: Stream, look: Callable[[PyTree], PyTree], back: Callable[[Array], Array] | None):
        self.stream, self.look, self.back = stream, look, back

    def step(self, observation: PyTree, memory: PyTree) -> tuple[Array, PyTree]:
        """See `Stream.step`."""
        return self._mean(lambda seen: self.stream.step(seen, memory)[0], observation), memory

    def unroll(self, observation: PyTree, done: Array, memory: PyTree) -> tuple[Array, PyTree, PyTree]:
        """See `Stream.unroll`."""
        return self._mean(lambda seen: self.stream.unroll(seen, done, memory)[0], observation), None, None

    def _mean(self, numbers: Callable[[PyTree], Array], observation: PyTree) -> Array:
        image = numbers(self.look(observation))
        return (numbers(observation) + (image if self.back is None else self.back(image))) / 2
