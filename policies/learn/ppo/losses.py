"""The arithmetic of PPO (Schulman et al. 2017) and of generalised advantages (Schulman et al. 2016): pure functions."""

import jax
import jax.numpy as jnp
from jax import Array


def gae(
    reward: Array,
    value: Array,
    next_value: Array,
    terminated: Array,
    done: Array,
    *,
    gamma: float,
    gae_lambda: float,
) -> tuple[Array, Array]:
    """Generalised advantages and the returns that values should predict. All arrays are [T, W].

    `next_value` is the value of each step's true successor, before any reset: a time-out (done, not terminated) still
    counts what would have come, and only the sum over later steps is cut at `done`. After a termination `next_value` is
    not looked at, so it need not be finite.
    """
    surprise = reward + gamma * jnp.where(terminated, 0.0, next_value) - value

    def back(later: Array, step: tuple[Array, Array]) -> tuple[Array, Array]:
        here, ended = step
        advantage = here + gamma * gae_lambda * jnp.where(ended, 0.0, later)
        return advantage, advantage

    _, advantage = jax.lax.scan(back, jnp.zeros_like(reward[0]), (surprise, done), reverse=True)
    return advantage, advantage + value


def standardise(advantage: Array) -> Array:
    """Shifted and scaled to mean 0 and deviation 1 over all entries."""
    return (advantage - advantage.mean()) / (advantage.std() + 1e-8)


def clipped_surrogate(ratio: Array, advantage: Array, clip: float) -> Array:
    """Policy loss, []. `ratio` is new over old probability of the P terms of the actions; it and `advantage` are
    [T, B, P]. The terms are summed: with one advantage for all, its slope at ratio 1 is that of the whole action."""
    return -jnp.minimum(ratio * advantage, jnp.clip(ratio, 1 - clip, 1 + clip) * advantage).sum(axis=-1).mean()


def clipped_value_loss(value: Array, old_value: Array, returns: Array, clip: float) -> Array:
    """Half the mean squared error, []; with `clip` > 0, moving a value further than that from `old_value` never helps.

    Arrays are [T, B, C]; the channels are summed.
    """
    error = (value - returns) ** 2
    if clip > 0:
        limited = old_value + jnp.clip(value - old_value, -clip, clip)
        error = jnp.maximum(error, (limited - returns) ** 2)
    return 0.5 * error.sum(axis=-1).mean()


def asymmetry(action: Array, image: Array) -> Array:
    """Mean squared distance, [], between mirrored actions and the actions in the mirrored world, both [T, B, A]."""
    return jnp.sum((action - image) ** 2, axis=-1).mean()


def explained_variance(value: Array, returns: Array) -> Array:
    """Share of the variance of the returns that the values predict, []: 1 is perfect, 0 no better than a constant."""
    return 1 - jnp.var(returns - value) / (jnp.var(returns) + 1e-8)
