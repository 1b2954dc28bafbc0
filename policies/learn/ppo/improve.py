"""From a rollout to better weights: advantages, then gradient steps on minibatches of worlds."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jax import Array

from . import losses
from .acting import Parts
from .adaptation import gap, privileged_latent, with_latent
from .batch import Batch, part
from .mixing import by_term, mixed
from .rate import adapted
from .state import Params
from .successors import successor_values


def add_advantage(
    parts: Parts, params: Params, batch: Batch, order: Array, updates: Array
) -> tuple[Batch, Array | None]:
    """Judge the rollout by the weights that made it: log-probabilities, values, advantages, returns.

    `order` [M, B] tells which worlds are judged together, and `updates` [] how many came before. Also returns the
    memory that the critic goes on with [W, recurrent].
    """
    config, rollout = parts.config, batch.rollout
    log_prob, value, after, last = jax.lax.map(lambda worlds: judge(parts, params, part(batch, worlds)), order)
    back = jnp.argsort(order.reshape(-1))

    def in_place(result: Array) -> Array:
        """[M, T, B, ...] -> [T, W, ...]."""
        return jnp.moveaxis(result, 0, 1).reshape(result.shape[1], -1, *result.shape[3:])[:, back]

    log_prob, value, after = jax.tree.map(in_place, (log_prob, value, after))
    last = jax.tree.map(lambda leaf: leaf.reshape(-1, leaf.shape[-1])[back], last)
    critic = nnx.merge(parts.critic, params["critic"])
    next_value = successor_values(critic.step, rollout, value, after, rows=order.shape[1])
    gae = partial(losses.gae, gamma=config.gamma, gae_lambda=config.gae_lambda)
    by_channel = jax.vmap(gae, in_axes=(2, 2, 2, None, None), out_axes=2)
    advantage, returns = by_channel(rollout.rewards, value, next_value, rollout.terminated, rollout.done)
    advantage = mixed(config, parts.mixing, advantage, updates)
    return replace(batch, log_prob=log_prob, value=value, advantage=advantage, returns=returns), last


def judge(parts: Parts, params: Params, batch: Batch) -> tuple[Array, Array, Array | None, Array | None]:
    """Log-probability [T, B, P] and value [T, B, C], and the critic's memory after each step, before any forgetting,
    and after the batch."""
    log_prob = by_term(parts.mixing, parts.distribution.log_probs(outputs(parts, params, batch), batch.rollout.action))
    critic = nnx.merge(parts.critic, params["critic"])
    rollout = batch.rollout
    return log_prob, *critic.unroll(rollout.observation.for_critic, rollout.done, batch.memory["critic"])


def outputs(parts: Parts, params: Params, batch: Batch) -> Array:
    """Parameters of the distributions of the actions, [T, B, outputs + free]."""
    actor, rollout = nnx.merge(parts.actor, params["actor"]), batch.rollout
    seen = rollout.observation.policy
    if parts.adaptation is not None:
        seen = with_latent(seen, privileged_latent(parts.adaptation, params["privileged"], rollout.observation.critic))
    return actor.unroll(seen, rollout.done, batch.memory["actor"])[0]


def shifted(parts: Parts, parameters: Array, key: Array | None) -> Array:
    """Parameters of distributions with their means elsewhere, by at most the `robustness`."""
    most = parts.config.robustness
    if key is None:
        return parameters
    mean = parameters[..., : parts.distribution.outputs]
    shift = jax.random.uniform(key, mean.shape, minval=-most, maxval=most)
    return parameters.at[..., : parts.distribution.outputs].add(shift)


def loss(
    params: Params,
    parts: Parts,
    batch: Batch,
    left: Array | float = 1.0,
    pull: Array | float = 0.0,
    key: Array | None = None,
) -> tuple[Array, dict[str, Array]]:
    """The loss of a minibatch, [], and what it is made of. `left` [] is what is left of the entropy bonus,
    `pull` [] weighs the distance between the latents, and `key` draws the shifts of robustness."""
    distribution, lived = parts.distribution, outputs(parts, params, batch)
    total, metrics = proximal(params, parts, batch, shifted(parts, lived, key), left)
    if batch.image is not None and parts.mirror is not None:
        other = replace(batch, rollout=batch.image)
        seen = outputs(parts, params, other)
        asymmetry = losses.asymmetry(parts.mirror.action(distribution.mode(lived)), distribution.mode(seen))
        if parts.config.symmetry == "augment":
            total = (total + proximal(params, parts, other, shifted(parts, seen, key), left)[0]) / 2
        else:
            total += parts.config.symmetry_weight * asymmetry
        metrics["asymmetry"] = asymmetry
    if parts.adaptation is not None:
        known = batch.rollout.observation.critic
        metrics["latent_gap"] = gap(privileged_latent(parts.adaptation, params["privileged"], known), batch.latent)
        total += pull * metrics["latent_gap"]
    return total, metrics | {"loss": total}


def proximal(
    params: Params, parts: Parts, batch: Batch, outputs: Array, left: Array | float
) -> tuple[Array, dict[str, Array]]:
    """PPO's own loss, [], and what it is made of, given the `outputs` of the actor."""
    config, rollout = parts.config, batch.rollout
    log_prob = by_term(parts.mixing, parts.distribution.log_probs(outputs, rollout.action))
    entropy = parts.distribution.entropy(outputs)
    critic = nnx.merge(parts.critic, params["critic"])
    value, _, _ = critic.unroll(rollout.observation.for_critic, rollout.done, batch.memory["critic"])

    log_ratio = log_prob - batch.log_prob
    ratio = jnp.exp(log_ratio)
    advantage = losses.standardise(batch.advantage) if config.normalise_advantages else batch.advantage
    policy_loss = losses.clipped_surrogate(ratio, advantage, config.clip)
    value_loss = losses.clipped_value_loss(value, batch.value, batch.returns, config.value_clip)
    total = policy_loss + config.value_coef * value_loss - config.entropy_coef * left * entropy.mean()
    return total, {
        "policy_loss": policy_loss,
        "value_loss": value_loss,
        "entropy": entropy.mean(),
        "approx_kl": (ratio - 1 - log_ratio).sum(axis=-1).mean(),
        "clip_fraction": (jnp.abs(ratio - 1) > config.clip).mean(),
        "ratio_error": jnp.abs(ratio - 1).max(),
    }


