"""Settings of the networks, checked when they are made."""

from dataclasses import dataclass
from math import isfinite
from typing import Literal, get_args

Activation = Literal["tanh", "relu", "elu", "swish", "gelu"]


@dataclass(frozen=True)
class NetworkConfig:
    """Shape of the actor and the critic. Raises ValueError, in one line, for a setting that cannot work."""

    actor: tuple[int, ...] = (256, 256)
    """Hidden widths of the actor, first layer first."""
    critic: tuple[int, ...] = (256, 256)
    """Hidden widths of the critic, first layer first."""
    activation: Activation = "tanh"
    """Non-linearity after every hidden layer."""
    recurrent: int = 0
    """Width of the GRU between encoder and hidden layers; 0 is a policy without memory."""
    initial_log_std: float = -0.5
    """Log of the starting standard deviation of continuous actions."""

    def __post_init__(self):
        for name in ("actor", "critic"):
            widths = getattr(self, name)
            if any(width < 1 for width in widths):
                raise ValueError(f"network.{name} is {list(widths)}: every width must be at least 1")
        if self.activation not in get_args(Activation):
            known = ", ".join(get_args(Activation))
            raise ValueError(f"network.activation is {self.activation!r}: use one of {known}")
        if self.recurrent < 0:
            raise ValueError(f"network.recurrent is {self.recurrent}: it must be 0 (no memory) or a GRU width")
        if not isfinite(self.initial_log_std):
            raise ValueError(f"network.initial_log_std is {self.initial_log_std}: it must be a finite number")
