"""The judge of tracking on scripted worlds, whose sums are known, and once on the real task."""

from dataclasses import dataclass, field, replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gambol.envs.contract import EnvSpec, Observation, Step
from gambol.envs.track.config import CommandConfig, TrackConfig
from gambol.envs.track.env import make_track
from gambol.policies.judge import track
from gambol.policies.judge.baselines import noop_policy
from gambol.policies.judge.rollout import MAX_WORLDS, SALT
from gambol.policies.judge.statistics import Interval, wilson
from gambol.policies.judge.suite import judged
from gambol.policies.policy import Policy
from gambol.sim.legged.robot import RobotConfig
from gymnasium.spaces import Box

STEPS, WORLDS = 40, 6
BOX = Box(-9, 9, (1,))


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Scripted:
    """Every step says what stands in a table; `power` is the action."""

    table: dict[str, jax.Array]
    """[T, W] each."""
    ends: jax.Array
    """[T, W] bool."""
    steps: int = field(default=STEPS, metadata={"static": True})

    @property
    def spec(self) -> EnvSpec:
        return EnvSpec("scripted", BOX, BOX, {}, (), 0.02, self.steps, metrics=tuple(self.table))

    def reset(self, key, worlds):
        return jnp.int32(0), Observation(jnp.zeros((worlds, 1)))

    def step(self, now, action):
        worlds = action.shape[0]
        metrics = {name: rows[now, :worlds] for name, rows in self.table.items()} | {"power": action[:, 0]}
        ended, late = self.ends[now, :worlds], jnp.full(worlds, now + 1 >= self.steps)
        seen = Observation(jnp.full((worlds, 1), now + 1.0))
        return now + 1, Step(seen, jnp.zeros(worlds), ended, late & ~ended, seen, metrics)


COUNTING = Policy(lambda worlds: jnp.zeros((worlds, 1)), lambda params, m, seen, key: (params * m + seen.policy, m + 1))
"""Acts `params` times the step's number, by its memory, plus the step's number, by what it sees."""
NOISY = Policy(lambda worlds: None, lambda params, m, seen, key: (jax.random.uniform(key, seen.policy.shape), m))


@pytest.fixture(scope="module")
def scripted():
    rng, shape = np.random.default_rng(0), (STEPS, WORLDS)
    table = {name: rng.uniform(0, 1, shape) for name in track.SIGNALS}
    table |= {name: rng.uniform(0, 1, shape) < 0.4 for name in ("moving", "holding")}
    table |= {"goal_height": rng.uniform(0, 1.4, shape), **{name: np.zeros(shape) for name in track.FLAGS}}
    ends = np.zeros(shape, bool)
    # World 1 falls in step 10 (and, in its second episode, blows up in step 12), world 2 overflows.
    ends[9, 1] = table["fell"][9, 1] = ends[11, 1] = table["fell"][11, 1] = table["blown_up"][11, 1] = 1
    table["overflow"][3, 2] = 1
    as_arrays = {name: jnp.asarray(rows, jnp.float32) for name, rows in table.items()}
    return Scripted(as_arrays, jnp.asarray(ends))


@pytest.fixture(scope="module")
def tracking(scripted):
    return track.evaluate(scripted, COUNTING, 2.0, episodes=WORLDS)


def counted(scripted):
    """[T, W] bool: steps of first episodes."""
    return np.arange(STEPS)[:, None] < np.where(np.arange(WORLDS) == 1, 10, STEPS)


def where(scripted, words):
    """[T, W] bool: steps of first episodes that these words describe, told from the table alone."""
    said = {name: np.asarray(rows) for name, rows in scripted.table.items()}
    height = said["goal_height"]
    kinds = {
        "walking": said["moving"] == 1,
        "standing": said["moving"] == 0,
        "holding": said["holding"] == 1,
        "moving": said["holding"] == 0,
        "low": height < 0.4,
        "middle": (height >= 0.4) & (height < 0.9),
        "high": height >= 0.9,
    }
    return np.all([counted(scripted), *(kinds[word] for word in words)], axis=0)


def test_means_and_roots_are_those_of_the_table_by_group(scripted, tracking):
    kinds = {measure.name: measure for measure in track.measures(RobotConfig())}
    found = track.means(tracking, tuple(kinds.values()), {"all": (), **track.GROUPS}, 0.95)
    checked = 0
    for group, of in found.items():
        for name, (interval, n) in of.items():
            measure = kinds[name]
            words = {*track.GROUPS.get(group, ()), *filter(None, [measure.goal])}
            steps = where(scripted, words)
            values = np.asarray(scripted.table[measure.signal], float)
            if measure.signal == "power":
                values = np.tile(3.0 * np.arange(STEPS)[:, None], WORLDS)
            mean = np.sqrt((values[steps] ** 2).mean()) if measure.root else values[steps].mean()
            assert interval.mean == pytest.approx(mean * measure.factor, rel=1e-5), (group, name)
            assert interval.lo < interval.mean < interval.hi and n == steps.any(0).sum()
            checked += 1
    # Nine measures: seven in the groups that speak of the goal's motion, for two of hold and two of move do not.
    assert checked == 9 * 6 + 7 * 4
    assert kinds["ee_ang_hold_deg"].factor == pytest.approx(57.2958) and kinds["torque_nm"].factor == 12**-0.5


