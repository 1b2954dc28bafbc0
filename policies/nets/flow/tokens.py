"""From any observation to tokens: vectors, sets of rows, pictures.

| array, of one world | tokens |
|---|---|
| float [N] | `VECTOR` |
| float [K, F] | one a row; not those that the mask of the set leaves out: "circles" has the mask "circle_mask" |
| float or uint8 [H, W, C] | one for every patch of `PATCH` by `PATCH` pixels, each with a learned place |

Masks, other flags and indices are no tokens.
"""

import math

import gymnasium
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array

from ....envs.contract import PyTree
from ..stream import shapes_of

VECTOR = 4
"""Tokens of a vector, each another look at all of it."""
PATCH = 16
"""Pixels."""
STATE = "state"
"""Name of an observation that is one array, and of what can be a token with the actions."""


def arrays_of(observation: PyTree) -> dict[str, Array]:
    """The arrays [B, ...] of an observation by name."""
    return dict(observation) if isinstance(observation, dict) else {STATE: observation}


class Tokens(nnx.Module):
    """See the module. `space` is of one world's observation; `without` names an array that is left out.

    Raises ValueError for a space that gives no tokens.
    """

    def __init__(self, space: gymnasium.Space, width: int, without: str = "", *, rngs: nnx.Rngs):
        shapes = {name: leaf for name, leaf in arrays_of(shapes_of(space)).items() if name != without}
        self.width, looks, places = width, {}, {}
        for name, leaf in shapes.items():
            if not 1 <= len(leaf.shape) <= 3 or 0 in leaf.shape or leaf.dtype not in (np.float32, np.uint8):
                continue
            if len(leaf.shape) == 3:
                high, wide, colours = leaf.shape
                count = math.ceil(high / PATCH) * math.ceil(wide / PATCH)
                looks[name] = nnx.Conv(colours, width, (PATCH, PATCH), PATCH, padding="SAME", rngs=rngs)
                places[name] = nnx.Param(0.02 * nnx.initializers.normal(1.0)(rngs.params(), (count, width)))
            else:
                outputs = width if len(leaf.shape) == 2 else VECTOR * width
                looks[name] = nnx.Linear(leaf.shape[-1], outputs, rngs=rngs)
        self.looks, self.places = nnx.Dict(looks), nnx.Dict(places)
        if not looks and not without:
            raise ValueError(f"observation space is {space}: nothing in it can be a token")

    def __call__(self, observation: dict[str, Array], worlds: int) -> tuple[Array, Array]:
        """Arrays [B, ...] by name -> tokens [B, P, width] and which of them are there [B, P] bool, or [1, P] where
        all are."""
        tokens, valid = [jnp.zeros((worlds, 0, self.width))], [jnp.ones((1, 0), bool)]
        for name, look in self.looks.items():
            seen = observation[name]
            seen = seen.astype(jnp.float32) / 255 if seen.dtype == jnp.uint8 else seen
            found = look(seen).reshape(worlds, -1, self.width)
            there = observation.get(f"{name.removesuffix('s')}_mask")
            tokens.append(found + self.places[name][...] if name in self.places else found)
            valid.append(jnp.ones((1, found.shape[1]), bool) if there is None else there)
        rows = max(each.shape[0] for each in valid)
        valid = [jnp.broadcast_to(each, (rows, each.shape[1])) for each in valid]
        return jnp.concatenate(tokens, axis=1), jnp.concatenate(valid, axis=1)
