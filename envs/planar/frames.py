"""Several flat observations at once: the present one, and apart from it those before and the last action.

The past [P] is the frames before, oldest first, then the last action; zeros before the episode began. With four frames
it is what the experts of the real-time chunking benchmark see (Black et al. 2025, arXiv 2506.07339, code).
"""

import math
from dataclasses import replace

import jax.numpy as jnp
import numpy as np
from gymnasium.spaces import Box, Dict
from jax import Array

from ...sim.planar.scene import Capacity
from ..contract import ObservationTerm
from .actions import action_space
from .observe import CLIP, observation_space

NOW, PAST = "state", "past"
"""Names of the two arrays."""
ACTION = math.prod(action_space("continuous").shape or ())
"""Entries of the last action."""


def past_size(capacity: Capacity, frames: int) -> int:
    """P; 0 where one frame alone is seen."""
    return (frames - 1) * math.prod(observation_space("flat", capacity).shape or ()) + ACTION if frames > 1 else 0


def space(capacity: Capacity, frames: int) -> Dict:
    """Of both arrays."""
    past = Box(-CLIP, CLIP, (past_size(capacity, frames),), np.float32)
    return Dict({NOW: observation_space("flat", capacity), PAST: past})


def terms(frame: tuple[ObservationTerm, ...], frames: int) -> dict[str, tuple[ObservationTerm, ...]]:
    """Of both arrays."""
    before = (replace(term, name=f"{term.name}_{ago}_ago") for ago in range(frames - 1, 0, -1) for term in frame)
    return {NOW: frame, PAST: (*before, ObservationTerm("last_action", ACTION, clip=(-1.0, 1.0)))}


def remembered(past: Array, seen: Array, action: Array) -> Array:
    """The past [P, W] one step after `seen` [W, D], in which `action` [W, A] was done."""
    frames = past[:-ACTION]
    return jnp.concatenate([frames, seen.T, action.T])[seen.shape[1] :]
