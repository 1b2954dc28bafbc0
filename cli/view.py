"""`gambol view`: a web page on which a policy is looked at and told what to do."""

from dataclasses import dataclass

import tyro

from ..envs.track.env import TrackEnv
from .acting import find_actor
from .arguments import read

DESCRIPTION = """Show a policy on a web page, in real time: drag its goal, tell it where to go, pause, step, reset.

  gambol view runs/track-b1z1/2026-01-31_12-00-00
  gambol view noop --port 8081
"""


@dataclass(frozen=True)
class Arguments:
    """What the command line chooses."""

    run: tyro.conf.Positional[str]
    """Folder of the run or of a pretrained policy, or noop or random for whole-body tracking without training."""
    port: int = 8080
    """Of the page; if it is taken, the next one that is free."""
    host: str = "127.0.0.1"
    """Address to serve at; 0.0.0.0 lets other machines in, with all that the page can do."""
    engine: str | None = None
    """What computes the physics, in place of what the run was trained with."""
    seed: int = 0
    """Start of every random number."""
    checkpoint: str = "best"
    """best, latest, or the step of a checkpoint."""


def main(argv: list[str]) -> int:
    """Serve until Ctrl-C. Raises ValueError for what the user can mend."""
    options = read(Arguments, argv, prog="gambol view", description=DESCRIPTION)
    if not 0 <= options.port < 65536:
        raise ValueError(f"--port is {options.port}: it must be between 0 and 65535")
    from ..policies.judge.page import Page, require_viser
    from ..policies.judge.viewer import Viewer

    require_viser()
    actor = find_actor(options.run, options.engine, options.checkpoint)
    if not isinstance(actor.env, TrackEnv):
        raise ValueError(f"{options.run} is of the task {actor.env.spec.name}: the page shows track; use gambol video")
    page = Page(actor.env, f"gambol: {options.run}", options.host, options.port)
    try:
        print("compiling the world ...", flush=True)
        viewer = Viewer(actor.env, actor.policy, actor.params, page, options.seed)
        print(f"open http://{options.host}:{page.port} ; Ctrl-C stops", flush=True)
        viewer.run()
    finally:
        page.close()
    return 0
