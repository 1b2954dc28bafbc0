import jax
import jax.numpy as jnp
import numpy as np
from gambol.envs.track import command as commands
from gambol.envs.track.command import Command
from gambol.envs.track.config import CommandConfig

CONFIG = CommandConfig()


def test_commands_are_walks_or_stands():
    velocity = np.asarray(commands.draw(CONFIG, jax.random.key(0), 20_000).velocity)
    moving = (velocity != 0).any(-1)
    fast = (np.abs(velocity) > [CONFIG.least_forward, CONFIG.least_yaw]).any(-1)
    assert (moving == fast).all()
    assert (np.abs(velocity).max(0) <= (0.8, 1.0)).all()
    # Too slow in both is 1/4 * 1/2 of the draws; a tenth of the rest stands besides.
    np.testing.assert_allclose(moving.mean(), 0.875 * 0.9, atol=0.01)
    np.testing.assert_allclose(velocity[moving].mean(0), 0, atol=0.02)
    assert abs(np.corrcoef(velocity[moving].T)[0, 1]) < 0.02


def test_a_command_lasts_its_period():
    now = Command(jnp.array([[0.5, 0.0], [0.5, 0.0]]), jnp.array([0.02, 0.04]))
    later = commands.advance(CONFIG, now, jax.random.key(1), 0.02)
    np.testing.assert_allclose(later.left, [CONFIG.period, 0.02], atol=1e-6)
    np.testing.assert_array_equal(later.velocity[1], now.velocity[1])
    assert (later.velocity[0] != now.velocity[0]).any()
