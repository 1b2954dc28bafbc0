"""Where the base is told to go: a forward and a turning speed, drawn anew from time to time and then moved to."""

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
    drawn: Array
    """[W, 2] to where it moves."""
    left: Array
    """[W] seconds until the next draw."""

    @property
    def moving(self) -> Array:
        """[W] bool: told to go anywhere."""
        return (self.velocity != 0).any(-1)


def draw(config: CommandConfig, key: Array, worlds: int) -> Command:
    """Fresh commands, at rest as yet unless they may jump. Those too slow to walk are told to stand."""
    forward, yaw, standing = jax.random.uniform(key, (3, worlds))
    low, high = jnp.array([config.forward, config.yaw]).T
    drawn = low + (high - low) * jnp.stack([forward, yaw], -1)
    walks = (jnp.abs(drawn) > jnp.array([config.least_forward, config.least_yaw])).any(-1)
    drawn = jnp.where((walks & (standing >= config.standing))[:, None], drawn, 0.0)
    rates = jnp.array([config.acceleration, config.yaw_acceleration])
    return Command(jnp.where(rates > 0, 0.0, drawn), drawn, jnp.full(worlds, config.period, jnp.float32))


def advance(config: CommandConfig, command: Command, key: Array, dt: float) -> Command:
    """The commands `dt` seconds later."""
    fresh = draw(config, key, command.left.shape[0])
    over = command.left - dt <= 1e-6
    drawn = jnp.where(over[:, None], fresh.drawn, command.drawn)
    left = jnp.where(over, fresh.left, command.left - dt)
    most = dt * jnp.array([config.acceleration or jnp.inf, config.yaw_acceleration or jnp.inf])
    ahead = drawn - command.velocity
    velocity = jnp.where(jnp.abs(ahead) <= most, drawn, command.velocity + jnp.clip(ahead, -most, most))
    return Command(velocity, drawn, left)
