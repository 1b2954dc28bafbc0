"""How chunks are executed, checked when it is made."""

from dataclasses import dataclass
from typing import Literal, get_args

Method = Literal["naive", "guided", "identity", "hard", "settled", "ensemble", "bidirectional"]
"""How a new chunk goes on from the one before.

naive: not at all. guided: led by its soft mask through the network's Jacobian; identity: with the identity in place of
that Jacobian; hard: guided, by what will have been executed alone. settled: the network is given what will have been
executed, which it must have been trained for. ensemble: actions are averages of all chunks that reach them.
bidirectional: of several chunks, the one nearest to the one before.
"""


@dataclass(frozen=True)
class PlayConfig:
    """Raises ValueError, in one line, for a setting that cannot work."""

    method: Method = "naive"
    """How a chunk goes on from the one before."""
    every: int = 4
    """Control steps from one chunk to the next."""
    delay: int = 0
    """Control steps from what is observed to the first action of the chunk that is made of it."""

    def __post_init__(self):
        if self.method not in get_args(Method):
            raise ValueError(f"play.method is {self.method!r}: use {', '.join(get_args(Method))}")
        if self.every < 1:
            raise ValueError(f"play.every is {self.every}: it must be at least 1")
        if not 0 <= self.delay <= self.every:
            raise ValueError(f"play.delay is {self.delay}: it must be 0 to every, {self.every}")
