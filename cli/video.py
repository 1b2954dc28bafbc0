"""`gambol video`: film a policy."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, NamedTuple

import tyro

from ..envs.contract import Env, PyTree
from ..envs.make import EnvConfig, make_env, with_engine
from ..envs.track.config import TrackConfig
from ..policies.judge.baselines import BASELINES
from ..policies.judge.player import make_player
from ..policies.learn.config import TrainConfig
from ..policies.policy import Policy
from .arguments import read

DESCRIPTION = """Film what a policy does in one world, its most likely action taken, as an MP4 file.

  gambol video runs/track-b1z1/2026-01-31_12-00-00 --seconds 20
  gambol video noop --camera behind -o noop.mp4
"""
ENDLESS = 1e6
"""Seconds of an episode that is only looked at: it ends if the robot falls, not because time is up."""


@dataclass(frozen=True)
class Arguments:
    """What the command line chooses."""

    run: tyro.conf.Positional[str]
    """Folder of the run or of a pretrained policy, or noop or random for whole-body tracking without training."""
    seconds: float = 10.0
    """Length of the film."""
    camera: str = "side"
    """side, behind, facing or above, which follow the robot, or a camera of the robot's own, such as front or wrist."""
    engine: str | None = None
    """What computes the physics, in place of what the run was trained with."""
    seed: int = 0
    """Start of every random number."""
    checkpoint: str = "best"
    """best, latest, or the step of a checkpoint."""
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """The file; by default in videos/ of the run."""


class Actor(NamedTuple):
    """A policy and the env it acts in."""

    env: Env
    policy: Policy
    params: PyTree
    folder: Path
    """Of its run."""


def main(argv: list[str]) -> int:
    """Film, and say where the film is. Raises ValueError or OSError for what the user can mend."""
    from ..policies.judge.film import film, painting
    from ..policies.judge.video import write_video

    options = read(Arguments, argv, prog="gambol video", description=DESCRIPTION)
    if not 0 < options.seconds <= ENDLESS:
        raise ValueError(f"--seconds is {options.seconds}: it must be above 0")
    actor = find_actor(options.run, options.engine, options.checkpoint)
    path = options.out or actor.folder / "videos" / f"{actor.env.spec.name}.mp4"
    player = make_player(actor.env, actor.policy, actor.params)
    with painting(actor.env, options.camera) as paint:
        write_video(path, *film(actor.env, player, options.seed, options.seconds, paint))
    print(path)
    return 0


def find_actor(run: str, engine: str | None, checkpoint: str) -> Actor:
    """The policy that the arguments name, at its mode. Raises ValueError where there is no such thing."""
    from ..policies.learn.run import build, load_policy
    from .eval import which

    if run in BASELINES:
        env = make_env(endless(with_engine(TrackConfig(), engine)))
        return Actor(env, BASELINES[run](env.spec), None, Path("runs") / run)

    def build_here(config: TrainConfig):
        return build(replace(config, env=endless(with_engine(config.env, engine))))

    loaded = load_policy(Path(run), which(checkpoint), build_here, temperature=0.0)
    return Actor(loaded.env, loaded.policy, loaded.params, Path(run))


def endless(config: EnvConfig) -> EnvConfig:
    """The same task without a time limit, where it is one that can go on."""
    return replace(config, episode_seconds=ENDLESS) if isinstance(config, TrackConfig) else config
