"""Films of what a policy does: the levels it is best at and those it is worst at, one attempt each, side by side."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ...envs.contract import PyTree
from ...envs.planar.actions import controls
from ...envs.planar.draw import draw
from ...envs.planar.env import PlanarEnv, PlanarState
from ...envs.planar.level import Level
from ...sim.planar.scene import State
from ..policy import Policy
from .rollout import ENDINGS, Evaluation, attempt_keys, rollout
from .suite import level_of
from .video import tile, write_video

EACH = 3
"""Levels in a film."""
PIXELS = 400
"""Side of the picture of one level."""
HOLD = 0.8
"""Seconds for which the end stands."""
UNSOLVED = {"terminated": "failed", "truncated": "out of time", "unfinished": "out of time"}
"""What a film says of an attempt that did not solve its level."""


@dataclass(frozen=True)
class Take:
    """One attempt as it went, for `length` steps."""

    name: str
    level: Level
    states: State
    """[time, ...]: before each step."""
    motor: np.ndarray
    """[J, time] in -1..1."""
    thrust: np.ndarray
    """[T, time] in 0..1."""
    length: int
    outcome: str


def show(env: PlanarEnv, policy: Policy, params: PyTree, evaluation: Evaluation, folder: Path, stem: str) -> list[Path]:
    """Film attempts at the best and at the worst levels as `<stem>-best.mp4` and `<stem>-worst.mp4`; returns the paths.

    The best levels are shown solved and the worst not, where an attempt ended so.
    """
    best, worst = choose(evaluation)
    wanted = np.array([True] * len(best) + [False] * len(worst))
    attempts = np.argmax(evaluation.solved[best + worst] == wanted[:, None], axis=1)
    takes = play(env, policy, params, evaluation, best + worst, attempts)
    films = {folder / f"{stem}-best.mp4": takes[: len(best)], folder / f"{stem}-worst.mp4": takes[len(best) :]}
    films = {path: film for path, film in films.items() if film}
    for path, film in films.items():
        write_video(path, frames(film, env.spec.control_dt), 1 / env.spec.control_dt)
    return list(films)


def choose(evaluation: Evaluation, each: int = EACH) -> tuple[list[int], list[int]]:
    """Indices of the best and of the worst levels, at most `each`, none in both; equals go by the suite's order."""
    order = np.argsort(-evaluation.solved.mean(1), kind="stable").tolist()
    best = order[: min(each, (len(order) + 1) // 2)]
    return best, order[max(len(best), len(order) - each) :]


def play(
    env: PlanarEnv, policy: Policy, params: PyTree, evaluation: Evaluation, levels: list[int], attempts: np.ndarray
) -> list[Take]:
    """Repeat one attempt of the evaluation at each of `levels`, and record it.

    The batch is smaller than the evaluation's, so rounding may differ and a chaotic level may end otherwise; a take
    says how it ended itself.
    """
    keys = attempt_keys(evaluation.seed, len(evaluation.levels), evaluation.attempts)
    rows = np.array(levels) * evaluation.attempts + attempts
    tally, (states, actions) = jax.device_get(
        rollout(
            env,
            params,
            jnp.array(levels, jnp.int32),
            keys[rows],
            jax.random.key(evaluation.seed),
            policy=policy,
            steps=evaluation.steps,
            watch=_state_and_action,
        )
    )
    takes = []
    for world, index in enumerate(levels):
        level = jax.device_get(level_of(env, index))
        # Time stands in for the world axis: one level, many actions.
        motor, thrust = controls(env.config.action, actions[:, world], jax.tree.map(lambda x: x[..., None], level))
        length = int(tally.length[world])
        takes.append(
            Take(
                name=evaluation.levels[index],
                level=level,
                states=jax.tree.map(lambda x, world=world: x[..., world], states),
                motor=np.asarray(motor),
                thrust=np.asarray(thrust),
                length=length,
                outcome="solved" if tally.solved[world] else UNSOLVED[ENDINGS[tally.ending[world]]],
            )
        )
    return takes


def frames(takes: list[Take], control_dt: float) -> Iterator[np.ndarray]:
    """Pictures [H, W, 3] uint8 of all takes side by side; who is done stands still until the longest is."""
    longest = max(take.length for take in takes)
    for now in range(longest + round(HOLD / control_dt)):
        yield tile([_picture(take, now) for take in takes], columns=len(takes))


def _picture(take: Take, now: int) -> np.ndarray:
    over, now = now >= take.length, min(now, take.length - 1)
    state = jax.tree.map(lambda x: x[now], take.states)
    caption = f"{take.name}: {take.outcome}" if over else take.name
    return draw(take.level, state, (PIXELS, PIXELS), caption, take.motor[:, now], take.thrust[:, now])


def _state_and_action(state: PlanarState, action: Array) -> tuple[State, Array]:
    return state.world, action
