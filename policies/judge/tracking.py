"""Whole-body tracking for who looks at it: where things are, and what a person may ask in the task's place."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from numpy.typing import NDArray

from ...envs.track import goal as goals
from ...envs.track.command import Command
from ...envs.track.config import GoalConfig
from ...envs.track.env import TrackEnv, TrackState
from ...envs.track.goal import Goal
from ...envs.track.measure import measure
from ...sim.legged import rotation
from ...sim.legged.physics import Outcome


class Shown(NamedTuple):
    """What a picture of one world shows. The goal frame stands over the arm's base and turns with the heading."""

    qpos: NDArray
    """[nq] of MuJoCo."""
    base: NDArray
    """[3] place of the base, world, m."""
    heading: NDArray
    """[4] rotation of the goal frame in the world."""
    centre: NDArray
    """[3] place of the goal frame, world, m."""
    place: NDArray
    """[3] of the goal in its frame, m."""
    turn: NDArray
    """[4] of the goal in its frame."""
    command: NDArray
    """[2] forward m/s and turning rad/s."""


class Wish(NamedTuple):
    """What somebody at the controls asks for."""

    free: Array
    """[] bool: the task draws goals and commands, and the rest of the wish is not looked at."""
    place: Array
    """[3] of the goal in its frame, m."""
    turn: Array
    """[4] of the goal in its frame."""
    command: Array
    """[2] forward m/s and turning rad/s."""


def make_look(env: TrackEnv) -> Callable[[TrackState], Shown]:
    """(state) -> what is to be seen of a state of one world. Compiled when it is first called."""
    compiled = jax.jit(partial(look, env))
    return lambda state: jax.device_get(compiled(state))


def look(env: TrackEnv, state: TrackState) -> Shown:
    """What is to be seen of a state of one world, still in JAX's arrays."""
    model, episode = env.world.model, state.episode
    nothing = Outcome(jnp.zeros((1, model.nsensordata)), jnp.zeros((1, model.nu)), jnp.zeros(1, bool))
    seen = measure(env.world, env.places, episode.physics, nothing)
    from_base, turn = env.goal_pose(episode.goal, seen)
    place = goals.place(episode.goal.now())
    heading = rotation.multiply(seen.turn, rotation.conjugate(seen.tilt))
    centre = seen.place + rotation.rotate(heading, from_base - place)
    shown = (episode.physics.qpos, seen.place, heading, centre, place, turn, episode.command.velocity)
    return Shown(*jax.tree.map(lambda leaf: leaf[0], shown))


def grant(env: TrackEnv, state: TrackState, wish: Wish) -> TrackState:
    """The state of one world with the goal at rest where the wish has it, and the command that it gives.

    To be done before every step: left alone, the task goes on from there within a second or so, but for a goal that was
    put where no path of the task's leads from; that one is put back to where episodes start.
    """
    config, episode, one = env.config.goal, state.episode, jnp.ones(1)
    own, end = episode.goal, episode.goal.end
    stuck = own.holding & goals.blocked(config, Goal(end, end, one, one, one))
    own = jax.tree.map(partial(jnp.where, stuck[0]), goals.first(1), own)
    pose = spherical(config, wish.place, wish.turn)[None]
    asked = (Goal(pose, pose, one, one, one), Command(wish.command[None], wish.command[None], one))
    goal, command = jax.tree.map(partial(jnp.where, wish.free), (own, episode.command), asked)
    return replace(state, episode=replace(episode, goal=goal, command=command))


def spherical(config: GoalConfig, place: Array, turn: Array) -> Array:
    """[6] as in `Goal.start` of a place [3], m, and a rotation [4] in the goal frame: what `goals.pose` undoes."""
    x, y, z = place
    flat = jnp.hypot(x, y)
    pitch, yaw = jnp.arctan2(z, flat), jnp.arctan2(y, x)
    angles = jnp.stack(rotation.to_euler(turn)) - jnp.stack([jnp.float32(config.roll), config.lift - pitch, yaw])
    return jnp.concatenate([jnp.stack([jnp.hypot(flat, z), pitch, yaw]), angles])
