"""Ticks recorded from real roll-outs: what went into the policy, what came out, and, for a robot, the raw readings.

Arrays are [N, ...], one row a tick, under the names `in.<input of the graph>`, `out.<output>` and, for a robot,
`raw.<reading>`, `told.<word of the operator>`, `targets` (of all joints, rad) and `tick`, which counts from 0 in each
sequence: what a controller remembers starts anew there.
"""

from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from ..envs.contract import Env, Observation, PyTree
from ..envs.track.config import CurriculumConfig
from ..envs.track.env import TrackEnv, TrackState, make_track
from ..envs.track.observe import privileged_terms, size
from ..policies.policy import Policy, renew
from ..sim.legged.terrain import TerrainConfig
from .contract import Graph
from .graphs import Meaning

WORLDS, SEQUENCES, TICKS = 16, 4, 32
"""Worlds that are played, how many of them are kept, and for how long."""
QUICK = {"xla_backend_optimization_level": 0}
"""So short a roll-out is not worth more of the compiler's time."""


def record(env: Env, policy: Policy, params: PyTree, meaning: Meaning, graph: Graph, seed: int) -> dict[str, NDArray]:
    """See the module. Of a robot nothing is late, noise is off and the ground is flat, so that readings tell all that
    was seen; masses, pushes and all else are drawn as in training. Raises ValueError if hardly any episode lasts."""
    ticks, chosen = lasting(env, policy, params, seed)
    rows = partial(in_rows, chosen=chosen)
    inputs, after = inputs_of(ticks, meaning, graph, chosen), [rows(leaf) for leaf in jax.tree.leaves(ticks["after"])]
    action = rows(ticks["action"])
    if action.dtype.kind == "f":
        action = np.clip(action, meaning.lower, meaning.upper).astype(np.float32) + meaning.shift.astype(np.float32)
    outputs = dict(zip((tensor.name for tensor in graph.outputs), [action, *after], strict=True))
    found = {f"in.{name}": value for name, value in inputs.items()}
    found |= {f"out.{name}": value for name, value in outputs.items()}
    return found | {name: rows(value) for name, value in ticks["robot"].items()}


def lasting(env: Env, policy: Policy, params: PyTree, seed: int) -> tuple[dict[str, Any], NDArray]:
    """Every tick of some worlds, and which of them are kept. Raises ValueError as `record` does."""
    if not isinstance(env, TrackEnv):
        return played(env, policy, params, seed, SEQUENCES), np.arange(SEQUENCES)
    ticks = played(plain_sight(env), policy, params, seed, WORLDS)
    whole = np.flatnonzero(~ticks["done"].any(0))
    if len(whole) < SEQUENCES:
        raise ValueError(f"only {len(whole)} of {WORLDS} episodes last {TICKS} ticks: export a policy that stays up")
    return ticks, whole[:SEQUENCES]


def states(env: Env, policy: Policy, params: PyTree, meaning: Meaning, graph: Graph, seed: int, count: int) -> dict:
    """At least `count` states [N, ...] of roll-outs as in training, by the graph's input: what it sees, remembers."""
    worlds = -(-count // TICKS)
    return inputs_of(played(env, policy, params, seed, worlds), meaning, graph, np.arange(worlds))


def played(env: Env, policy: Policy, params: PyTree, seed: int, worlds: int) -> dict[str, Any]:
    """Every tick of so many worlds, [T, W, ...], on the host."""
    compiled = jax.jit(lambda key: play(env, policy, params, key, worlds), compiler_options=QUICK)
    return jax.device_get(compiled(jax.random.key(seed)))


def in_rows(array: NDArray, chosen: NDArray) -> NDArray:
    """[T, W, ...] -> [N, ...] of the chosen worlds, one sequence after the other."""
    return np.moveaxis(np.asarray(array)[:, chosen], 0, 1).reshape(-1, *np.shape(array)[2:])


def inputs_of(ticks: dict[str, Any], meaning: Meaning, graph: Graph, chosen: NDArray) -> dict[str, NDArray]:
    """What goes into the graph, by input, [N, ...]."""
    leaves = [*jax.tree.leaves(ticks["observation"]), *jax.tree.leaves(ticks["memory"])]
    found = [in_rows(leaf, chosen) for leaf in leaves]
    inputs = dict(zip((tensor.name for tensor in graph.inputs), found, strict=True))
    for name, place in meaning.last_action.items():
        inputs[name][..., place] += meaning.shift.astype(np.float32)
    return inputs


def plain_sight(env: TrackEnv) -> TrackEnv:
    """The env without what stands between the robot and its readings."""
    config = env.config
    clear = replace(config.random, noise=0.0, action_delay=0.0, observation_delay=0.0)
    return make_track(
        replace(config, random=clear, terrain=TerrainConfig(), curriculum=CurriculumConfig(), engine="auto")
    )


def play(env: Env, policy: Policy, params: PyTree, key: Array, worlds: int) -> dict[str, Any]:
    """Every tick of so many worlds, [T, W, ...]."""
    starting, acting = jax.random.split(key)
    state, observation = env.reset(starting, worlds)
    initial = policy.initial_memory(worlds)

    def tick(carry: Any, number: Array) -> tuple[Any, dict[str, Any]]:
        state, observation, memory = carry
        action, after = policy.act(params, memory, observation, acting)
        moved, step = env.step(state, action)
        kept = {
            "observation": observation.policy,
            "memory": memory,
            "action": action,
            "after": after,
            "done": step.done,
            "robot": robot_at(env, state, moved, observation, action, number) if isinstance(env, TrackEnv) else {},
        }
        return (moved, step.observation, renew(after, initial, step.done)), kept

    return jax.lax.scan(tick, (state, observation, initial), jnp.arange(TICKS))[1]


def robot_at(
    env: TrackEnv, state: TrackState, moved: TrackState, observation: Observation, action: Array, number: Array
) -> dict[str, Array]:
    """What a robot would have read and been told at a tick, and where its drives were sent, [W, ...]."""
    episode, robot = state.episode, env.world.robot
    base, speed, physics = robot.base_qpos, robot.base_qvel, episode.physics
    worlds = action.shape[0]
    control, _ = env.control(episode, action, moved.episode.goal)
    return {
        "raw.turn": physics.qpos[:, base + 3 : base + 7],
        "raw.rate": physics.qvel[:, speed + 3 : speed + 6],
        "raw.joints": physics.qpos[:, robot.qpos],
        "raw.joint_rates": physics.qvel[:, robot.qvel],
        "raw.feet_force": known(env, observation, "feet_force"),
        "raw.height": physics.qpos[:, base + 2],
        "raw.climb": physics.qvel[:, speed + 2],
        "raw.speed": jnp.linalg.norm(known(env, observation, "velocity")[:, :2], axis=-1),
        "told.command": episode.command.drawn,
        "told.goal": episode.goal.now(),
        "told.goal_next": moved.episode.goal.now(),
        "targets": control[:, robot.actuator],
        "tick": jnp.full(worlds, number, jnp.int32),
    }


def known(env: TrackEnv, observation: Observation, name: str) -> Array:
    """[W, size] raw value of a term that only the critic sees, as far as its clip lets it: what was so before any push
    at the end of the step."""
    seen = observation.critic["privileged"] if env.config.history else observation.critic
    first = 0 if env.config.history else size(env.terms)
    for term in privileged_terms(env.world.robot):
        if term.name == name:
            return seen[:, first : first + term.size] / jnp.array(term.scale) + jnp.array(term.offset)
        first += term.size
    raise LookupError(name)
