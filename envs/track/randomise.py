"""What differs from world to world: drawn per episode, and handed to the physics as values of model fields."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from ...sim.legged.physics import Fields, ModelField
from ...sim.legged.world import World
from .config import RandomConfig, Range


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Draw:
    """One draw per world."""

    friction: Array
    """[W] of all feet."""
    base_mass: Array
    """[W] kg added."""
    base_centre: Array
    """[W, 3] m shifted."""
    gripper_mass: Array
    """[W] kg added."""
    strength: Array
    """[W, J] factor on the drives' stiffness and damping."""
    action_late: Array
    """[W] bool: actions come one control step late."""
    observation_late: Array
    """[W] bool: observations come one control step late."""


def draw(config: RandomConfig, world: World, key: Array, worlds: int, share: Array | float = 1.0) -> Draw:
    """Fresh draws, independent of each other and between worlds. `share` [] brings them that near to their ranges from
    what changes nothing."""
    robot = world.robot
    keys = iter(jax.random.split(key, 7))
    legs = len(robot.config.leg_joints)
    low, high = jnp.array([config.leg_strength] * legs + [config.arm_strength] * (len(robot.names) - legs)).T

    def uniform(span: Range, neutral: float, shape: tuple[int, ...] = ()) -> Array:
        drawn = jax.random.uniform(next(keys), (worlds, *shape), minval=span[0], maxval=span[1])
        return neutral + share * (drawn - neutral)

    return Draw(
        friction=uniform(config.friction, 1.0),
        base_mass=uniform(config.base_mass, 0.0),
        base_centre=uniform(config.base_centre, 0.0, (3,)),
        gripper_mass=uniform(config.gripper_mass, 0.0),
        strength=1 + share * (low - 1 + (high - low) * jax.random.uniform(next(keys), (worlds, len(robot.names)))),
        action_late=jax.random.uniform(next(keys), (worlds,)) < share * config.action_delay,
        observation_late=jax.random.uniform(next(keys), (worlds,)) < share * config.observation_delay,
    )


def fields(world: World) -> tuple[ModelField, ...]:
    """The places in the model that a draw changes, in the order of `values`."""
    robot, base = world.robot, world.robot.base
    joints = len(robot.names)

    def rows(places: NDArray, columns: NDArray) -> tuple[NDArray, NDArray]:
        return np.broadcast_arrays(places, columns)  # pyright: ignore[reportReturnType]

    three = np.arange(3)
    return (
        ModelField("geom_friction", rows(robot.feet, np.array(0))),
        ModelField("body_mass", (np.array([base, last_link(world)]),)),
        ModelField("body_inertia", rows(np.array(base), three)),
        ModelField("body_ipos", rows(np.array(base), three)),
        ModelField("actuator_gainprm", rows(robot.actuator, np.array(0))),
        ModelField("actuator_biasprm", rows(np.repeat(robot.actuator, 2), np.tile([1, 2], joints))),
    )


def last_link(world: World) -> int:
    """The body that carries the end effector; the base for a robot without an arm."""
    robot = world.robot
    return int(world.model.site(robot.config.end_effector).bodyid[0]) if robot.has_arm else robot.base


def values(world: World, drawn: Draw) -> Fields:
    """The values of `fields` in each world."""
    model, robot, base = world.model, world.robot, world.robot.base
    kp, kd = (jnp.asarray(gain, jnp.float32) for gain in robot.config.gains)
    base_mass, link_mass = float(model.body_mass[base]), float(model.body_mass[last_link(world)])
    heavier = 1 + drawn.base_mass / base_mass
    masses = [base_mass * heavier, link_mass + drawn.gripper_mass if robot.has_arm else base_mass * heavier]
    stiffness = drawn.strength * kp
    return (
        jnp.repeat(drawn.friction[:, None], len(robot.feet), 1),
        jnp.stack(masses, -1),
        heavier[:, None] * jnp.asarray(model.body_inertia[base], jnp.float32),
        jnp.asarray(model.body_ipos[base], jnp.float32) + drawn.base_centre,
        stiffness,
        -jnp.stack([stiffness, drawn.strength * kd], -1).reshape(stiffness.shape[0], -1),
    )


def push(
    config: RandomConfig,
    key: Array,
    seconds: Array,
    moving: Array,
    velocity: Array,
    dt: float,
    share: Array | float = 1.0,
) -> Array:
    """The horizontal velocity [W, 2] of the base, world frame: replaced by a draw each `push_period` of its episode.

    `seconds` [W] since the episode began; `share` [] of full pushes.
    """
    if config.push_period <= 0:
        return velocity
    due = jnp.floor((seconds + dt / 2) / config.push_period) > jnp.floor((seconds - dt / 2) / config.push_period)
    most = share * config.push * jnp.where(moving, 1.0, config.push_standing)
    drawn = jax.random.uniform(key, velocity.shape, minval=-1.0, maxval=1.0) * most[:, None]
    return jnp.where(due[:, None] & (most > 0)[:, None], drawn, velocity)
