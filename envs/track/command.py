"""Where the base is told to go: a forward and a turning speed, drawn anew from time to time."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array

from .config import CommandConfig


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Command:
    """What each world is told."""

    velocity: Array
    """[W, 2] forward m/s and turning rad/s, both in the robot's own heading."""
    left: Array
    """[W] seconds until the next draw."""

    @property
    def moving(self) -> Array:
        """[W] bool: told to go anywhere."""
        return (self.velocity != 0).any(-1)


def draw(config: CommandConfig, key: Array, worlds: int) -> Command:
    """Fresh commands. Those too slow to walk are told to stand."""
    forward, yaw, standing = jax.random.uniform(key, (3, worlds))
    low, high = jnp.array([config.forward, config.yaw]).T
    velocity = low + (high - low) * jnp.stack([forward, yaw], -1)
    walks = (jnp.abs(velocity) > jnp.array([config.least_forward, config.least_yaw])).any(-1)
    velocity = jnp.where((walks & (standing >= config.standing))[:, None], velocity, 0.0)
    return Command(velocity, jnp.full(worlds, config.period, jnp.float32))


def advance(config: CommandConfig, command: Command, key: Array, dt: float) -> Command:
    """The commands `dt` seconds later."""
    fresh = draw(config, key, command.left.shape[0])
    left = command.left - dt
    over = left <= 1e-6
    return Command(
        jnp.where(over[:, None], fresh.velocity, command.velocity), jnp.where(over, jnp.float32(config.period), left)
    )
