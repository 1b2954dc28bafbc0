"""What a planar world is worth: green must touch blue (+1) and must not touch red (-1).

Contacts are those at the start of a physics step, as the engine returns them. Source: Kinetix (Matthews et al. 2024,
arXiv 2410.23208, Sec. 3.2); its rules are the same in every level. All arrays are worlds last.
"""

import jax.numpy as jnp
from jax import Array

from .level import Level

NEUTRAL, GREEN, BLUE, RED = range(4)
"""Roles of bodies."""
UNKNOWN = -1.0
"""A distance that has not been measured yet."""


def outcome(level: Level, touching: Array) -> Array:
    """[W]: -1 where green touches red, else 1 where green touches blue, else 0. `touching` is [N, N, W] bool."""
    goal, death = touches(level, touching, BLUE), touches(level, touching, RED)
    return jnp.where(death, -1.0, jnp.where(goal, 1.0, 0.0))


def touches(level: Level, touching: Array, role: int) -> Array:
    """[W] bool: some green body touches some body of `role`. `touching` may hold a pair in either of its places."""
    pair = is_role(level, GREEN)[:, None] & is_role(level, role)[None]
    return (pair & (touching | jnp.swapaxes(touching, 0, 1))).any(axis=(0, 1))


def goal_distance(level: Level, position: Array) -> Array:
    """[W] m: distance between centres, summed over all pairs of a green and a blue body. `position` is [2, N, W]."""
    pair = is_role(level, GREEN)[:, None] & is_role(level, BLUE)[None]
    gap = position[:, :, None] - position[:, None]
    return jnp.where(pair, jnp.sqrt(gap[0] ** 2 + gap[1] ** 2), 0.0).sum(axis=(0, 1))


def approach(last_distance: Array, distance: Array, scale: float) -> Array:
    """[W]: `scale` per metre by which green came closer to blue; 0 on the first step of an episode."""
    return jnp.where(last_distance == UNKNOWN, 0.0, scale * (last_distance - distance))


def is_role(level: Level, role: int) -> Array:
    """[N, W] bool: active bodies of a role."""
    return (level.role == role) & level.scene.active
