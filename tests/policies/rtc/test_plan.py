"""Every way to make the next chunk, on a network of which all is known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gambol.policies.rtc.plan import nearest, plan
from gambol.policies.rtc.weights import guidance_weight, soft_mask

HORIZON, DELAY, EVERY = 8, 2, 3
MATRIX = np.eye(HORIZON) * 0.3 + np.eye(HORIZON, k=1) * 0.7
"""The end that the network foresees is this times the chunk: not symmetric, so that its transpose is another."""
KEY = jax.random.key(0)
BEFORE = jax.random.normal(jax.random.key(1), (2, HORIZON, 1))
LED = jnp.array([True, False])
"""The first row has a chunk before."""


def velocity(chunk, time, settled=None):
    """Towards the end it foresees; settled actions move it by one."""
    told = 0.0 if settled is None else settled.sum(axis=1)[:, None, None]
    return (MATRIX @ chunk - chunk) / (1 - time[..., None]) + told


def planned(method, steps=1, delay=DELAY, every=EVERY, **more):
    return np.asarray(plan(method, velocity, steps, KEY, BEFORE, LED, delay, every, **more))


NOISE = np.asarray(jax.random.normal(KEY, BEFORE.shape))
NAIVE = MATRIX @ NOISE
"""In one step of the flow."""


@pytest.mark.parametrize("method", ["naive", "ensemble"])
def test_chunks_that_begin_anew(method):
    np.testing.assert_allclose(planned(method), NAIVE, atol=1e-5)


@pytest.mark.parametrize(
    ("method", "schedule", "transposed"),
    [("guided", "exponential", True), ("identity", "exponential", False), ("hard", "zeros", True)],
)
def test_chunks_that_are_led(method, schedule, transposed):
    weights = np.asarray(soft_mask(HORIZON, DELAY, EVERY, schedule))[:, None]
    pull = MATRIX.T if transposed else np.eye(HORIZON)
    push = float(guidance_weight(0.0, 5.0)) * pull @ (weights * (np.asarray(BEFORE[0]) - NAIVE[0]))
    found = planned(method)
    np.testing.assert_allclose(found[0], NAIVE[0] + push, atol=1e-4)
    np.testing.assert_allclose(found[1], NAIVE[1], atol=1e-5)


def test_settled_chunks_begin_with_what_is_being_executed():
    found = planned("settled")
    np.testing.assert_array_equal(found[0, :DELAY], BEFORE[0, :DELAY])
    start = np.concatenate([BEFORE[0, :DELAY], NOISE[0, DELAY:]])
    np.testing.assert_allclose(found[0, DELAY:], (MATRIX @ start + DELAY)[DELAY:], atol=1e-5)
    np.testing.assert_allclose(found[1], NAIVE[1], atol=1e-5)


def test_bidirectional_chunks_are_near_to_the_one_before():
    found, off = planned("bidirectional"), np.asarray(BEFORE - NAIVE)
    near = np.abs(found - BEFORE)[0, 0, 0]
    assert near < 0.25 < np.abs(off[0, 0, 0])
    first = np.asarray(jax.random.normal(jax.random.split(KEY, 16)[0], BEFORE.shape))
    np.testing.assert_allclose(found[1], MATRIX @ first[1], atol=1e-5)  # nothing to be near to: any


def test_the_nearest_is_so_over_what_it_reaches():
    tried = jnp.stack([BEFORE + 1.0, BEFORE.at[:, 3:].add(9.0), BEFORE.at[:, 0].add(0.1)])
    np.testing.assert_array_equal(nearest(tried, BEFORE, 3), tried[1])
    np.testing.assert_array_equal(nearest(tried, BEFORE, HORIZON), tried[2])


@pytest.mark.parametrize("method", ["guided", "settled"])
def test_rows_may_be_late_by_different_steps(method):
    late, every = jnp.array([[1], [4]]), jnp.array([[2], [4]])
    both = plan(method, velocity, 3, KEY, BEFORE, jnp.array([True, True]), late, every)
    for row, (delay, length) in enumerate([(1, 2), (4, 4)]):
        one = plan(method, velocity, 3, KEY, BEFORE, jnp.array([True, True]), delay, length)
        np.testing.assert_allclose(both[row], one[row], atol=1e-5)


def test_without_noise_the_same_comes_out_again():
    zero = planned("naive", temperature=0.0)
    np.testing.assert_array_equal(zero, np.zeros_like(zero))
