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
from ...nets.flow.reflex import Reflex
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
    reflex: nnx.State | None = None


class Network(NamedTuple):
    """A network without its weights, and how to make them."""

    graph: nnx.GraphDef
    fresh: Callable[[Array], nnx.State]
    """(key) -> weights."""


@dataclass(frozen=True, eq=False)
class Parts:
    """See the module. Two are the same only if they are one, so that compiled functions can be told them."""

    config: FlowLearning
    action: int
    """Size of an action."""
    low: np.ndarray
    high: np.ndarray
    """[A] bounds of an action."""
    observed: dict[str, int]
    """Sizes of the vectors that are observed, by name."""
    network: Network
    reflex: Network | None

    @property
    def vectors(self) -> dict[str, int]:
        """Those that are scaled."""
        return {} if self.config.observation_scaling == "none" else self.observed

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

    def seen(self, params: ChunkParams, observation: dict[str, Array]) -> dict[str, Array]:
        """What is observed, as networks see it."""
        sizes = params.scalings.observation
        return {name: scaled(sizes[name], x) if name in sizes else x for name, x in observation.items()}

    def encode(self, params: ChunkParams, observation: dict[str, Array], **training: Any) -> Any:
        """What the network knows of what is observed."""
        return nnx.merge(self.network.graph, params.weights).encode(self.seen(params, observation), **training)

    def ask(self, params: ChunkParams, known: Any, chunk: Array, time: Array, settled: Array | None = None) -> Array:
        """The network's velocity, as `sampling.Velocity` says."""
        return nnx.merge(self.network.graph, params.weights).velocity(known, chunk, time, settled)

    def corrected(self, params: ChunkParams, observation: dict[str, Array], action: Array, age: Array) -> Array:
        """Actions [B, A], each the `age` [B] int-th of its chunk, corrected by the reflex for what is observed now; as
        the network knows them."""
        assert self.reflex is not None and params.reflex is not None
        known = self.to_learn(params.scalings, observation, action[:, None])[:, 0]
        seen = self.seen(params, {name: observation[name] for name in self.observed})
        return nnx.merge(self.reflex.graph, params.reflex)(jnp.concatenate(list(seen.values()), axis=-1), known, age)

    def react(self, params: ChunkParams, observation: dict[str, Array], action: Array, age: Array) -> Array:
        """The same, to act."""
        corrected = self.corrected(params, observation, action, age)[:, None]
        return jnp.clip(self.to_act(params.scalings, observation, corrected)[:, 0], self.low, self.high)

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

    if config.reflex and not vectors:
        raise ValueError(f"flow.reflex is {config.reflex}: {spec.name} shows no vector that it could see")

    def network(key: Array):
        return make_network(config.network, spec.observation_space, size, rngs=nnx.Rngs(params=key))

    def reflex(key: Array):
        return Reflex(config.reflex, sum(vectors.values()), size, config.horizon, rngs=nnx.Rngs(params=key))

    low, high = (np.asarray(bound, np.float32) for bound in (box.low, box.high))
    return Parts(
        config, size, low, high, vectors, without_weights(network), without_weights(reflex) if config.reflex else None
    )


def without_weights(make: Callable[[Array], nnx.Module]) -> Network:
    """Of a function that makes a network of a key."""
    return Network(nnx.graphdef(nnx.eval_shape(make, jax.random.key(0))), lambda key: nnx.state(make(key)))
