"""Flow matching: regression of the velocity between noise and actions (Lipman et al. 2023)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from . import time as times
from .sampling import Velocity


class Task(NamedTuple):
    """What a chunk is asked of the network."""

    chunk: Array
    """[B, H, A] half way from noise to actions."""
    time: Array
    """[B, 1]"""
    target: Array
    """[B, H, A] velocity."""
    counts: Array
    """[B, H, A] bool: where the answer counts."""
    settled: Array | None
    """[B, H] bool: actions that are given, at time 1; None where none are."""


def task(key: Array, actions: Array, counts: Array, settled: Array | None = None) -> Task:
    """Draw noise and times for `actions` [B, H, A].

    `counts` [B, H, A] bool is false for dimensions that only fill up and for steps past the end of an episode. The
    first `settled` [B] int actions, if given, stay as they are, at time 1, and do not count (Black et al. 2025,
    Training-Time Action Conditioning, arXiv 2512.05964).
    """
    drawing_noise, drawing_time = jax.random.split(key)
    noise = jax.random.normal(drawing_noise, actions.shape)
    time, fixed = times.draw(drawing_time, actions.shape[:1])[:, None], None
    chunk = time[..., None] * actions + (1 - time[..., None]) * noise
    if settled is not None:
        fixed = jnp.arange(actions.shape[1]) < settled[:, None]
        chunk, counts = jnp.where(fixed[..., None], actions, chunk), counts & ~fixed[..., None]
    return Task(chunk, time, actions - noise, counts, fixed)


def flow_loss(velocity: Velocity, asked: Task) -> Array:
    """Mean squared error, [], over what counts."""
    error = jnp.where(asked.counts, velocity(asked.chunk, asked.time, asked.settled) - asked.target, 0.0) ** 2
    return error.sum() / jnp.maximum(asked.counts.sum(), 1)


def draw_settled(key: Array, count: int, most: int, decay: float) -> Array:
    """[count] int32 from 0 to `most`, each `decay` times as likely as the one before (Black et al. 2025, arXiv
    2512.05964)."""
    weights = jnp.log(decay) * jnp.arange(most + 1)
    return jax.random.categorical(key, weights, shape=(count,)).astype(jnp.int32)
