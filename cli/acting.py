"""The policies that `gambol video` and `gambol view` show."""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from ..envs.contract import Env, PyTree
from ..envs.make import EnvConfig, make_env, with_engine
from ..envs.track.config import TrackConfig
from ..policies.judge.baselines import BASELINES
from ..policies.learn import run as runs
from ..policies.learn.config import TrainConfig
from ..policies.policy import Policy
from .eval import folder_of, which

ENDLESS = 1e6
"""Seconds of an episode that is only looked at: it ends if the robot falls, not because time is up."""


class Actor(NamedTuple):
    """A policy and the env it acts in."""

    env: Env
    policy: Policy
    params: PyTree
    folder: Path
    """Where films of it go."""


def find_actor(run: str, engine: str | None, checkpoint: str) -> Actor:
    """The policy that the arguments name, at its mode. Raises ValueError where there is no such thing."""
    if run in BASELINES:
        env = make_env(endless(with_engine(TrackConfig(), engine)))
        return Actor(env, BASELINES[run](env.spec), None, Path("runs") / run)

    def build_here(config: TrainConfig):
        return runs.build(replace(config, env=endless(with_engine(config.env, engine))))

    loaded = runs.load_policy(Path(run), which(checkpoint), build_here, temperature=0.0)
    return Actor(loaded.env, loaded.policy, loaded.params, folder_of(Path(run)))


def endless(config: EnvConfig) -> EnvConfig:
    """The same task without a time limit, where it is one that can go on."""
    return replace(config, episode_seconds=ENDLESS) if isinstance(config, TrackConfig) else config
