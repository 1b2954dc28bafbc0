"""From a rollout to better weights: advantages, then gradient steps on minibatches of worlds."""

from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jax import Array

from ...nets.stream import over_time
from . import losses
from .acting import Parts
from .config import PPOConfig
from .rollout import Rollout

Params = dict[str, nnx.State]
"""Weights of the "actor" and the "critic"."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Batch:
    """A rollout, or the part of it that some worlds lived. Arrays are [T, B]."""

    rollout: Rollout
    """Observations normalised, rewards scaled."""
    memory: dict[str, Array | None]
    """[B, recurrent] of "actor" and "critic", before the first step."""
    log_prob: Any = None
    """Of the actions, under the weights that took them."""
    value: Any = None
    """Under those weights."""
    advantage: Any = None
    returns: Any = None
    """What the values should have been."""


def part(batch: Batch, worlds: Array) -> Batch:
    """The batch of some worlds, given their indices [B]."""
    memory = jax.tree.map(lambda leaf: leaf[worlds], batch.memory)
    rest = jax.tree.map(lambda leaf: leaf[:, worlds], replace(batch, memory={}))
    return replace(rest, memory=memory)


def minibatch_orders(config: PPOConfig, key: Array) -> Array:
    """[epochs, minibatches, B] int32: every world once an epoch, in another order each epoch."""
    keys = jax.random.split(key, config.epochs)
    orders = jax.vmap(lambda key: jax.random.permutation(key, config.worlds))(keys)
    return orders.reshape(config.epochs, config.minibatches, -1)


def add_advantage(parts: Parts, params: Params, batch: Batch, order: Array) -> tuple[Batch, Array | None]:
    """Judge the rollout by the weights that made it: log-probabilities, values, advantages, returns.

    `order` [M, B] tells which worlds are judged together. Also returns the memory that the critic goes on with
    [W, recurrent].
    """
    log_prob, value, next_value, memory = jax.lax.map(lambda worlds: judge(parts, params, part(batch, worlds)), order)
    back = jnp.argsort(order.reshape(-1))

    def in_place(result: Array) -> Array:
        """[M, T, B] -> [T, W]."""
        return jnp.moveaxis(result, 0, 1).reshape(result.shape[1], -1)[:, back]

    log_prob, value, next_value = map(in_place, (log_prob, value, next_value))
    advantage, returns = losses.gae(
        batch.rollout.reward,
        value,
        next_value,
        batch.rollout.terminated,
        batch.rollout.done,
        gamma=parts.config.gamma,
        gae_lambda=parts.config.gae_lambda,
    )
    memory = jax.tree.map(lambda leaf: leaf.reshape(-1, leaf.shape[-1])[back], memory)
    return replace(batch, log_prob=log_prob, value=value, advantage=advantage, returns=returns), memory


def judge(parts: Parts, params: Params, batch: Batch) -> tuple[Array, Array, Array, Array | None]:
    """Log-probability, value and value of the true successor, [T, B] each, and the critic's memory after the batch.

    The successor is judged with the memory of everything up to it, also where the episode ended there.
    """
    log_prob, _ = actions(parts, params, batch)
    critic = nnx.merge(parts.critic, params["critic"])
    rollout = batch.rollout
    value, after, last = critic.unroll(rollout.observation.for_critic, rollout.done, batch.memory["critic"])
    next_value, _ = over_time(critic.step, rollout.final_observation.for_critic, after)
    return log_prob, value[..., 0], next_value[..., 0], last


def actions(parts: Parts, params: Params, batch: Batch) -> tuple[Array, Array]:
    """Log-probability of the actions taken, and entropy of the distributions they came from, [T, B] each."""
    actor, rollout = nnx.merge(parts.actor, params["actor"]), batch.rollout
    parameters, _, _ = actor.unroll(rollout.observation.policy, rollout.done, batch.memory["actor"])
    return parts.distribution.log_prob(parameters, rollout.action), parts.distribution.entropy(parameters)


def loss(params: Params, parts: Parts, batch: Batch) -> tuple[Array, dict[str, Array]]:
    """The loss of a minibatch, [], and what it is made of."""
    config, rollout = parts.config, batch.rollout
    log_prob, entropy = actions(parts, params, batch)
    critic = nnx.merge(parts.critic, params["critic"])
    value, _, _ = critic.unroll(rollout.observation.for_critic, rollout.done, batch.memory["critic"])

    log_ratio = log_prob - batch.log_prob
    ratio = jnp.exp(log_ratio)
    advantage = losses.standardise(batch.advantage) if config.normalise_advantages else batch.advantage
    policy_loss = losses.clipped_surrogate(ratio, advantage, config.clip)
    value_loss = losses.clipped_value_loss(value[..., 0], batch.value, batch.returns, config.value_clip)
    total = policy_loss + config.value_coef * value_loss - config.entropy_coef * entropy.mean()
    return total, {
        "loss": total,
        "policy_loss": policy_loss,
        "value_loss": value_loss,
        "entropy": entropy.mean(),
        "approx_kl": (ratio - 1 - log_ratio).mean(),
        "clip_fraction": (jnp.abs(ratio - 1) > config.clip).mean(),
        "ratio_error": jnp.abs(ratio - 1).max(),
    }


def improve(
    parts: Parts, rate: Array, params: Params, optimiser: optax.OptState, batch: Batch, orders: Array
) -> tuple[Params, optax.OptState, dict[str, Array]]:
    """One gradient step per minibatch, for `orders` [epochs, M, B] of the worlds. Metrics are [] each: means over the
    steps, `ratio_error_first` the largest |ratio - 1| before the first one, `non_finite` a count."""

    def descend(carry: tuple[Params, optax.OptState], worlds: Array):
        params, optimiser = carry
        gradient, metrics = jax.grad(loss, has_aux=True)(params, parts, part(batch, worlds))
        direction, optimiser = parts.optimiser.update(gradient, optimiser)
        params = jax.tree.map(lambda weight, change: weight - rate * change, params, direction)
        return (params, optimiser), metrics | {"grad_norm": optax.tree.norm(gradient)}

    steps = orders.reshape(-1, orders.shape[-1])
    (params, optimiser), metrics = jax.lax.scan(descend, (params, optimiser), steps)
    first = metrics.pop("ratio_error")[0]
    bad = sum(jnp.sum(~jnp.isfinite(leaf)) for leaf in [metrics["loss"], *jax.tree.leaves(params)])
    means = {name: values.mean() for name, values in metrics.items()}
    return params, optimiser, means | {"ratio_error_first": first, "non_finite": jnp.asarray(bad, jnp.int32)}
