"""Collecting experience: the policy acts, the worlds answer."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from ....envs.contract import Env, EnvSpec, Observation
from ...policy import Policy, renew
from .mixing import by_channel

PyTree = Any


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Worlds:
    """Where the worlds stand between two updates. Leaves are [W, ...], but for keys inside `env_state`."""

    env_state: PyTree
    observation: Observation
    memory: PyTree
    """Of the actor, before it sees `observation`."""
    episode_return: Array
    """[W] float32: sum of rewards of the running episode."""
    episode_length: Array
    """[W] int32: steps of the running episode."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Rollout:
    """What was seen, done and earned. Leaves are [T, W, ...]."""

    observation: Observation
    final_observation: Observation
    """The true successor, before any auto-reset."""
    action: Array
    reward: Array
    """[T, W] as the env gave it."""
    rewards: Array
    """[T, W, C] its parts, by channel; itself where it has none."""
    terminated: Array
    done: Array
    """[T, W] bool: the episode ended with this step, either way."""
    episode_return: Array
    """[T, W] sum of rewards up to and with this step."""
    episode_length: Array
    """[T, W] steps up to and with this step."""
    metrics: dict[str, Array]
    """[T, W] each: the env's own."""


def start(env: Env, policy: Policy, key: Array, worlds: int) -> Worlds:
    """Every world at the start of an episode."""
    env_state, observation = env.reset(key, worlds)
    zeros = jnp.zeros(worlds)
    return Worlds(env_state, observation, policy.initial_memory(worlds), zeros, zeros.astype(jnp.int32))


def collect(env: Env, policy: Policy, params: PyTree, worlds: Worlds, key: Array, steps: int) -> tuple[Worlds, Rollout]:
    """Step every world `steps` times. Only the actor is evaluated; values and probabilities come later, in batches."""
    fresh = policy.initial_memory(worlds.episode_return.shape[0])

    def advance(now: Worlds, key: Array) -> tuple[Worlds, Rollout]:
        action, memory = policy.act(params, now.memory, now.observation, key)
        env_state, step = env.step(now.env_state, action)
        done = step.done
        total, length = now.episode_return + step.reward, now.episode_length + 1
        seen = Rollout(
            observation=now.observation,
            final_observation=step.final_observation,
            action=action,
            reward=step.reward,
            rewards=by_channel(env.spec, step),
            terminated=step.terminated,
            done=done,
            episode_return=total,
            episode_length=length,
            metrics=step.metrics,
        )
        running = jnp.where(done, 0.0, total), jnp.where(done, 0, length)
        return Worlds(env_state, step.observation, renew(memory, fresh, done), *running), seen

    return jax.lax.scan(advance, worlds, jax.random.split(key, steps))


def episode_metrics(rollout: Rollout, spec: EnvSpec) -> dict[str, Array]:
    """Means over the episodes that ended in this rollout, [] each; 0 where none did, which `episodes` tells.

    The env's metrics of an episode are taken at its last step: `success_rate` is the one called `spec.success`, if any,
    and `episode_<name>` each of the others. Those of a step are means over all steps: `step_<name>`.
    """
    episodes = rollout.done.sum()

    def over_episodes(values: Array) -> Array:
        return jnp.where(rollout.done, values, 0).sum() / jnp.maximum(episodes, 1)

    def own(name: str, values: Array) -> tuple[str, Array]:
        if name in spec.step_metrics:
            return f"step_{name}", values.mean()
        return "success_rate" if name == spec.success else f"episode_{name}", over_episodes(values)

    return {
        "episodes": episodes,
        "episode_return": over_episodes(rollout.episode_return),
        "episode_length": over_episodes(rollout.episode_length),
        "reward": rollout.reward.mean(),
        **dict(own(name, values) for name, values in rollout.metrics.items()),
    }