def test_what_a_second_episode_does_is_not_counted(tracking):
    assert tracking.steps.sum(1).tolist() == [40, 10, 40, 40, 40, 40]
    assert tracking.flags.sum(0).tolist() == [1, 0, 1]
    shares = track.proportions(tracking, 0.95)
    assert shares == {"survival": wilson(5, 6), "blown_up": wilson(0, 6), "overflow": wilson(1, 6)}


def test_shares_of_steps_add_up(scripted, tracking):
    assert sum(tracking.share((band,)) for band in track.BANDS) == pytest.approx(1)
    walking = where(scripted, {"walking"}).sum() / counted(scripted).sum()
    assert tracking.share(("walking",)) == pytest.approx(walking)


def test_several_batches_are_of_equal_size_and_draw_differently(scripted):
    three = track.evaluate(scripted, NOISY, None, episodes=5, max_worlds=2)
    power = three.sums[..., track.SIGNALS.index("power")].sum(1)
    assert three.steps.sum(1).tolist() == [40, 10, 40, 10, 40]
    assert len(set(power[[0, 2, 4]])) == 3
    again = track.evaluate(scripted, NOISY, None, episodes=5, max_worlds=2)
    np.testing.assert_array_equal(three.sums, again.sums)
    other = track.evaluate(scripted, NOISY, None, episodes=5, max_worlds=2, seed=1)
    assert not np.isin(other.sums[..., 5].sum(1), power).any()


def test_a_group_without_steps_is_nothing(scripted):
    table = scripted.table | {"goal_height": jnp.ones((STEPS, WORLDS)), "moving": jnp.ones((STEPS, WORLDS))}
    found = track.means(
        track.evaluate(replace(scripted, table=table), COUNTING, 0.0, episodes=3),
        track.measures(RobotConfig()),
        track.GROUPS,
        0.95,
    )
    interval, n = found["low"]["vx_rmse"]
    assert n == 0 and np.isnan([interval.mean, interval.lo, interval.hi]).all()
    assert found["high"]["vx_rmse"] == found["walking"]["vx_rmse"]


def test_cells_are_counted_once_each():
    assert sorted(track.cells(("standing",)) + track.cells(("walking",))) == list(range(len(track.CELLS)))
    assert track.cells(("walking", "holding", "high")) == [track.CELLS.index(("walking", "holding", "high"))]


def test_a_robot_without_an_arm_has_no_figures_of_one():
    legs = RobotConfig(arm_joints=(), gripper_joints=(), default_pose=RobotConfig().default_pose[:12])
    names = [measure.name for measure in track.measures(legs)]
    assert names == ["vx_rmse", "yaw_rate_rmse", "torque_nm", "power_w", "foot_slip_mps"]


def test_a_root_is_taken_of_the_ends_too():
    measure = track.Measure("x", "torque", "N m", root=True, factor=0.5)
    assert measure.scaled(Interval(16.0, 4.0, 25.0)) == Interval(2.0, 1.0, 2.5)


@pytest.mark.parametrize(("wrong", "said"), [({"episodes": 0}, "episodes is 0"), ({"seed": -1}, "seed is -1")])
def test_counts_and_seeds_out_of_range_are_refused(scripted, wrong, said):
    with pytest.raises(ValueError, match=said):
        track.evaluate(scripted, COUNTING, 2.0, **wrong)
    assert track.EPISODES <= MAX_WORLDS  # one batch, unless told


def test_the_real_task_says_all_that_is_counted():
    """Robots that stand still for a fifth of a second do not fall, and miss what they are told by all of it."""
    at_once = CommandConfig(acceleration=0.0, yaw_acceleration=0.0)
    calm = judged(TrackConfig(), "track/calm")
    env = make_track(replace(calm, command=at_once, episode_seconds=0.2, engine="batch"))
    found = track.evaluate(env, noop_policy(env.spec), None, episodes=8)
    assert found.length == 10 and (found.steps.sum(1) == 10).all() and not found.flags.any()
    assert np.isfinite(found.sums).all() and (found.sums.sum(1) > 0).all()
    starting, _ = jax.random.split(jax.random.fold_in(jax.random.fold_in(jax.random.key(0), SALT), 0))
    told = jax.jit(env.reset, static_argnums=1)(starting, 8)[0].episode.command
    missed = found.sums.sum(1) / 10
    for signal, asked in zip(("forward_error", "yaw_error"), np.abs(told.velocity).T, strict=True):
        np.testing.assert_allclose(missed[:, track.SIGNALS.index(signal)], asked, atol=0.1)
    np.testing.assert_array_equal(found.steps[:, track.cells(("walking",))].sum(1), np.where(told.moving, 10, 0))
    # The first pose of the goal is in the middle band, and every goal sets out from there.
    assert found.share(("middle",)) > 0.5


def test_a_score_is_the_share_of_time_up_times_how_near_it_kept():
    """Three episodes: a perfect one, one that fell half way, one with half of every tolerance as its error."""
    cells, signals = len(track.CELLS), len(track.SIGNALS)
    steps, sums = np.zeros((3, cells)), np.zeros((3, cells, signals))
    steps[:, 0], steps[:, 3] = (60, 50, 60), (40, 0, 40)
    for name, most in track.TOLERANCES.items():
        sums[2, 3, track.SIGNALS.index(name)] = 100 * most / 2
    played = track.Tracking(np.zeros((3, 3), bool), steps, sums, sums**2, 100, 0, 1.0)
    np.testing.assert_allclose(track.scores(played), [1.0, 0.5, 0.5])
    sums[2] *= 10  # no further below nothing
    np.testing.assert_allclose(track.scores(played), [1.0, 0.5, 0.0])
