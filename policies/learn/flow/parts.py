"""The fixed parts of learning by flow matching: networks without their weights, and what is scaled."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array

from ....envs.contract import EnvSpec
from ...nets.flow.network import make_network
from ...nets.flow.sampling import Velocity
from ...nets.flow.tokens import STATE, arrays_of
from ...nets.stream import shapes_of
from .config import FlowLearning
from .relative import absolute, relative
from .scaling import Scaling, restored, scaled


class Scalings(NamedTuple):
    """What numbers are brought to one size with; measured once, then as fixed as the data."""

    observation: dict[str, Scaling]
    """Of vectors that are observed, by name."""
    action: Scaling


class ChunkParams(NamedTuple):
    """All that acting needs."""

    weights: nnx.State
    scalings: Scalings


@dataclass(frozen=True, eq=False)
class Parts:
    """See the module. Two are the same only if they are one, so that compiled functions can be told them."""

    config: FlowLearning
    action: int
    """Size of an action."""
    low: np.ndarray
    high: np.ndarray
    """[A] bounds of an action."""
    vectors: dict[str, int]
    """Sizes of the vectors that are observed, by name."""
    graph: nnx.GraphDef
    fresh: Callable[[Array], nnx.State]
    """(key) -> weights."""

    @property
    def relative(self) -> Array:
        """[A] bool: entries of the action that are learned as differences."""
        return jnp.isin(jnp.arange(self.action), jnp.array(self.config.relative, int))

    def state_in(self, observation: dict[str, Array]) -> Array:
        """[B, A] the state that relative actions start from: the first entries of the vector "state"."""
        state = observation[STATE]
        return jnp.pad(state, ((0, 0), (0, max(0, self.action - state.shape[-1]))))[:, : self.action]

    def to_learn(self, scalings: Scalings, observation: dict[str, Array], actions: Array) -> Array:
        """Actions [B, H, A] as the network knows them."""
        if self.config.relative:
            actions = relative(actions, self.state_in(observation), self.relative)
        return scaled(scalings.action, actions)

    def to_act(self, scalings: Scalings, observation: dict[str, Array], chunk: Array) -> Array:
        """The inverse of `to_learn`."""
        actions = restored(scalings.action, chunk)
        return absolute(actions, self.state_in(observation), self.relative) if self.config.relative else actions

    def encode(self, params: ChunkParams, observation: dict[str, Array], **training: Any) -> Any:
        """What the network knows of what is observed."""
        sizes = params.scalings.observation
        seen = {name: scaled(sizes[name], x) if name in sizes else x for name, x in observation.items()}
        return nnx.merge(self.graph, params.weights).encode(seen, **training)

    def ask(self, params: ChunkParams, known: Any, chunk: Array, time: Array, settled: Array | None = None) -> Array:
        """The network's velocity, as `sampling.Velocity` says."""
        return nnx.merge(self.graph, params.weights).velocity(known, chunk, time, settled)

    def velocity(self, params: ChunkParams, observation: dict[str, Array], **training: Any) -> Velocity:
        """The network's field for what is observed, encoded once."""
        known = self.encode(params, observation, **training)
        return partial(self.ask, params, known)


def make_parts(spec: EnvSpec, config: FlowLearning) -> Parts:
    """For an env like `spec`. Raises ValueError for spaces that cannot be."""
    box = spec.action_space
    if not isinstance(box, gymnasium.spaces.Box) or len(box.shape) != 1:
        raise ValueError(f"{spec.name} has actions {box}: flow matching needs a vector of real numbers")
    size = box.shape[0]
    if config.relative and max(config.relative) >= size:
        raise ValueError(f"flow.relative is {config.relative}: an action has entries 0 to {size - 1}")
    shapes = arrays_of(shapes_of(spec.observation_space))
    vectors = {
        name: leaf.shape[0] for name, leaf in shapes.items() if len(leaf.shape) == 1 and leaf.dtype == np.float32
    }
    if config.relative and vectors.get(STATE, 0) <= max(config.relative):
        raise ValueError(f"flow.relative is {config.relative}: no vector {STATE!r} of so many entries is observed")

    def network(key: Array):
        return make_network(config.network, spec.observation_space, size, rngs=nnx.Rngs(params=key))

    graph = nnx.graphdef(nnx.eval_shape(network, jax.random.key(0)))
    if config.observation_scaling == "none":
        vectors = {}
    return Parts(
        config,
        size,
        np.asarray(box.low, np.float32),
        np.asarray(box.high, np.float32),
        vectors,
        graph,
        lambda key: nnx.state(network(key)),
    )
