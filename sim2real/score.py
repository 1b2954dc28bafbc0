"""What is lost on the way out of training: the same commands and goals once in the env, once through the controller and
the simulated robot, scored alike.

The env is the suite `track/calm`, in which nothing is random. The score is that of the judge (`track.scores`): the
share of an episode's steps that the robot was up for, times how near it kept to what it was told.
"""

from dataclasses import replace
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from ..envs.contract import PyTree
from ..envs.track.env import TrackEnv
from ..policies.judge import track
from ..policies.policy import Policy
from .brain import Ask, Mode, Order
from .bundle import Bundle
from .controller import run
from .onboard import model as models
from .onboard import observe, rotation
from .onboard.words import Told
from .robots.imperfect import Imperfections
from .robots.lockstep import Lockstep
from .robots.simulated import Exchange, SimulatedRobot
from .thinking import brain_of, graph, thinker

SIGNALS = tuple(track.TOLERANCES)
STAND = 3.0
"""Seconds before the first command: the robot stands up."""
LEAST_HEIGHT, MOST_TILT = 0.2, 0.8
"""Of the base, m and rad: beyond them it is down, as in the suite."""


class Script(NamedTuple):
    """What E episodes of T ticks were told, and how the env's robots did."""

    drawn: NDArray
    """[E, T, 2] command."""
    command: NDArray
    """[E, T, 2] as it had moved by then."""
    goal: NDArray
    """[E, T, 6]"""
    goal_next: NDArray
    """[E, T, 6]"""
    scores: NDArray
    """[E]"""


def play(env: TrackEnv, policy: Policy, params: PyTree, episodes: int, seed: int) -> Script:
    """Episodes of an env, from reset to the end or a fall."""
    kept = jax.device_get(jax.jit(partial(_roll, env, policy, episodes))(params, jax.random.key(seed)))
    swap = {name: np.moveaxis(np.asarray(values), 0, 1) for name, values in kept.items()}
    up = np.cumsum(swap.pop("done"), axis=1) - 1 < 0  # up to the step in which it ended
    return Script(swap["drawn"], swap["command"], swap["goal"], swap["goal_next"], scores(up, swap["errors"]))


def _roll(env: TrackEnv, policy: Policy, episodes: int, params: PyTree, key: Array) -> dict[str, Array]:
    starting, acting = jax.random.split(key)
    state, observation = env.reset(starting, episodes)
    memory = policy.initial_memory(episodes)

    def tick(carry, now: Array):
        state, observation, memory = carry
        action, memory = policy.act(params, memory, observation, jax.random.fold_in(acting, now))
        moved, step = env.step(state, action)
        episode = state.episode
        kept = {
            "drawn": episode.command.drawn,
            "command": episode.command.velocity,
            "goal": episode.goal.now(),
            "goal_next": moved.episode.goal.now(),
            "errors": jnp.stack([step.metrics[name] for name in SIGNALS], -1),
            "done": step.metrics["fell"] > 0,
        }
        return (moved, step.observation, memory), kept

    return jax.lax.scan(tick, (state, observation, memory), jnp.arange(env.spec.max_steps - 1))[1]


def scores(up: NDArray, errors: NDArray) -> NDArray:
    """[E] from whether the robot was up [E, T] and the errors [E, T, S]; see `track.scores`."""
    steps = up.sum(1)
    mean = (errors * up[..., None]).sum(1) / np.maximum(steps, 1)[:, None]
    near = np.clip(1 - mean / np.array(list(track.TOLERANCES.values())), 0, 1).mean(1)
    return steps / up.shape[1] * near


class Track(Lockstep):
    """A robot in lockstep whose errors are measured as the env measures them."""

    def __init__(self, read: Bundle, imperfections: Imperfections, seed: int):
        assert read.contract.robot is not None
        xml = read.files[read.contract.robot.mjcf]
        robot = SimulatedRobot(read.contract, xml, imperfections, seed)
        super().__init__(read.contract, Exchange(robot))
        self._contract, self._own = read.contract, models.read(xml, read.contract)
        self.errors: list[NDArray] = []
        self.up: list[bool] = []
        self.told: tuple[NDArray, NDArray] | None = None
        """Command [2] and goal [6] of the tick, once they count."""

    def send(self, order: Order, now: float) -> None:
        """See `Link.send`."""
        super().send(order, now)
        if self.told is not None:
            self._measure(*self.told)
            self.told = None

    def _measure(self, command: NDArray, goal: NDArray) -> None:
        robot = self.exchange.robot
        body, data = robot.body, robot.data
        base, speed = body.base_qpos, body.base_qvel
        place, turn = data.qpos[base : base + 3], data.qpos[base + 3 : base + 7]
        tilt = rotation.tilt(turn)
        heading = rotation.multiply(turn, rotation.conjugate(tilt))
        velocity = rotation.rotate(rotation.conjugate(heading), data.qvel[speed : speed + 3])
        rate = rotation.rotate(tilt, data.qvel[speed + 3 : speed + 6])
        wanted, wanted_turn = observe.goal_pose(self._contract, body, goal, float(place[2]))
        pose = models.end_effector(self._own, data.qpos[body.qpos][self._own.arm])
        off = rotation.multiply(wanted_turn, rotation.conjugate(rotation.multiply(tilt, pose.turn)))
        self.errors.append(
            np.array(
                [
                    abs(velocity[0] - command[0]),
                    abs(rate[2] - command[1]),
                    np.linalg.norm(wanted - rotation.rotate(tilt, pose.place)),
                    np.linalg.norm(rotation.to_vector(off)),
                ]
            )
        )
        up = place[2] > LEAST_HEIGHT and rotation.rotate(turn, np.array([0.0, 0, 1]))[2] > np.cos(MOST_TILT)
        self.up.append(bool(up) and (not self.up or self.up[-1]))


def drive(read: Bundle, script: Script, imperfections: Imperfections, seed: int) -> NDArray:
    """[E] scores of the same episodes through the controller; its ticks that never came count as down."""
    contract = read.contract
    real = graph(read.files[contract.graph.file], contract.graph)
    brain = brain_of(read, real)
    length, found = script.drawn.shape[1], []
    for episode in range(len(script.drawn)):
        track_ = Track(read, imperfections, seed + episode)
        mind = thinker(contract, real, track_.ticks)

        def operator(seconds: float, mode: Mode, episode: int = episode, link: Track = track_) -> Ask | None:
            tick = round((seconds - STAND) / contract.control_dt)
            at = min(max(tick, 0), length - 1)
            goal, ahead = script.goal[episode, at], script.goal_next[episode, at]
            if tick >= length:
                return None
            if tick < 0:
                return Ask(Mode.STAND, Told(np.zeros(2), goal, goal))
            link.told = script.command[episode, at], goal
            return Ask(Mode.POLICY, Told(script.drawn[episode, at], goal, ahead))

        run(replace(brain, infer=mind), mind, track_, operator, None, track_)
        up, errors = np.zeros(length, bool), np.zeros((length, len(SIGNALS)))
        up[: len(track_.up)], errors[: len(track_.errors)] = track_.up, track_.errors
        found.append(scores(up[None], errors[None])[0])
    return np.array(found)
