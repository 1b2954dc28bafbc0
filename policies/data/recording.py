"""Recorded episodes in memory: arrays with one row a step, episodes one after the other."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

ACTION = "action"
OBSERVATION = "observation."
"""How names of arrays begin that were observed."""


@dataclass(frozen=True)
class Recording:
    """N steps of E episodes. Raises ValueError, naming the array, for what cannot be."""

    fps: int
    """Steps in a second."""
    arrays: dict[str, NDArray]
    """[N], [N, F] or [N, K, F] numbers or flags, or [N, H, W, 3] uint8 pictures, by LeRobot's name."""
    episode: NDArray[np.int64]
    """[N] 0 to E - 1, rising."""
    tasks: tuple[str, ...]
    """What each episode was about, in words, [E]."""
    names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Names of the entries of an array, where they are known."""
    robot: str = "unknown"

    def __post_init__(self):
        if self.fps < 1:
            raise ValueError(f"fps is {self.fps}: it must be at least 1")
        steps = np.flatnonzero(np.diff(self.episode, prepend=-1))
        if not len(self.episode) or not np.array_equal(self.episode[steps], np.arange(len(self.tasks))):
            raise ValueError("episodes must be numbered from 0 in order, each with a task and at least one step")
        for name, values in self.arrays.items():
            if len(values) != len(self.episode):
                raise ValueError(f"{name} has {len(values)} steps, the episodes {len(self.episode)}")
            picture = values.ndim == 4 and values.shape[-1] == 3 and values.dtype == np.uint8
            if values.ndim > 3 and not picture:
                shape = f"{values.dtype}{list(values.shape[1:])}"
                raise ValueError(f"{name} is {shape}: use numbers [F] or [K, F], or uint8 [H, W, 3]")
            if "/" in name or not name:
                raise ValueError(f"{name!r} cannot name an array: leave out '/'")

    @property
    def lengths(self) -> NDArray[np.int64]:
        """[E] steps of each episode."""
        return np.bincount(self.episode, minlength=len(self.tasks))

    def observation(self) -> dict[str, NDArray]:
        """What was observed, by the names that networks know."""
        return {n.removeprefix(OBSERVATION): x for n, x in self.arrays.items() if n.startswith(OBSERVATION)}
