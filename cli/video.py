"""`gambol video`: film a policy."""

import os
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Annotated

import tyro

from ..policies.judge.gl import choose_gl
from .arguments import read

DESCRIPTION = """Film what a policy does in one world, its most likely action taken, as an MP4 file.

  gambol video runs/track-b1z1/2026-01-31_12-00-00 --seconds 20
  gambol video noop --camera behind -o noop.mp4
"""


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


def main(argv: list[str]) -> int:
    """Film, and say where the film is. Raises ValueError or OSError for what the user can mend."""
    options = read(Arguments, argv, prog="gambol video", description=DESCRIPTION)
    if not (options.seconds > 0 and isfinite(options.seconds)):
        raise ValueError(f"--seconds is {options.seconds}: it must be a finite number above 0")
    if "MUJOCO_GL" in os.environ:
        choose_gl()  # MuJoCo cannot be imported under one that is not there
    from ..policies.judge.film import film, painting
    from ..policies.judge.player import make_player
    from ..policies.judge.video import write_video
    from .acting import find_actor

    actor = find_actor(options.run, options.engine, options.checkpoint)
    path = options.out or actor.folder / "videos" / f"{actor.env.spec.name}.mp4"
    player = make_player(actor.env, actor.policy, actor.params)
    with painting(actor.env, options.camera) as paint:
        write_video(path, *film(actor.env, player, options.seed, options.seconds, paint))
    print(path)
    return 0
