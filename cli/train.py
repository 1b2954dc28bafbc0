"""`gambol train`: train a policy from a preset, or go on with a run."""

import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import tyro

from ..configs.typed import from_mapping, to_mapping
from ..envs.make import with_engine
from ..policies.learn.config import TrainConfig, load_preset, presets
from ..policies.learn.log import summary
from ..policies.learn.run import NonFiniteError, Result, load_run, train
from .arguments import read

DONE, FAILED, INTERRUPTED = 0, 1, 130

DESCRIPTION = f"""Train a policy.

PRESET is one of {", ".join(presets())}, or a path to a YAML file. Any setting can be given another value:
  gambol train demo --ppo.learning-rate 1e-3 --run.total-steps 200000

A run that was stopped or killed goes on from its newest checkpoint; only settings under --run may change then:
  gambol train --resume runs/demo/2026-01-31_12-00-00
"""


@dataclass(frozen=True)
class Arguments:
    """What the command line chooses besides the preset."""

    config: Annotated[TrainConfig, tyro.conf.arg(name="")]
    resume: Path | None = None
    """Folder of the run to go on with, in place of PRESET."""
    engine: str | None = None
    """The same as --env.engine."""
    json: bool = False
    """Print the result as one JSON object on the last line of stdout."""


def main(argv: list[str]) -> int:
    """Train, and say where the run is. Returns 1 if a number was not finite, and 130 if training was stopped."""
    arguments = parse(argv)
    try:
        result = train(arguments.config, arguments.resume, resume=arguments.resume is not None)
    except NonFiniteError as error:
        print(f"gambol: {error}", file=sys.stderr)
        return FAILED
    print(report(result, arguments.config))
    if arguments.json:
        fields = {"run": str(result.run_dir), "steps": result.step, "seconds": result.seconds}
        print(json.dumps({**fields, "metrics": result.metrics}))
    return INTERRUPTED if result.interrupted else DONE


def parse(argv: list[str]) -> Arguments:
    """The arguments, on top of the settings of the preset or of the run to resume. Raises `ValueError`."""
    preset, rest = (argv[0], argv[1:]) if argv and not argv[0].startswith("-") else (None, argv)
    arguments = settle(rest, load_preset(preset) if preset else TrainConfig())
    if arguments.resume is None and preset is None:
        raise ValueError(f"name a preset first ({', '.join(presets())}, or a .yaml file), like: gambol train demo")
    if arguments.resume is None:
        return arguments
    if preset is not None:
        raise ValueError(f"--resume takes the settings of the run: leave out {preset!r}")
    return settle(rest, load_run(arguments.resume))


def settle(argv: list[str], config: TrainConfig) -> Arguments:
    """The arguments, with `config` for what they leave open."""
    default = Arguments(config)
    arguments = read(Arguments, argv, prog="gambol train PRESET", description=DESCRIPTION, default=default)
    config = from_mapping(TrainConfig, to_mapping(arguments.config))  # refuses what a YAML file must not say either
    return replace(arguments, config=replace(config, env=with_engine(config.env, arguments.engine)))


def report(result: Result, config: TrainConfig) -> str:
    """What came of it and what to do next."""
    if result.interrupted:
        return f"stopped and saved at step {result.step:,}; go on with: gambol train --resume {result.run_dir}"
    return f"{summary(result.metrics, config.run.total_steps)}\ndone: {result.run_dir}"
