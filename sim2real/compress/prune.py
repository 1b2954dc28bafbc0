"""Fewer hidden layers: those that turn what they are given the least go, and the rest learns to act as before.

Layers are chosen by the angle between what goes in and what comes out (Gromov et al. 2024, The Unreasonable
Ineffectiveness of the Deeper Layers), among those that keep the width; what is left heals by distillation from the
whole policy (`policies/learn/distil.py`).
"""

from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array

from ...envs.contract import Env
from ...policies.learn.distil import Actor, DistilConfig, distil
from ...policies.learn.ppo.acting import make_policy, shown
from ...policies.learn.ppo.rollout import collect, start
from ...policies.nets.mlp import MLP, to_columns
from ...policies.nets.stream import Stream, over_time
from ...policies.nets.symmetric import Symmetric


class Pruned(NamedTuple):
    """What is left of a policy."""

    actor: Actor
    removed: tuple[int, ...]
    """Hidden layers that are gone, counted from 0 as they were."""
    divergence: tuple[float, float]
    """Of the actions' distribution from that of the whole policy, nats: at first, and in the end."""


def prune(env: Env, whole: Actor, count: int, config: DistilConfig, seed: int) -> Pruned:
    """The policy without `count` hidden layers. Raises ValueError where not so many keep their width."""
    turned = distances(whole, states(env, whole, config.worlds, config.steps, seed))
    if count > len(turned):
        raise ValueError(
            f"prune is {count}: {len(turned)} hidden layers have as many outputs as inputs, no others can go"
        )
    removed = tuple(sorted(sorted(turned, key=turned.__getitem__)[:count]))
    student = without(whole, removed)
    params, losses = distil(env, whole, student, config, seed)
    ends = (float(losses[0]), float(losses[-10:].mean())) if losses.size else (float("nan"), float("nan"))
    return Pruned(Actor(student.parts, params), removed, ends)


def without(whole: Actor, removed: tuple[int, ...]) -> Actor:
    """The policy with these hidden layers left out, and nothing else changed."""
    actor = nnx.merge(whole.parts.actor, whole.params.actor)
    trunk = stream_of(actor).trunk
    trunk.layers = nnx.List([layer for i, layer in enumerate(trunk.layers) if i not in removed])
    graph, state = nnx.split(actor)
    return Actor(replace(whole.parts, actor=graph), whole.params._replace(actor=state))


def distances(whole: Actor, given: Array) -> dict[int, float]:
    """By layer that keeps its width: the mean angle between inputs and outputs, as a share of half a turn. `given`
    [inputs, rows] is what the first layer sees."""
    trunk: MLP = stream_of(nnx.merge(whole.parts.actor, whole.params.actor)).trunk
    found = {}
    for i, (before, after) in enumerate(pairwise(trunk.every(given))):
        if before.shape == after.shape:
            norms = jnp.linalg.norm(before, axis=0) * jnp.linalg.norm(after, axis=0)
            cosine = (before * after).sum(0) / jnp.maximum(norms, 1e-12)
            found[i] = float(jnp.arccos(jnp.clip(cosine, -1, 1)).mean() / np.pi)
    return found


def states(env: Env, whole: Actor, worlds: int, steps: int, seed: int) -> Array:
    """[inputs, rows] what the first hidden layer is given while the policy plays."""
    parts, params = whole

    @jax.jit
    def play(key: Array) -> Array:
        starting, acting = jax.random.split(key)
        policy = make_policy(parts)
        begun = start(env, policy, starting, worlds)
        _, rollout = collect(env, policy, params, begun, acting, steps)
        seen = over_time(partial(shown, parts, params), rollout.observation)
        stream = stream_of(nnx.merge(parts.actor, params.actor))
        return to_columns(stream.features(seen, rollout.done, begun.memory)[0])

    return play(jax.random.key(seed))


def stream_of(actor: Stream | Symmetric) -> Stream:
    """The stream that an actor is made of."""
    return actor.stream if isinstance(actor, Symmetric) else actor
