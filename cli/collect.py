"""`gambol collect`: play a policy and record a LeRobot dataset."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import tyro

from ..envs.make import with_engine
from ..policies.data.collect import SUCCESS, collect
from ..policies.data.write import require_pyarrow, write
from ..policies.learn.run import build, load_policy
from .arguments import read
from .eval import which

DESCRIPTION = """Play a policy and record what it saw and did as a LeRobot dataset (version 3.0).

  gambol collect RUN -o dataset --episodes 500
  gambol collect RUN -o clean --only-solved --temperature 0
  gambol data show dataset
"""


@dataclass(frozen=True)
class Arguments:
    """What the command line chooses."""

    run: tyro.conf.Positional[Path]
    """Folder of a run or of a shipped policy."""
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """Folder to make."""
    episodes: int = 100
    """Whole episodes to play."""
    worlds: int = 64
    """Worlds that are played at once."""
    checkpoint: str = "best"
    """best, latest, or the step of a checkpoint."""
    temperature: float = 1.0
    """1 samples as in training, 0 takes the mode."""
    noise: float = 0.0
    """Deviation of Gaussian disturbances of what is executed; what is recorded is without them."""
    only_solved: bool = False
    """Leave out episodes that did not end in success."""
    video: bool = False
    """Pictures as video, which is smaller and not exact."""
    seed: int = 0
    """Of everything that is drawn."""
    engine: str | None = None
    """The same as --env.engine of gambol train."""
    json: bool = False
    """Print the result as one JSON object on the last line of stdout."""


def main(argv: list[str]) -> int:
    """Play, write, and say what was recorded. Raises ValueError or OSError for what the user can mend."""
    options = read(Arguments, argv, prog="gambol collect", description=DESCRIPTION)
    require_pyarrow()
    if options.out.exists():
        raise ValueError(f"{options.out} exists: remove it, or choose another name with -o")
    loaded = load_policy(
        options.run,
        which(options.checkpoint),
        lambda config: build(replace(config, env=with_engine(config.env, options.engine))),
        options.temperature,
    )
    recording = collect(
        loaded.env,
        loaded.policy,
        loaded.params,
        options.episodes,
        options.worlds,
        options.seed,
        options.noise,
        options.only_solved,
    )
    write(recording, options.out, options.video)
    ended = recording.lengths.cumsum() - 1
    solved = float(recording.arrays[SUCCESS][ended].mean()) if SUCCESS in recording.arrays else None
    share = "" if solved is None else f", {solved:.1%} solved"
    print(f"{options.out}: {len(recording.tasks)} episodes, {len(recording.episode):,} steps{share}")
    if options.json:
        counts = {"episodes": len(recording.tasks), "steps": len(recording.episode), "solved": solved}
        print(json.dumps({"dataset": str(options.out), **counts}))
    return 0
