import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gambol.envs.track import command as commands
from gambol.envs.track.command import Command
from gambol.envs.track.config import CommandConfig

CONFIG = CommandConfig()


def test_commands_are_walks_or_stands():
    velocity = np.asarray(commands.draw(CONFIG, jax.random.key(0), 20_000).drawn)
    moving = (velocity != 0).any(-1)
    fast = (np.abs(velocity) > [CONFIG.least_forward, CONFIG.least_yaw]).any(-1)
    assert (moving == fast).all()
    assert (np.abs(velocity).max(0) <= (0.8, 1.0)).all()
    # Too slow in both is 1/4 * 1/2 of the draws; a tenth of the rest stands besides.
    np.testing.assert_allclose(moving.mean(), 0.875 * 0.9, atol=0.01)
    np.testing.assert_allclose(velocity[moving].mean(0), 0, atol=0.02)
    assert abs(np.corrcoef(velocity[moving].T)[0, 1]) < 0.02


def test_a_command_lasts_its_period():
    told = jnp.array([[0.5, 0.0], [0.5, 0.0]])
    now = Command(told, told, jnp.array([0.02, 0.04]))
    later = commands.advance(CONFIG, now, jax.random.key(1), 0.02)
    np.testing.assert_allclose(later.left, [CONFIG.period, 0.02], atol=1e-6)
    np.testing.assert_array_equal(later.velocity[1], now.velocity[1])
    assert (later.drawn[0] != now.drawn[0]).any() and (later.velocity[0] != now.velocity[0]).any()


@pytest.mark.parametrize("rates", [(2.0, 4.0), (0.5, 1.0), (0.0, 4.0)])
def test_it_moves_to_its_draw_no_faster_than_it_may(rates):
    config = CommandConfig(acceleration=rates[0], yaw_acceleration=rates[1], period=9.0)
    now = commands.draw(config, jax.random.key(2), 64)
    np.testing.assert_array_equal(now.velocity, np.where(rates, 0, now.drawn))
    for step in range(1, 91):
        now = commands.advance(config, now, jax.random.key(3), 0.02)
        reached = np.array([rate * 0.02 * step if rate else np.inf for rate in rates])
        np.testing.assert_allclose(now.velocity, np.clip(now.drawn, -reached, reached), atol=1e-5)
    np.testing.assert_array_equal(np.where(reached > 1, now.velocity, 0), np.where(reached > 1, now.drawn, 0))
