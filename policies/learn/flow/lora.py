"""Low-rank additions to the matrices of the transformer (Hu et al. 2021, LoRA): what is learned on top of weights that
stay as they are. They are added when the policy is used, so whatever reads weights never knows."""

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from ...names import map_named, named

WHERE = "head.transformer."
"""Names of matrices that get one begin like this ..."""
MATRICES = ("queries", "shared", "out", "gate", "up", "down")
"""... and end in one of these."""

Adapters = dict[str, dict[str, Array]]
"""By the name of a matrix [depth, I, O]: "down" [depth, I, rank] and "up" [depth, rank, O]."""


def adapted(name: str) -> bool:
    """Whether the array of this dotted name is a matrix that gets one."""
    return name.startswith(WHERE) and name.removesuffix(".value").rsplit(".", 1)[-1] in MATRICES


def adapters(key: Array, weights: nnx.State, rank: int) -> Adapters:
    """Additions that change nothing yet: "up" is 0."""
    found, names = {}, [(name, leaf) for name, leaf in named(weights) if adapted(name)]
    for (name, leaf), k in zip(names, jax.random.split(key, max(1, len(names))), strict=False):
        *lead, inputs, outputs = leaf.shape
        down = jax.random.normal(k, (*lead, inputs, rank)) * inputs**-0.5
        found[name] = {"down": down, "up": jnp.zeros((*lead, rank, outputs))}
    return found


def merged(weights: nnx.State, lora: Adapters) -> nnx.State:
    """The weights with the additions in them."""

    def one(name: str, leaf: Array) -> Array:
        more = lora.get(name)
        return leaf if more is None else leaf + more["down"] @ more["up"]

    return map_named(one, weights)
