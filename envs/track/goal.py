"""Where the end effector is told to go.

Poses are in the goal frame: over the base at a fixed height over the ground, turned with the heading of the base but
not with its tilt, so that crouching and leaning bring the arm nearer to a goal instead of moving the goal.
"""

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.legged import rotation
from .config import GoalConfig

SAMPLES = 10
"""Points of a path that are looked at before it is taken."""
FIRST = (0.5, 0.39269908, 0.0)
"""Spherical coordinates that every episode starts from: radius m, pitch and yaw rad."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Goal:
    """From one pose to the next, then a while there."""

    start: Array
    """[W, 6] radius (m), pitch, yaw (rad) on the sphere; then roll, pitch, yaw off from pointing outward (rad)."""
    end: Array
    """[W, 6] likewise."""
    travel: Array
    """[W] seconds from start to end."""
    hold: Array
    """[W] seconds at the end."""
    elapsed: Array
    """[W] seconds since the start."""

    @property
    def holding(self) -> Array:
        """[W] bool: the goal stands still."""
        return self.elapsed >= self.travel

    def now(self) -> Array:
        """[W, 6] where on the way it is."""
        share = jnp.clip(self.elapsed / self.travel, 0, 1)[:, None]
        return self.start + share * (self.end - self.start)


def first(worlds: int) -> Goal:
    """At rest at the first pose, and due for a next one."""
    start = jnp.tile(jnp.array([*FIRST, 0, 0, 0]), (worlds, 1))
    zero = jnp.zeros(worlds)
    return Goal(start, start, zero + 1, zero, zero + 1)


def advance(config: GoalConfig, goal: Goal, key: Array, dt: float) -> Goal:
    """The goals `dt` seconds later. Where one is due, a next pose is drawn; if its path is blocked the goal holds on,
    to try again in the next step."""
    goal = replace(goal, elapsed=goal.elapsed + dt)
    draws = jax.random.uniform(key, (goal.elapsed.shape[0], 8))
    turn = (-config.turn, config.turn)
    low, high = jnp.array([config.radius, config.pitch, config.yaw, turn, turn, turn, config.travel, config.hold]).T
    drawn = low + (high - low) * draws
    fresh = Goal(goal.end, drawn[:, :6], drawn[:, 6], drawn[:, 7], jnp.zeros_like(goal.elapsed))
    due = (goal.elapsed >= goal.travel + goal.hold) & ~blocked(config, fresh)
    return jax.tree.map(lambda new, old: jnp.where(due.reshape(-1, *[1] * (old.ndim - 1)), new, old), fresh, goal)


def blocked(config: GoalConfig, goal: Goal) -> Array:
    """[W] bool: the path leads through the robot or the ground."""
    shares = jnp.linspace(0, 1, SAMPLES)[:, None, None]
    x, y, z = jnp.moveaxis(place(goal.start[:, :3] + shares * (goal.end - goal.start)[:, :3]), -1, 0)
    x0, x1, y0, y1, z0, z1 = config.body
    inside = (x0 <= x) & (x <= x1) & (y0 <= y) & (y <= y1) & (z0 <= z) & (z <= z1)
    return (inside | (z < config.floor)).any(0)


def place(sphere: Array) -> Array:
    """Cartesian place [..., 3] in the goal frame, m, of radius, pitch and yaw [..., 3]."""
    radius, pitch, yaw = (sphere[..., i] for i in range(3))
    flat = radius * jnp.cos(pitch)
    return jnp.stack([flat * jnp.cos(yaw), flat * jnp.sin(yaw), radius * jnp.sin(pitch)], -1)


def pose(config: GoalConfig, now: Array) -> tuple[Array, Array]:
    """Place [W, 3] and rotation [W, 4] in the goal frame of `now` [W, 6]: pointing outward, but for `lift` and the
    turns off it, and rolled by `roll`."""
    roll, pitch, yaw = config.roll + now[:, 3], config.lift - now[:, 1] + now[:, 4], now[:, 2] + now[:, 5]
    return place(now), rotation.from_euler(roll, pitch, yaw)
