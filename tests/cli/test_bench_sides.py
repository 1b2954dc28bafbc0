import os

import jax.numpy as jnp
import numpy as np
import pytest
from gambol.cli.bench_sides import held_to, in_turn

from benchmarks.timed import ACTIONS, Rollout


class Fake:
    """A side of a thousand env steps/s that remembers what it was asked for."""

    def __init__(self, asked, name):
        self.asked, self.name = asked, name

    def run(self, worlds, steps):
        self.asked.append((self.name, worlds, steps))
        return worlds * steps / 1000

    def fitting_steps(self, worlds):
        return 500 // worlds


def test_sides_take_turns_each_with_steps_that_fit():
    asked = []
    points = {"a": (Fake(asked, "a"), 5), "b": (Fake(asked, "b"), 10)}
    assert in_turn(points, repeats=2, steps=None) == {"a": [1000.0] * 2, "b": [1000.0] * 2}
    assert asked == [("a", 5, 100), ("b", 10, 50)] * 2
    in_turn(points, repeats=1, steps=3)
    assert asked[4:] == [("a", 5, 3), ("b", 10, 3)]


def test_a_process_is_held_to_some_cores_and_let_go():
    free = os.sched_getaffinity(0)
    with pytest.raises(KeyError), held_to(1):
        assert len(os.sched_getaffinity(0)) == 1
        raise KeyError
    assert os.sched_getaffinity(0) == free
    with held_to(None):
        assert os.sched_getaffinity(0) == free


def test_a_rollout_goes_on_and_takes_its_actions_over_again():
    def step(fixed, state, action):
        return (state[0] + fixed, state[1] + action.sum()), action.sum()

    rollout = Rollout(lambda worlds: (jnp.zeros(worlds), 0.0), step, 2.0, worlds=3)
    assert rollout.compile_seconds > 0
    moved = [0.0, float(rollout._state[1])]
    for steps in (ACTIONS, 2 * ACTIONS):
        rollout.run(steps)
        moved.append(float(rollout._state[1]))
    np.testing.assert_array_equal(rollout._state[0], np.full(3, 2.0 * (1 + 3 * ACTIONS)))
    first, once, twice = np.diff(moved)
    assert twice == pytest.approx(2 * once, rel=1e-4) and abs(once) > 1 and once != first
