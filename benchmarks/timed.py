"""Timing: the median of some calls; and what both sides of `gambol bench planar` share.

That is the rollout that is timed, and how the bench asks for it. A side reads wishes from stdin, one a line, and
answers each with one line of JSON:

    compile WORLDS       seconds until a rollout of so many worlds is compiled and has done its first step
    run WORLDS STEPS     seconds of so many env steps, going on from where the last ones ended
"""

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

ACTIONS = 128
"""Random actions of each world; a longer rollout takes them over again."""
CONTROLS = 6
"""Numbers of a continuous action: four motors, two thrusters."""


def seconds(run: Callable[[], Any], repeats: int = 9) -> float:
    """The median over some calls, after one that compiles."""
    jax.block_until_ready(run())
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        jax.block_until_ready(run())
        times.append(time.perf_counter() - began)
    return statistics.median(times)


class Rollout:
    """`worlds` worlds under random actions, the same on both sides."""

    def __init__(self, start: Callable[[int], Any], step: Callable[..., Any], fixed: Any, worlds: int):
        self._state, self._fixed = start(worlds), fixed
        numbers = np.random.default_rng(0).uniform(-1, 1, (ACTIONS, worlds, CONTROLS))
        self._actions = jnp.asarray(numbers, jnp.float32)

        def rollout(fixed, state, actions, steps):
            def one(i, carry):
                state, total = carry
                state, seen = step(fixed, state, actions[i % ACTIONS])
                return state, total + seen

            return jax.lax.fori_loop(0, steps, one, (state, 0.0))

        began = time.perf_counter()
        self._rollout = jax.jit(rollout).lower(fixed, self._state, self._actions, 1).compile()
        self.run(1)
        self.compile_seconds = time.perf_counter() - began

    def run(self, steps: int) -> float:
        """Do `steps` env steps; returns their seconds."""
        began = time.perf_counter()
        self._state, _ = jax.block_until_ready(self._rollout(self._fixed, self._state, self._actions, steps))
        return time.perf_counter() - began


def serve(start: Callable[[int], Any], step: Callable[..., Any], fixed: Any = None, **about: Any) -> None:
    """Say what this side is, then do what stdin asks for until it ends.

    Args:
        start: (worlds) -> state of worlds at the beginning of their levels.
        step: (fixed, state, action [W, 6]) -> (state, a number that rests on all that the step computed).
        fixed: arrays that no step changes.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # libraries that print must not answer

    def answer(said: Any) -> None:
        print(json.dumps(said), file=answers, flush=True)

    answer(about)
    rollouts: dict[str, Rollout] = {}
    for line in sys.stdin:
        wish, worlds, *steps = line.split()
        if wish == "compile":
            rollouts[worlds] = Rollout(start, step, fixed, int(worlds))
            answer(rollouts[worlds].compile_seconds)
        else:
            answer(rollouts[worlds].run(int(*steps)))
