"""Sizes of flow heads, checked when they are made."""

from dataclasses import dataclass, replace
from typing import Literal, get_args

Time = Literal["adaptive", "concat"]


@dataclass(frozen=True)
class ExpertConfig:
    """Widths of one of the two weight sets."""

    width: int
    """Of a token."""
    mlp: int
    """Of the hidden layer of its feed-forward part."""


@dataclass(frozen=True)
class FlowConfig:
    """Shape of a flow head. Raises ValueError, in one line, for a setting that cannot work."""

    horizon: int = 8
    """Actions in a chunk."""
    depth: int = 4
    """Layers, of both weight sets."""
    heads: int = 4
    """Of attention."""
    kv_heads: int = 1
    """Keys and values; each serves `heads / kv_heads` heads."""
    head_dim: int = 32
    """Width of a head."""
    prefix: ExpertConfig = ExpertConfig(128, 256)
    """Weights of what the policy knows: encoder tokens."""
    action: ExpertConfig = ExpertConfig(128, 256)
    """Weights of actions, and of the state where it is a token."""
    time: Time = "adaptive"
    """How tokens are told the flow time: through every norm, as in pi0.5, or mixed into the action once, as in pi0."""
    state: int = 0
    """Numbers of a state that is a token between prefix and actions, as in pi0; 0: none."""
    steps: int = 10
    """Euler steps from noise to actions."""
    compute: Literal["float32", "bfloat16"] = "float32"
    """Type of products; weights, norms and attention's logits stay float32."""
    remat: bool = False
    """Whether layers are computed again for the gradient, which saves memory."""

    def __post_init__(self):
        for name in ("horizon", "depth", "heads", "kv_heads", "head_dim", "steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"flow.{name} is {getattr(self, name)}: it must be at least 1")
        if self.heads % self.kv_heads:
            raise ValueError(f"flow.kv_heads is {self.kv_heads}: it must divide heads, {self.heads}")
        if self.head_dim % 2:
            raise ValueError(f"flow.head_dim is {self.head_dim}: it must be even")
        if self.state < 0:
            raise ValueError(f"flow.state is {self.state}: it must be 0 or more")
        for name in ("prefix", "action"):
            expert = getattr(self, name)
            if expert.width < 2 or expert.width % 2 or expert.mlp < 1:
                raise ValueError(f"flow.{name} is {expert}: its width must be even, and both above 0")
        if self.time not in get_args(Time):
            raise ValueError(f"flow.time is {self.time!r}: use {' or '.join(get_args(Time))}")
        if self.compute not in ("float32", "bfloat16"):
            raise ValueError(f"flow.compute is {self.compute!r}: use float32 or bfloat16")


TINY = FlowConfig(depth=2, heads=2, head_dim=16, prefix=ExpertConfig(32, 64), action=ExpertConfig(32, 64), steps=5)
SMALL = FlowConfig(steps=5)
PI0 = FlowConfig(
    horizon=50,
    depth=18,
    heads=8,
    head_dim=256,
    prefix=ExpertConfig(2048, 16384),
    action=ExpertConfig(1024, 4096),
    time="concat",
    state=32,
    compute="bfloat16",
    remat=True,
)
PI05 = replace(PI0, time="adaptive", state=0)
SIZES = {"tiny": TINY, "small": SMALL, "pi0": PI0, "pi05": PI05}
"""The last two are those of Black et al. 2024 (pi0) and Physical Intelligence 2025 (pi0.5)."""
