"""The loop behind the page: one world under a policy in real time, as its visitors ask for it."""

import time
from collections.abc import Callable
from functools import partial

import jax

from ...envs.contract import PyTree
from ...envs.track.env import TrackEnv
from ..policy import Policy
from .page import Page
from .player import make_player
from .tracking import grant, make_look

LATE = 0.25
"""Seconds by which the clock may be behind before the loop gives up catching up."""
TELL = 0.2
"""Seconds between two updates of the text."""


class Viewer:
    """One world and the page that shows it. `tick` is one turn, `run` turns in real time."""

    def __init__(self, env: TrackEnv, policy: Policy, params: PyTree, page: Page, seed: int = 0):
        """Compiles, which takes a while, and shows the start of an episode."""
        self.env, self.page, self.dt, self.paused = env, page, env.spec.control_dt, False
        self.player = make_player(env, policy, params, partial(grant, env))
        self.look = make_look(env)
        self.restart(seed)
        _, step = self.player.step(self.now, page.wish())  # compiles; time does not go on
        self.metrics = read(step.metrics)

    def restart(self, seed: int) -> None:
        """A new episode, with fresh draws."""
        self.seed, self.steps, self.falls = seed, 0, 0
        self.now = self.player.start(seed)
        self.page.show(self.look(self.now.state))

    def tick(self) -> None:
        """Do what was clicked, and a control step unless it is paused."""
        steps = 0
        while not self.page.clicks.empty():
            click = self.page.clicks.get()
            if click == "reset":
                self.restart(self.seed + 1)
            self.paused = click == "step" or (self.paused != (click == "pause"))
            steps += click == "step"
        for _ in range(steps if self.paused else 1):
            self.step()

    def step(self) -> None:
        """One control step, and the page moved to where it led."""
        self.now, step = self.player.step(self.now, self.page.wish())
        self.metrics = read(step.metrics)
        self.steps, self.falls = self.steps + 1, self.falls + int(self.metrics["fell"])
        self.page.show(self.look(self.now.state))

    def run(self, until: Callable[[], bool] = lambda: False) -> None:
        """Turn in real time, or as fast as the machine can if that is slower."""
        due = told = time.monotonic()
        steps = self.steps
        while not until():
            self.tick()
            now = time.monotonic()
            if now - told > TELL:
                pace = None if self.paused else max(0, self.steps - steps) * self.dt / (now - told)
                self.page.tell(self.steps * self.dt, self.metrics, self.falls, pace)
                told, steps = now, self.steps
            due = max(due + self.dt, now - LATE)
            time.sleep(max(0.0, due - now))


def read(metrics: dict[str, jax.Array]) -> dict[str, float]:
    """Metrics of one world as numbers."""
    return {name: float(value[0]) for name, value in jax.device_get(metrics).items()}
