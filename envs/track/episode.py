"""One episode of each world, and how it starts."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.legged import rotation
from ...sim.legged.physics import State
from ...sim.legged.world import World
from . import command as commands
from . import goal as goals
from . import randomise, reach
from .command import Command
from .config import TrackConfig
from .goal import Goal
from .randomise import Draw
from .reach import Reach


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Episode:
    """All that starts anew with an episode, [W, ...]."""

    physics: State
    drawn: Draw
    command: Command
    goal: Goal
    reach: Reach
    phase: Array
    """[W] of the gait, in cycles."""
    last_action: Array
    """[W, A]"""
    seen: Array
    """[W, N] what the policy would have seen on time, in the step before."""
    frames: Array
    """[W, H, N] what it was shown, oldest first, the present included; before the start, what it was shown first."""
    steps: Array
    """[W] int32: control steps since the start."""


def start(
    config: TrackConfig,
    world: World,
    feet: tuple[tuple[float, float], ...],
    key: Array,
    last_action: Array,
    seen: Array,
    share: Array,
) -> Episode:
    """Fresh episodes: each robot in about its default pose, with its lowest foot on the ground.

    `feet` [F] are the places of the feet around the base, m. `last_action` [W, A] and `seen` [W, N] are what there was
    before: zeros, and what is still to be filled in. `share` [] is how far the curriculum has come.
    """
    random, robot, worlds = config.random, world.robot, seen.shape[0]
    keys = jax.random.split(key, 4)
    spread = random.start_place if config.terrain.kind == "flat" else config.terrain.size / 2 - config.terrain.margin
    draws = jax.random.uniform(keys[0], (worlds, 9), minval=-1.0, maxval=1.0)
    xy, turn = spread * draws[:, :2], rotation.about_z(random.start_yaw * draws[:, 2])
    around = rotation.rotate(turn[:, None], jnp.array([(*foot, 0.0) for foot in feet])[None])
    ground = world.terrain.height(xy[:, None] + around[..., :2]).max(-1)
    joints = start_joints(config, world, keys[1], worlds)
    place = jnp.concatenate([xy, (ground + robot.config.standing_height)[:, None], turn], -1)

    qpos = jnp.tile(jnp.asarray(world.model.qpos0, jnp.float32), (worlds, 1)).at[:, robot.qpos].set(joints)
    qpos = qpos.at[:, robot.base_qpos : robot.base_qpos + 7].set(place)
    qvel = jnp.zeros((worlds, world.model.nv))
    qvel = qvel.at[:, robot.base_qvel : robot.base_qvel + 6].set(random.start_velocity * draws[:, 3:])
    return Episode(
        physics=State(qpos, qvel),
        drawn=randomise.draw(random, world, keys[2], worlds, share),
        command=commands.draw(config.command, keys[3], worlds),
        goal=goals.first(worlds),
        reach=reach.start(robot, joints),
        phase=jnp.zeros(worlds),
        last_action=last_action,
        seen=seen,
        frames=jnp.zeros((worlds, config.history, seen.shape[1])),
        steps=jnp.zeros(worlds, jnp.int32),
    )


def start_joints(config: TrackConfig, world: World, key: Array, worlds: int) -> Array:
    """[W, J] the default pose, with every leg angle times a draw, within the joints' limits, rad."""
    robot = world.robot
    low, high = config.random.start_joints
    factor = jax.random.uniform(key, (worlds, robot.legs.stop), minval=low, maxval=high)
    joints = jnp.tile(jnp.asarray(robot.default, jnp.float32), (worlds, 1)).at[:, robot.legs].multiply(factor)
    joints = jnp.clip(joints, jnp.asarray(robot.lower, jnp.float32), jnp.asarray(robot.upper, jnp.float32))
    # Else XLA computes the kinematics of the arm, which start constant, while it compiles: for minutes.
    return jax.lax.optimization_barrier(joints)
