"""What the levels of our own are drawn for: they can be solved, and not late or without timing."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gambol.envs.planar.env import PlanarConfig, make_planar
from gambol.sim.planar.scene import CAPACITIES, WALLS

CART, POLE, BALL = WALLS + 1, WALLS + 2, CAPACITIES["l"].polygons


@pytest.fixture(scope="module")
def step():
    """One program for all levels."""
    return jax.jit(lambda env, state, action: env.step(state, action))


def solved(step, level, thrust, late=0):
    """Share of episodes that are solved by the `thrust` [2, W] that a world asks for, so many steps late."""
    env = make_planar(PlanarConfig(size="l", levels=(level,), action="continuous", action_noise=0.1))
    state, _ = env.reset(jax.random.key(0), 8)
    waiting, done, won = [np.zeros((8, 6), np.float32)] * late, np.zeros(8, bool), np.zeros(8, bool)
    for _ in range(env.spec.max_steps):
        action = np.zeros((8, 6), np.float32)
        action[:, 4:] = np.transpose(thrust(state.world))
        waiting.append(action)
        state, after = step(env, state, jnp.asarray(waiting.pop(0)))
        won |= ~done & (np.asarray(after.metrics["solved"]) > 0)
        done |= np.asarray(after.done)
        if done.all():
            break
    return won.mean()


def balanced(world):
    """A cart that goes right under a pole that leans there, by proportions and their rates."""
    x, speed = np.asarray(world.position[0, CART]), np.asarray(world.velocity[0, CART])
    lean = 0.07 * speed - 0.09 * np.clip(3.4 - x, -0.8, 0.8)
    push = 12 * (lean - np.asarray(world.angle[POLE])) - 2.4 * np.asarray(world.angular_velocity[POLE])
    return np.clip([push, -push], 0, 1)


@pytest.mark.parametrize(("late", "share"), [(0, 1.0), (4, 0.0)])
def test_a_pole_is_carried_by_who_acts_in_time(step, late, share):
    assert solved(step, "gambol/cartpole_thrust", balanced, late) == share


def test_a_ball_is_not_carried_by_thrust_alone(step):
    highest = []

    def up(world):
        highest.append(float(world.position[1, BALL].max()))
        return np.stack([np.ones(8), np.zeros(8)])

    assert solved(step, "gambol/trampoline", up) == 0
    assert highest[0] == 2.0 == max(highest[:20])  # it falls, only slower
