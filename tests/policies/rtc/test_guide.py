"""Guidance against a model whose posterior is known, settled actions, and chunks that are handed over."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gambol.policies.nets.flow import sampling
from gambol.policies.rtc.guide import first, guided, settled
from gambol.policies.rtc.weights import guidance_weight, soft_mask

HORIZON = 4
COVARIANCE = 0.8 ** np.abs(np.subtract.outer(np.arange(HORIZON), np.arange(HORIZON)))
"""Of actions that are normal with mean 0, and hang together."""


def gain(time):
    """[H, H] of E[actions | chunk] = gain chunk, where chunk = time actions + (1 - time) noise."""
    return time * COVARIANCE @ np.linalg.inv(time**2 * COVARIANCE + (1 - time) ** 2 * np.eye(HORIZON))


def velocity(chunk, time):
    """Of that model; all tokens are at the same time."""
    t = time[:, :1, None]
    matrix = t * COVARIANCE @ jnp.linalg.inv(t**2 * COVARIANCE + (1 - t) ** 2 * jnp.eye(HORIZON))
    return (matrix @ chunk - chunk) / (1 - t)


@pytest.mark.parametrize("jacobian", ["vjp", "identity"])
@pytest.mark.parametrize("time", [0.0, 0.3, 0.8])
def test_a_guided_step_is_the_closed_form(jacobian, time):
    chunk, before = jax.random.normal(jax.random.key(0), (2, 1, HORIZON, 2))
    weights = soft_mask(HORIZON, 1, 1)
    found = guided(velocity, before, weights, 5.0, jacobian)(chunk, jnp.float32(time))[0]
    end = gain(time) @ np.asarray(chunk[0])
    pull = gain(time).T if jacobian == "vjp" else np.eye(HORIZON)
    push = pull @ (np.asarray(weights)[:, None] * (np.asarray(before[0]) - end))
    wanted = (end - np.asarray(chunk[0])) / (1 - time) + float(guidance_weight(time, 5.0)) * push
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_guidance_brings_the_overlap_to_the_chunk_before_and_the_rest_with_it():
    key = jax.random.key(1)
    noise, before = jax.random.normal(key, (256, HORIZON, 1)), jnp.full((256, HORIZON, 1), 1.5)
    free = sampling.euler(sampling.at_one_time(velocity), noise, 20)
    led = sampling.euler(guided(velocity, before, soft_mask(HORIZON, 2, 1)), noise, 20)
    assert np.abs(led[:, 0] - 1.5).mean() < 0.3 * np.abs(free[:, 0] - 1.5).mean()
    assert led[:, -1].mean() > 0.5 > free[:, -1].mean() + 0.3  # nothing pulls at the last but what hangs together


def test_without_weights_nothing_is_led():
    noise, before = jax.random.normal(jax.random.key(1), (2, 3, HORIZON, 1))
    free = sampling.euler(sampling.at_one_time(velocity), noise, 5)
    led = sampling.euler(guided(velocity, before, jnp.zeros(HORIZON)), noise, 5)
    np.testing.assert_allclose(led, free, atol=1e-6)


def test_settled_actions_stay_and_are_told_to_the_network():
    told = []

    def network(chunk, time, settled):
        told.append((chunk, time, settled))
        return jnp.ones_like(chunk)

    noise, before = jax.random.normal(jax.random.key(1), (2, 3, HORIZON, 1))
    fixed = first(before, 2)
    field, start = settled(network, fixed), jnp.where(fixed[..., None], before, noise)
    with jax.disable_jit():
        found = sampling.euler(field, start, 4, ~fixed)
    np.testing.assert_allclose(found[:, :2], before[:, :2])
    np.testing.assert_allclose(found[:, 2:], noise[:, 2:] + 1, atol=1e-6)
    assert len(told) == 4
    for step, (chunk, time, fixed) in enumerate(told):
        np.testing.assert_allclose(time, [[step / 4]])
        np.testing.assert_array_equal(fixed, [[True, True, False, False]] * 3)
        np.testing.assert_allclose(chunk[:, :2], before[:, :2])
