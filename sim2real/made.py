"""What a bundle is made of, whatever kind of policy it is of."""

from dataclasses import dataclass, field

from numpy.typing import NDArray

from .compress.compress import Compared
from .contract import Chunk, Graph

Files = dict[str, bytes]


@dataclass(frozen=True)
class Made:
    """A policy as files and recorded ticks."""

    content: bytes
    """The whole policy's graph."""
    graph: Graph
    ticks: dict[str, NDArray]
    """Recorded, [N, ...] by name (`record`)."""
    tolerance: float
    """With which the graph does what was recorded."""
    rounded: float = 0.0
    """How far outputs move when inputs do in their last digits."""
    chunk: Chunk | None = None
    """Of a policy of chunks."""
    parts: Files = field(default_factory=dict)
    """Further graphs."""
    compared: Compared | None = None
    """What a compression costs."""
