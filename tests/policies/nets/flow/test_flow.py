"""Times, losses and integration, against distributions and flows that are known exactly."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gambol.policies.nets.flow import loss, sampling
from gambol.policies.nets.flow import time as times
from scipy import stats

DRAWS = 20_000


def test_times_are_drawn_as_published():
    drawn = np.asarray(times.draw(jax.random.key(0), (DRAWS,)))
    assert stats.kstest(1 - drawn / 0.999, stats.beta(1.5, 1).cdf).pvalue > 0.01
    assert drawn.min() >= 0 and drawn.max() < 0.999 and drawn.mean() == pytest.approx(0.999 * 0.4, abs=0.01)


def test_the_embedding_has_the_published_periods():
    found = np.asarray(times.embedding(jnp.array([0.0, 4e-3, 1.0]), 64))
    np.testing.assert_allclose(found[0], np.repeat([0.0, 1.0], 32), atol=1e-6)
    np.testing.assert_allclose(found[1, [0, 32]], [0, 1], atol=1e-4)  # one whole turn of the shortest
    np.testing.assert_allclose(found[2, [31, 63]], [1, 0], atol=1e-4)  # a quarter of the longest


MEAN, DEVIATION = jnp.array([0.7, -1.2]), jnp.array([0.5, 1.5])


def of_gaussian(chunk, time, settled=None):
    """The velocity of the flow to independent normal actions: E[actions - noise | chunk], in closed form."""
    t = time[..., None]
    variance = (t * DEVIATION) ** 2 + (1 - t) ** 2
    return MEAN + (t * DEVIATION**2 - (1 - t)) / variance * (chunk - t * MEAN)


def test_a_known_gaussian_is_recovered_exactly():
    noise = jax.random.normal(jax.random.key(0), (DRAWS, 1, 2))
    field = sampling.at_one_time(of_gaussian)
    found = np.asarray(sampling.euler(field, noise, 400))
    np.testing.assert_allclose(found, MEAN + DEVIATION * noise, atol=0.03)  # the flow is the straight map
    errors = [np.abs(sampling.euler(field, noise, n) - (MEAN + DEVIATION * noise)).max() for n in (50, 100, 200)]
    np.testing.assert_allclose(np.array(errors[:-1]) / errors[1:], 2, rtol=0.15)  # Euler's is of first order


def test_that_velocity_is_what_the_loss_asks_for():
    """No other has less loss: moved a little either way it is worse, and its own is the noise that cannot be known."""
    actions = MEAN + DEVIATION * jax.random.normal(jax.random.key(1), (DRAWS, 4, 2))
    asked = loss.task(jax.random.key(2), actions, jnp.ones(actions.shape, bool))
    best = loss.flow_loss(of_gaussian, asked)
    for nudge in (lambda *asked: of_gaussian(*asked) + 0.05, lambda *asked: 1.03 * of_gaussian(*asked)):
        assert loss.flow_loss(nudge, asked) > best + 5e-4


def test_a_task_lies_between_noise_and_actions():
    actions = jax.random.normal(jax.random.key(0), (6, 5, 2))
    asked = loss.task(jax.random.key(1), actions, jnp.ones(actions.shape, bool))
    np.testing.assert_allclose(asked.chunk + (1 - asked.time[..., None]) * asked.target, actions, atol=1e-5)
    assert asked.time.shape == (6, 1) and asked.counts.all() and asked.settled is None


def test_settled_actions_are_clean_and_do_not_count():
    actions = jax.random.normal(jax.random.key(0), (3, 5, 2))
    asked = loss.task(jax.random.key(1), actions, jnp.ones(actions.shape, bool), jnp.array([0, 2, 5]))
    for row, count in enumerate((0, 2, 5)):
        np.testing.assert_allclose(asked.chunk[row, :count], actions[row, :count], atol=1e-6)
        assert asked.settled[row, :count].all() and not asked.settled[row, count:].any()
        assert not asked.counts[row, :count].any() and asked.counts[row, count:].all()


def test_what_only_fills_up_is_left_out_of_the_loss():
    actions = jax.random.normal(jax.random.key(0), (3, 5, 2))
    counts = jnp.ones(actions.shape, bool).at[:, 3:].set(False).at[..., 1].set(False)
    wrong = loss.task(jax.random.key(1), actions, counts)

    def right(chunk, time, settled):
        return jnp.where(counts, wrong.target, jnp.nan)

    assert loss.flow_loss(right, wrong) == 0
    off = loss.flow_loss(lambda *asked: right(*asked).at[0, 0, 0].add(3.0), wrong)
    assert off == pytest.approx(9 / 9)  # one of three steps in three rows
    assert loss.flow_loss(right, wrong._replace(counts=jnp.zeros_like(counts))) == 0