def improve(
    parts: Parts,
    rate: Array,
    params: Params,
    optimiser: optax.OptState,
    batch: Batch,
    orders: Array,
    left: Array,
    pull: Array | float = 0.0,
    key: Array | None = None,
) -> tuple[Params, optax.OptState, Array, dict[str, Array]]:
    """One gradient step per minibatch, for `orders` [epochs, M, B] of the worlds. Also returns the learning rate of the
    last one. Metrics are [] each: means over the steps, `ratio_error_first` the largest |ratio - 1| before the first
    one (0 but for the shifts of robustness, which `key` draws), `non_finite` a count."""

    def descend(carry: tuple[Params, optax.OptState, Array], step: tuple[Array, Array | None]):
        (params, optimiser, rate), (worlds, key) = carry, step
        gradient, metrics = jax.grad(loss, has_aux=True)(params, parts, part(batch, worlds), left, pull, key)
        rate = adapted(parts.config, rate, metrics["approx_kl"], left) if parts.config.kl_target else rate
        direction, optimiser = parts.optimiser.update(gradient, optimiser)
        params = jax.tree.map(lambda weight, change: weight - rate * change, params, direction)
        return (params, optimiser, rate), metrics | {"grad_norm": optax.tree.norm(gradient)}

    steps = orders.reshape(-1, orders.shape[-1])
    keys = jax.random.split(key, len(steps)) if parts.config.robustness and key is not None else None
    (params, optimiser, rate), metrics = jax.lax.scan(descend, (params, optimiser, rate), (steps, keys))
    first = metrics.pop("ratio_error")[0]
    bad = sum(jnp.sum(~jnp.isfinite(leaf)) for leaf in [metrics["loss"], *jax.tree.leaves(params)])
    means = {name: values.mean() for name, values in metrics.items()}
    return params, optimiser, rate, means | {"ratio_error_first": first, "non_finite": jnp.asarray(bad, jnp.int32)}
