from dataclasses import replace

import jax.numpy as jnp
import numpy as np
from gambol.envs.track import gait
from gambol.envs.track.config import GaitConfig

CONFIG = GaitConfig()
MOVING = jnp.array([True])


def test_the_clock_runs_at_its_frequency_and_only_while_moving():
    phase = jnp.array([0.25, 0.25])
    for _ in range(25):
        phase = gait.advance(CONFIG, phase, jnp.array([True, False]), jnp.array([1.0, 0.1]), 0.02)
    np.testing.assert_allclose(phase, [(0.25 + 0.5 * CONFIG.frequency) % 1, 0], atol=1e-5)


def test_a_robot_that_is_pushed_takes_steps_until_it_rests():
    """Pushed at 1.2 m/s while standing, slower by 0.8 m/s^2."""
    phase, still, phases = jnp.zeros(1), jnp.array([False]), []
    for i in range(150):
        speed = jnp.array([max(0.0, 1.2 - 0.8 * 0.02 * i)])
        phase = gait.advance(CONFIG, phase, still, speed, 0.02)
        phases.append(float(phase[0]))
    runs = np.array(phases) > 0
    rest = round((1.2 - CONFIG.rest_below) / 0.8 / 0.02)  # from then on it is slow enough
    assert runs[:rest].mean() > 0.95 and not runs[rest + 26 :].any()  # a cycle is 25 steps
    assert not gait.advance(CONFIG, jnp.zeros(1), still, jnp.array([0.39]), 0.02).any()
    never = replace(CONFIG, step_above=0.0)
    assert not gait.advance(never, jnp.array([0.3]), still, jnp.array([2.0]), 0.02).any()


def test_who_is_told_to_stand_ends_the_cycle_first():
    phase, still = jnp.array([0.5]), jnp.array([False])
    assert gait.stepping(phase, still).all() and not gait.stepping(jnp.zeros(1), still).any()
    for _ in range(12):
        phase = gait.advance(CONFIG, phase, still, jnp.array([0.1]), 0.02)
    assert phase[0] > 0.9
    assert gait.advance(CONFIG, phase, still, jnp.array([0.1]), 0.02) == 0


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
