"""The judged rollout of whole-body tracking: many episodes at once, first episodes only, every step of them counted.

What the env measures in a step is added up per episode and *cell*: whether the robot was told to walk, whether the goal
moved, and how high it was. Means over steps, for all steps or for groups of cells, are made from these sums afterwards;
their intervals resample episodes.
"""

import math
import time
from dataclasses import dataclass
from functools import partial
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ...envs.contract import Env, PyTree, Step
from ...sim.legged.robot import RobotConfig
from ..policy import Policy
from .rollout import MAX_WORLDS, SALT, check
from .statistics import Interval, pooled_bootstrap, wilson

EPISODES = 1024
"""Episodes of a judgement, unless told."""
BANDS = {"low": 0.4, "middle": 0.9, "high": math.inf}
"""Height of the goal over the ground below which it lies in a band, m."""
CELLS = tuple(product(("standing", "walking"), ("moving", "holding"), BANDS))
"""What a step can be: told to stand or walk, goal under way or at rest, height of the goal."""
GROUPS = {
    "/".join(words): words
    for words in (
        *(("standing",), ("standing", "holding"), ("standing", "moving")),
        *(("walking",), ("walking", "holding"), ("walking", "moving")),
        *((band,) for band in BANDS),
    )
}
"""By name, the words that a cell must have to be in the group."""
SIGNALS = ("forward_error", "yaw_error", "ee_error", "ee_angle", "torque", "power", "slip")
"""Metrics of the env that are added up."""
TOLERANCES = {"forward_error": 0.5, "yaw_error": 0.5, "ee_error": 0.1, "ee_angle": 0.5}
"""Mean error of an episode, in the signal's unit, at which it is worth nothing: see `scores`."""
FLAGS = ("fell", "blown_up", "overflow")
"""Metrics of the env of which it counts whether they were ever set."""


@dataclass(frozen=True)
class Measure:
    """A figure of the report: the mean of a signal over steps, or the root of the mean of its square."""

    name: str
    signal: str
    unit: str
    goal: str | None = None
    """Only steps in which the goal did so."""
    root: bool = False
    factor: float = 1.0
    """From the signal's unit to `unit`."""

    def wants(self, words: tuple[str, ...]) -> bool:
        """Whether there can be such steps in a group of these words."""
        return self.goal is None or not {"moving", "holding"} & set(words) or self.goal in words

    def scaled(self, interval: Interval) -> Interval:
        """The interval of the mean (square) in `unit`. A root does not change the order of the bootstrap's draws."""
        ends = (interval.mean, interval.lo, interval.hi)
        return Interval(*(self.factor * (math.sqrt(end) if self.root else end) for end in ends))


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Tally:
    """What is kept of the first episode of each of W worlds. C cells, S signals."""

    alive: Array
    """[W] bool: the first episode still runs."""
    flags: Array
    """[W, F] bool: which of `FLAGS` were ever set."""
    steps: Array
    """[W, C] float32: control steps."""
    sums: Array
    """[W, C, S] float32."""
    squares: Array
    """[W, C, S] float32: sums of the squares."""


@dataclass(frozen=True)
class Tracking:
    """Sums over the steps of E episodes, as in `Tally`."""

    flags: np.ndarray
    steps: np.ndarray
    sums: np.ndarray
    squares: np.ndarray
    length: int
    """Most control steps an episode could take."""
    seed: int
    seconds: float
    """Wall time, compilation included."""

    @property
    def episodes(self) -> int:
        """E."""
        return len(self.steps)

    def share(self, words: tuple[str, ...]) -> float:
        """Share of all steps that lie in the group of these words."""
        return float(self.steps[:, cells(words)].sum() / self.steps.sum())


def scores(tracking: Tracking) -> np.ndarray:
    """[E] one number for each episode, 0 to 1: the share of its steps that the robot was up for, times how near it kept
    to what it was told; that is the mean, over `TOLERANCES`, of 1 - error / tolerance, and not below 0."""
    steps = tracking.steps.sum(1)
    errors = tracking.sums.sum(1) / np.maximum(steps, 1)[:, None]
    near = [1 - errors[:, SIGNALS.index(name)] / most for name, most in TOLERANCES.items()]
    return steps / tracking.length * np.clip(near, 0, 1).mean(0)


def evaluate(
    env: Env,
    policy: Policy,
    params: PyTree,
    *,
    episodes: int = EPISODES,
    seed: int = 0,
    max_worlds: int = MAX_WORLDS,
) -> Tracking:
    """Play `episodes` episodes to their end, in batches of equal size of at most `max_worlds`.

    The env draws a whole batch from one key, so another number of episodes is another sample. Raises ValueError where
    `episodes` or `max_worlds` is not positive and where `seed` is out of range.
    """
    check(seed, episodes=episodes, max_worlds=max_worlds)
    start = time.perf_counter()
    batches = math.ceil(episodes / max_worlds)
    worlds, length = math.ceil(episodes / batches), env.spec.max_steps
    root = jax.random.fold_in(jax.random.key(seed), SALT)
    play = partial(rollout, env, params, policy=policy, worlds=worlds, steps=length)
    parts = [jax.device_get(play(jax.random.fold_in(root, batch))) for batch in range(batches)]
    # Batches that do not divide the episodes play a few too many.
    whole = jax.tree.map(lambda *x: np.concatenate(x)[:episodes].astype(np.float64), *parts)
    return Tracking(
        whole.flags > 0, whole.steps, whole.sums, whole.squares, length, seed, seconds=time.perf_counter() - start
    )


