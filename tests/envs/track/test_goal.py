import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gambol.envs.track import goal as goals
from gambol.envs.track.config import GoalConfig
from gambol.sim.legged import rotation

CONFIG = GoalConfig()
WORLDS, DT = 256, 0.02


@pytest.fixture(scope="module")
def path():
    """Goals of 256 worlds over 20 s, stacked: leaves [T, W, ...]."""

    def one(goal, key):
        goal = goals.advance(CONFIG, goal, key, DT)
        return goal, goal

    keys = jax.random.split(jax.random.key(0), 1000)
    return jax.jit(lambda: jax.lax.scan(one, goals.first(WORLDS), keys)[1])()


def test_goals_stay_in_their_ranges(path):
    ends = np.asarray(path.end[1:]).reshape(-1, 6)
    turn = (-CONFIG.turn, CONFIG.turn)
    for column, (low, high) in enumerate((CONFIG.radius, CONFIG.pitch, CONFIG.yaw, turn, turn, turn)):
        assert low - 1e-5 <= ends[:, column].min() < low + 0.05 * (high - low) or column == 1
        assert high - 0.05 * (high - low) < ends[:, column].max() <= high + 1e-5
    assert CONFIG.travel[0] <= path.travel.min() and path.travel.max() <= CONFIG.travel[1]


def test_goals_move_without_jumps_and_then_hold(path):
    now = jax.vmap(lambda g: g.now())(path)
    place = np.asarray(goals.place(now[..., :3]))
    step = np.linalg.norm(np.diff(place, axis=0), axis=-1)
    # The longest way (radius, pitch and yaw at once) in the shortest time.
    assert step.max() < DT * (0.55 + 0.95 * (0.4 * np.pi + np.pi / 3) + 0.95 * 2.4) / CONFIG.travel[0]
    holding = np.asarray(path.elapsed[:-1] >= path.travel[:-1]) & (np.asarray(path.elapsed[1:]) > DT)
    assert holding.any() and step[holding].max() < 1e-6
    # Most of the time under way: the mean travel is 2 s, the mean hold 1.25 s and the wait for a free path.
    moving = float((path.elapsed < path.travel).mean())
    assert 0.5 < moving < 0.65


def test_no_path_leads_through_the_robot_or_the_ground(path):
    place = np.asarray(goals.place(jax.vmap(lambda g: g.now())(path)[..., :3])).reshape(-1, 3)
    x0, x1, y0, y1, z0, z1 = CONFIG.body
    inside = (place > [x0 + 0.05, y0 + 0.05, z0 + 0.05]) & (place < [x1 - 0.05, y1 - 0.05, z1 - 0.05])
    assert not inside.all(-1).any()
    assert place[:, 2].min() > CONFIG.floor - 0.02
    assert place[:, 2].min() < CONFIG.floor + 0.1, "nothing near the ground is asked for"


def test_a_goal_points_outward_and_looks_up_by_its_lift():
    place, turn = goals.pose(CONFIG, jnp.array([[0.6, 0.3, 0.5, 0.0, 0.0, 0.0]]))
    flat = 0.6 * np.cos(0.3)
    np.testing.assert_allclose(place[0], [flat * np.cos(0.5), flat * np.sin(0.5), 0.6 * np.sin(0.3)], rtol=1e-5)
    ahead = rotation.rotate(turn, jnp.array([[1.0, 0, 0]]))[0]
    # Pitch is positive downward in roll-pitch-yaw: 0.3 up along the radius, less the lift.
    np.testing.assert_allclose(np.arctan2(ahead[1], ahead[0]), 0.5, rtol=1e-5)
    np.testing.assert_allclose(np.arcsin(ahead[2]), 0.3 - CONFIG.lift, rtol=1e-4)
