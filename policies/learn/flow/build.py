"""The flow learner of a run: its data read from LeRobot datasets, its length in updates."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ....envs.contract import EnvSpec
from ...data.read import read
from ...data.recording import ACTION, Recording
from ..learner import Learner
from .config import FlowLearning
from .data import Steps, steps
from .learner import Before, make_learner


def make_flow_learner(
    spec: EnvSpec, config: FlowLearning, total_steps: int, before: Callable[[], Before] | None = None
) -> Learner:
    """A learner for `total_steps` chunks. Raises ValueError for what cannot work; for data, when they are needed."""
    updates = math.ceil(total_steps / (config.batch * config.accumulate))
    return make_learner(spec, config, updates, partial(load, config.data, round(1 / spec.control_dt)), before)


def load(folders: Sequence[str], rate: int) -> Steps:
    """The steps of all datasets, which must be of one `rate`, in steps per second.

    Raises ValueError, naming the folder, for one that is damaged, of another rate, or that shows other things.
    """
    if not folders:
        raise ValueError("flow.data names no dataset: give folders of LeRobot datasets, as `gambol collect` makes them")
    found = [read(Path(folder)) for folder in folders]
    first, offset, episodes = found[0], 0, []
    for folder, one in zip(folders, found, strict=True):
        if one.fps != rate:
            raise ValueError(f"{folder} has {one.fps} steps per second, the task {rate}")
        if ACTION not in one.arrays:
            raise ValueError(f"{folder} has no array {ACTION!r}")
        seen, wanted = ({name: x.shape[1:] for name, x in _observed(d).items()} for d in (one, first))
        if seen != wanted:
            raise ValueError(f"{folder} shows {seen}, {folders[0]} {wanted}")
        episodes.append(one.episode + offset)
        offset += len(one.tasks)
    observation = {name: np.concatenate([_observed(one)[name] for one in found]) for name in _observed(first)}
    action = np.concatenate([one.arrays[ACTION].reshape(len(one.episode), -1) for one in found])
    return steps(observation, action, np.concatenate(episodes))


def _observed(recording: Recording) -> dict[str, NDArray]:
    """What was observed by name; one number is a vector too."""
    return {name: x[:, None] if x.ndim == 1 else x for name, x in recording.observation().items()}
