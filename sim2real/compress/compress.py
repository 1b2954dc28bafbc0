"""A smaller graph, and what it costs: bytes, time, how far its actions are off, and how it plays."""

import time
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from ...envs.contract import Env
from ...envs.planar.env import PlanarEnv
from ...envs.track.env import TrackEnv
from ...policies.judge import rollout, track
from ...policies.judge.statistics import Interval, bootstrap
from ...policies.policy import Policy
from ..contract import Graph
from ..extras import need
from ..sessions import open_session
from . import blocks, passes

Method = Literal["int8", "w8", "w4", "w2"]
STATES = 1000
"""On which actions are compared."""
RUNS = 500
"""Of the graph, for its latency."""
Arrays = dict[str, NDArray]


@dataclass(frozen=True)
class Compression:
    """What is done to a graph. Raises ValueError, in one line, for what cannot be."""

    quantize: Method | None = None
    """int8: weights and, on the fly, inputs in 8 bits. w8, w4, w2: weights in blocks of so few bits. None: as they are.
    """
    prune: int = 0
    """Hidden layers that are left out."""
    heal: int = 200
    """Updates in which what is left of the layers learns from the whole policy."""
    hqq: bool = False
    """Blocks by half-quadratic quantisation; by default by search for the least squared error."""
    block: int = 32
    """Weights in a block."""
    smooth: float | None = None
    """SmoothQuant's alpha: how much of the outliers of inputs goes into the weights before."""
    episodes: int = 256
    """Episodes, or attempts per level, of each of the two graphs."""
    margin: float = 0.02
    """Largest drop of the score, between 0 and 1, with which a bundle is written."""
    force: bool = False
    """Write it whatever the drop is."""

    def __str__(self) -> str:
        pruned = f"prune {self.prune}" if self.prune else ""
        return ", ".join(filter(None, [pruned, f"quantize {self.quantize}" if self.quantize else ""]))

    def __post_init__(self):
        if self.quantize not in (None, *get_args(Method)):
            raise ValueError(f"quantize is {self.quantize!r}: use {', '.join(get_args(Method))}")
        if self.prune < 0 or self.heal < 0:
            raise ValueError("prune and heal must be 0 or more")
        if self.quantize is None and (self.hqq or self.smooth is not None):
            raise ValueError("hqq and smooth go with quantize: say --quantize w4, say")
        if not (self.quantize or self.prune):
            raise ValueError("nothing is made smaller: say --quantize w4 or --prune 1, say")
        if self.hqq and self.quantize == "int8":
            raise ValueError("hqq goes with w8, w4 and w2, not with int8")
        if self.block < 16 or self.block & (self.block - 1):
            raise ValueError(f"block is {self.block}: it must be a power of two, 16 or more")
        if self.smooth is not None and not 0 <= self.smooth <= 1:
            raise ValueError(f"smooth is {self.smooth}: it must be 0 to 1")
        if not self.margin >= 0 or self.episodes < 2:
            raise ValueError("margin must be 0 or more and episodes at least 2")


class Cost(NamedTuple):
    """Of one graph."""

    bytes: int
    p50_ms: float
    p99_ms: float
    score: Interval
    """How it plays, 0 to 1: solve rate of levels, or `track.scores`."""


class Compared(NamedTuple):
    """Both graphs. The second is the smaller one."""

    before: Cost
    after: Cost
    action_error: float
    """Relative, on `STATES` states: norm of the difference to norm of the actions."""
    drop: Interval
    """Of the score, from the same episodes of both."""


def compress(content: bytes, how: Compression, states: Arrays) -> bytes:
    """The smaller graph. `states` [N, ...] by input, for what is learned of its activations.

    Raises ValueError for a graph without linear layers, or where one would be left as it is.
    """
    if how.quantize is None:
        return content
    model = need("onnx").load_from_string(content)
    if how.smooth is not None:
        model = passes.smoothed(model, reached(model, states), how.smooth)
    if how.quantize == "int8":
        return passes.in_int8(model).SerializeToString()
    code = blocks.hqq if how.hqq else blocks.search
    return passes.in_blocks(model, int(how.quantize[1:]), how.block, code).SerializeToString()


def reached(model: Any, states: Arrays) -> dict[str, NDArray]:
    """[K] the largest absolute value of each input of a linear layer, by its name."""
    told, names = passes.watched(passes.plain(model))
    found = open_session(told.SerializeToString()).run(names, states)
    return {
        name: np.abs(values).reshape(-1, values.shape[-1]).max(0) for name, values in zip(names, found, strict=True)
    }


def compare(
    env: Env,
    before: tuple[bytes, Policy],
    after: tuple[bytes, Policy],
    graph: Graph,
    states: Arrays,
    how: Compression,
) -> Compared:
    """Both graphs on the same states and the same episodes."""
    scores = [played(env, policy, how.episodes) for _, policy in (before, after)]
    costs = []
    for (content, _), score in zip((before, after), scores, strict=True):
        p50, p99 = latency(content, states)
        costs.append(Cost(len(content), p50, p99, interval(score)))
    name = graph.outputs[0].name
    actions = [np.asarray(open_session(content).run([name], states)[0], float) for content, _ in (before, after)]
    error = float(np.linalg.norm(actions[1] - actions[0]) / np.linalg.norm(actions[0]))
    return Compared(costs[0], costs[1], error, interval(scores[0] - scores[1]))


def sensitivity(content: bytes, states: Arrays) -> float:
    """How far outputs move when inputs do in their last digits: where these are rounded in between, by whole steps of
    the rounding. Four times what is found, for what is not."""
    session, draw, worst = open_session(content), np.random.default_rng(0), 0.0
    for i in range(min(200, len(next(iter(states.values()))))):
        one = {name: values[i : i + 1] for name, values in states.items()}
        near = {name: (v + draw.uniform(-1e-5, 1e-5, v.shape)).astype(v.dtype) for name, v in one.items()}
        pairs = zip(session.run(None, one), session.run(None, near), strict=True)
        worst = max(worst, *(float(np.abs(a - b).max()) for a, b in pairs))
    return 4 * worst


def played(env: Env, policy: Policy, episodes: int) -> NDArray:
    """[episodes, 1] scores, or [levels, attempts] what was solved."""
    if isinstance(env, TrackEnv):
        return track.scores(track.evaluate(env, policy, None, episodes=episodes))[:, None]
    assert isinstance(env, PlanarEnv)  # no other policy is exported
    return rollout.evaluate(env, policy, None, attempts=episodes).solved.astype(float)


def interval(table: NDArray) -> Interval:
    """Of the mean: levels are what they are and attempts are drawn anew; episodes, in rows of one, are drawn anew."""
    return bootstrap(table, new_levels=table.shape[1] == 1)


def latency(content: bytes, states: Arrays) -> tuple[float, float]:
    """p50 and p99 of one state on one core, ms."""
    session, taken = open_session(content), []
    one = {name: values[:1] for name, values in states.items()}
    for _ in range(RUNS):
        began = time.perf_counter()
        session.run(None, one)
        taken.append(1e3 * (time.perf_counter() - began))
    p50, p99 = np.quantile(taken[RUNS // 10 :], [0.5, 0.99])
    return float(p50), float(p99)
