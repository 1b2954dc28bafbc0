"""How much each action of a new chunk is held to the chunk before, and how hard (Black et al. 2025, arXiv 2506.07339).

A new chunk begins at the time of its observation. Its first `delay` actions will have been executed from the chunk
before by the time it is ready; the last `fresh` ones reach beyond that chunk. Both may be traced: no value of theirs
compiles anything anew.
"""

from math import e
from typing import Literal, get_args

import jax.numpy as jnp
from jax import Array

Schedule = Literal["exponential", "linear", "ones", "zeros"]


def soft_mask(horizon: int, delay: Array | int, fresh: Array | int, schedule: Schedule = "exponential") -> Array:
    """[horizon] weights, or [B, horizon] for delays [B, 1]: 1 for what will have been executed, 0 for what the chunk
    before does not reach, and between them falling as the schedule says (equation 5 of the paper is exponential; zeros
    is the hard mask).

    Raises ValueError for an unknown schedule.
    """
    if schedule not in get_args(Schedule):
        raise ValueError(f"schedule is {schedule!r}: use {', '.join(get_args(Schedule))}")
    place = jnp.arange(horizon)
    end = horizon - fresh
    left = (end - place) / jnp.maximum(end - delay + 1, 1)
    between = {
        "exponential": left * jnp.expm1(left) / (e - 1),
        "linear": left,
        "ones": jnp.ones_like(left),
        "zeros": jnp.zeros_like(left),
    }[schedule]
    return jnp.where(place < delay, 1.0, jnp.where(place < end, between, 0.0)).astype(jnp.float32)


def guidance_weight(time: Array | float, most: float) -> Array:
    """[...] how hard guidance pulls at a flow time [...]: the published weight (1 - t) / (t r^2), with r^2 = (1 - t)^2
    / (t^2 + (1 - t)^2), is t / (1 - t) + (1 - t) / t; at most `most`, which it is at either end."""
    time = jnp.asarray(time, jnp.float32)
    inside = (time > 0) & (time < 1)
    held = jnp.where(inside, time, 0.5)
    return jnp.where(inside, jnp.minimum(most, held / (1 - held) + (1 - held) / held), most)
