import numpy as np
from gambol.policies.judge import track
from gambol.sim2real import score
from gambol.sim2real.faults.stage import GOAL
from gambol.sim2real.robots.imperfect import Imperfections
from gambol.sim2real.score import Script

IDEAL = Imperfections(noise=0.0, latency_ms=0.0, jitter_ms=0.0)


def standing(ticks, scores):
    """One episode in which the robot is told to stand, its goal at rest."""
    still, goal = np.zeros((1, ticks, 2)), np.tile(GOAL, (1, ticks, 1))
    return Script(still, still, goal, goal, scores)


def test_scores_are_those_of_the_judge():
    draw = np.random.default_rng(0)
    errors = draw.uniform(0, 0.08, (3, 100, 4))
    up = np.arange(100) < np.array([[100], [60], [1]])
    steps, sums = np.zeros((3, len(track.CELLS))), np.zeros((3, len(track.CELLS), len(track.SIGNALS)))
    steps[:, 2] = up.sum(1)
    for i, name in enumerate(score.SIGNALS):
        sums[:, 2, track.SIGNALS.index(name)] = (errors[..., i] * up).sum(1)
    judged = track.scores(track.Tracking(np.zeros((3, 3), bool), steps, sums, sums, 100, 0, 1.0))
    np.testing.assert_allclose(score.scores(up, errors), judged)


def test_a_robot_that_stands_as_told_scores_well_and_one_that_lies_does_not(walker):
    stands = score.drive(walker, standing(100, np.ones(1)), IDEAL, 0)
    assert stands.shape == (1,) and stands[0] > 0.8
    silent = score.drive(walker, standing(100, np.ones(1)), Imperfections(loss=0.99), 0)
    assert silent[0] < 0.1
