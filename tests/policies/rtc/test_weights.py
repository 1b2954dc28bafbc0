"""The published vectors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gambol.policies.rtc.weights import guidance_weight, soft_mask

PUBLISHED = {
    (1, 1): [1, 0.677, 0.433, 0.256, 0.133, 0.055, 0.013, 0],
    (2, 2): [1, 1, 0.571, 0.287, 0.114, 0.026, 0, 0],
    (3, 3): [1, 1, 1, 0.368, 0.077, 0, 0, 0],
    (4, 4): [1, 1, 1, 1, 0, 0, 0, 0],
}


def test_the_soft_mask_is_the_published_one_without_compiling_anew():
    compiled = jax.jit(lambda delay, fresh: soft_mask(8, delay, fresh))
    for (delay, fresh), wanted in PUBLISHED.items():
        np.testing.assert_allclose(compiled(delay, fresh), wanted, atol=1.5e-3)
    assert compiled._cache_size() == 1


@pytest.mark.parametrize(
    ("schedule", "wanted"),
    [("linear", [1, 1, 0.8, 0.6, 0.4, 0.2, 0, 0]), ("ones", [1] * 6 + [0, 0]), ("zeros", [1, 1] + [0] * 6)],
)
def test_other_schedules(schedule, wanted):
    np.testing.assert_allclose(soft_mask(8, 2, 2, schedule), wanted, atol=1e-6)


def test_an_unknown_schedule_is_refused():
    with pytest.raises(ValueError, match="schedule is 'steep': use exponential, linear, ones, zeros"):
        soft_mask(8, 1, 1, "steep")


def test_the_guidance_weight_is_the_published_one():
    np.testing.assert_allclose(guidance_weight(jnp.arange(5) / 5, 5.0), [5, 4.25, 2.167, 2.167, 4.25], atol=1e-3)
    free = guidance_weight(jnp.arange(10) / 10, np.inf)
    wanted = [np.inf, 9.11, 4.25, 2.76, 2.17, 2, 2.17, 2.76, 4.25, 9.11]
    np.testing.assert_allclose(free, wanted, atol=5e-3)
    time = np.linspace(0.1, 0.9, 9)
    ratio = (1 - time) ** 2 / (time**2 + (1 - time) ** 2)
    np.testing.assert_allclose(guidance_weight(time, 100.0), (1 - time) / (time * ratio), rtol=1e-5)
