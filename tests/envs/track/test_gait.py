import jax.numpy as jnp
import numpy as np
from gambol.envs.track import gait
from gambol.envs.track.config import GaitConfig

CONFIG = GaitConfig()
MOVING = jnp.array([True])


def test_the_clock_runs_at_its_frequency_and_only_while_moving():
    phase = jnp.array([0.25, 0.25])
    for _ in range(25):
        phase = gait.advance(CONFIG, phase, jnp.array([True, False]), 0.02)
    np.testing.assert_allclose(phase, [(0.25 + 0.5 * CONFIG.frequency) % 1, 0], atol=1e-5)


def test_a_trot_moves_diagonal_legs_together_and_no_leg_when_standing():
    phases = jnp.arange(0, 1, 0.01)
    stance, height = gait.feet(CONFIG, phases, jnp.ones_like(phases, bool))
    np.testing.assert_array_equal(stance[:, 0], stance[:, 3])
    np.testing.assert_array_equal(stance[:, 1], stance[:, 2])
    np.testing.assert_array_equal(stance[:, 0], np.roll(stance[:, 1], 50))
    np.testing.assert_allclose(stance.mean(), CONFIG.stance, atol=0.02)
    assert (height[np.asarray(stance)] == 0).all()
    np.testing.assert_allclose(height.max(), CONFIG.clearance, rtol=0.01)
    still, flat = gait.feet(CONFIG, phases, jnp.zeros_like(phases, bool))
    assert still.all() and not flat.any()
    assert not gait.clock(phases, jnp.zeros_like(phases, bool)).any()
    np.testing.assert_allclose((gait.clock(phases, jnp.ones_like(phases, bool)) ** 2).sum(-1), 1, rtol=1e-5)
