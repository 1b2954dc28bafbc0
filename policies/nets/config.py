"""Settings of the networks, checked when they are made."""

from dataclasses import dataclass
from math import isfinite
from typing import Literal, get_args

Activation = Literal["tanh", "relu", "elu", "swish", "gelu"]


@dataclass(frozen=True)
class AdaptationConfig:
    """A policy that finds out from its history what only a simulator can tell it: regularised online adaptation.

    For tasks that show the policy "now" and "history", and the critic "now" and "privileged". Raises ValueError, in one
    line, for a setting that cannot work.
    """

    latent: int = 20
    """Numbers that stand for what is privileged."""
    privileged: tuple[int, ...] = (64,)
    """Hidden widths of the encoder of what is privileged."""
    frame: int = 30
    """Width of the layer that each frame of the history goes through."""
    activation: Activation = "elu"
    """Non-linearity after every layer of the encoders."""
    every: int = 20
    """In every so many-th update the history's latent acts, and only its encoder learns."""
    weight: float = 0.1
    """Weight, in the end, of the distance between the two latents."""
    weight_start: int = 3000
    """Update from which the weight grows from 0."""
    weight_end: int = 10000
    """Update at which it has grown."""
    learning_rate: float = 1e-3
    """Step size of the history's encoder."""

    def __post_init__(self):
        for name in ("latent", "frame"):
            _check(self, name, getattr(self, name) >= 1, "at least 1")
        _check(self, "privileged", all(width >= 1 for width in self.privileged), "widths of at least 1")
        _check(self, "activation", self.activation in get_args(Activation), f"one of {', '.join(get_args(Activation))}")
        _check(self, "every", self.every >= 2, "at least 2")
        _check(self, "weight", self.weight >= 0 and isfinite(self.weight), "0 or a finite number above")
        _check(self, "weight_start", 0 <= self.weight_start <= self.weight_end, "an update up to weight_end")
        rate = self.learning_rate
        _check(self, "learning_rate", rate > 0 and isfinite(rate), "a finite number above 0")


def _check(config: AdaptationConfig, name: str, good: bool, wanted: str) -> None:
    if not good:
        raise ValueError(f"network.adaptation.{name} is {getattr(config, name)!r}: it must be {wanted}")


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
    symmetric: bool = False
    """Whether actor and critic are exactly symmetric, for tasks with a mirror: twice the work for one step, and half of
    what there is to learn."""
    adaptation: AdaptationConfig | None = None
    """Encoders of what the policy cannot see, for tasks that are made for it; none: it acts on what it sees."""

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