@partial(jax.jit, static_argnames=("policy", "worlds", "steps"))
def rollout(env: Env, params: PyTree, key: Array, *, policy: Policy, worlds: int, steps: int) -> Tally:
    """Play `worlds` episodes for at most `steps` steps and tally the first of each world."""
    starting, acting = jax.random.split(key)
    state, observation = env.reset(starting, worlds)
    shape = (worlds, len(CELLS))
    sums = jnp.zeros((*shape, len(SIGNALS)))
    tally = Tally(jnp.ones(worlds, bool), jnp.zeros((worlds, len(FLAGS)), bool), jnp.zeros(shape), sums, sums)

    def advance(carry, now):
        state, observation, memory, tally = carry
        action, memory = policy.act(params, memory, observation, jax.random.fold_in(acting, now))
        state, step = env.step(state, action)
        return (state, step.observation, memory, count(tally, step)), None

    carry = (state, observation, policy.initial_memory(worlds), tally)
    return jax.lax.scan(advance, carry, jnp.arange(steps))[0][-1]


def count(tally: Tally, step: Step) -> Tally:
    """Add one step to the worlds whose first episode still runs."""
    metrics, alive = step.metrics, tally.alive
    edges = jnp.array(list(BANDS.values())[:-1])
    band = (metrics["goal_height"][:, None] >= edges).sum(-1)
    walking, holding = metrics["moving"] > 0.5, metrics["holding"] > 0.5
    cell = (2 * walking + holding) * len(BANDS) + band
    here = (cell[:, None] == jnp.arange(len(CELLS))) & alive[:, None]
    values = jnp.stack([metrics[name] for name in SIGNALS], -1)[:, None]
    flags = jnp.stack([metrics[name] > 0.5 for name in FLAGS], -1)
    return Tally(
        alive=alive & ~step.done,
        flags=tally.flags | (flags & alive[:, None]),
        steps=tally.steps + here,
        sums=tally.sums + jnp.where(here[..., None], values, 0),
        squares=tally.squares + jnp.where(here[..., None], values**2, 0),
    )


def cells(words: tuple[str, ...]) -> list[int]:
    """Indices of the cells that have all these words."""
    return [i for i, cell in enumerate(CELLS) if set(words) <= set(cell)]


def measures(robot: RobotConfig) -> tuple[Measure, ...]:
    """The figures of a report, for a robot with an arm or without."""
    arm = (
        Measure("ee_pos_hold_cm", "ee_error", "cm", "holding", factor=100),
        Measure("ee_pos_move_cm", "ee_error", "cm", "moving", factor=100),
        Measure("ee_ang_hold_deg", "ee_angle", "deg", "holding", factor=180 / math.pi),
        Measure("ee_ang_move_deg", "ee_angle", "deg", "moving", factor=180 / math.pi),
    )
    return (
        Measure("vx_rmse", "forward_error", "m/s", root=True),
        Measure("yaw_rate_rmse", "yaw_error", "rad/s", root=True),
        *(arm if robot.arm_joints else ()),
        # The env gives the root of the sum over the joints.
        Measure("torque_nm", "torque", "N m", root=True, factor=len(robot.leg_joints) ** -0.5),
        Measure("power_w", "power", "W"),
        Measure("foot_slip_mps", "slip", "m/s"),
    )


def proportions(tracking: Tracking, confidence: float) -> dict[str, Interval]:
    """Shares of the episodes, with Wilson's interval: `survival` (did not fall), `blown_up`, `overflow`."""
    ever = dict(zip(FLAGS, tracking.flags.sum(0).tolist(), strict=True))
    counts = {"survival": tracking.episodes - ever.pop("fell"), **ever}
    return {name: wilson(number, tracking.episodes, confidence) for name, number in counts.items()}


def means(
    tracking: Tracking, measures: tuple[Measure, ...], groups: dict[str, tuple[str, ...]], confidence: float
) -> dict[str, dict[str, tuple[Interval, int]]]:
    """By group and measure the mean over its steps, its interval, and the number of episodes that had such steps."""
    columns = [(group, measure) for group, words in groups.items() for measure in measures if measure.wants(words)]
    sums, steps = [], []
    for group, measure in columns:
        chosen = cells((*groups[group], *([measure.goal] if measure.goal else [])))
        table = tracking.squares if measure.root else tracking.sums
        sums.append(table[:, chosen, SIGNALS.index(measure.signal)].sum(1))
        steps.append(tracking.steps[:, chosen].sum(1))
    intervals = pooled_bootstrap(np.stack(sums, 1), np.stack(steps, 1), confidence)
    found: dict[str, dict[str, tuple[Interval, int]]] = {group: {} for group in groups}
    for (group, measure), interval, of in zip(columns, intervals, steps, strict=True):
        found[group][measure.name] = (measure.scaled(interval), int((of > 0).sum()))
    return found
