"""Settings of learning from recorded steps by flow matching, checked when they are made."""

from dataclasses import dataclass, field
from math import isfinite
from typing import Literal, get_args

from ...nets.flow.config import FlowConfig
from ...nets.flow.mixer import MixerConfig
from ...rtc.config import PlayConfig
from .scaling import Kind


@dataclass(frozen=True)
class FlowLearning:
    """How a chunk policy learns. Raises ValueError, in one line, for a setting that cannot work."""

    data: tuple[str, ...] = ()
    """Folders of LeRobot datasets."""
    head: FlowConfig = field(default_factory=FlowConfig)
    """The network."""
    mixer: MixerConfig | None = None
    """The published mixer in place of `head`."""
    play: PlayConfig = field(default_factory=PlayConfig)
    """How chunks are executed."""
    batch: int = 256
    """Chunks per gradient."""
    accumulate: int = 1
    """Gradients that are averaged for one step of the weights: as if the batch were so many times larger."""
    learning_rate: float = 3e-4
    """Of AdamW at its highest."""
    warm_up: int = 500
    """Updates over which the rate rises from 0."""
    final_rate: float = 0.1
    """Share of it that is left at the end, where a cosine leads; 1: it stays as it is."""
    beta2: float = 0.95
    """Decay of AdamW's second moment; that of the first is 0.9."""
    weight_decay: float = 1e-2
    """Of AdamW, for matrices alone."""
    max_grad_norm: float = 1.0
    """Longer gradients are cut to it."""
    average: float = 0.999
    """Decay of the moving average of the weights, which is what acts; 0: none is kept."""
    scaling: Kind = "deviation"
    """How actions are brought to one size."""
    observation_scaling: Kind | Literal["none"] = "deviation"
    """The same of vectors that are observed."""
    relative: tuple[int, ...] = ()
    """Entries of the action that are learned as differences to the state at the start of the chunk."""
    settled: int = 0
    """Up to so many actions at the start of a chunk are given and not learned: for `settled` play."""
    settled_decay: float = 0.5
    """Each of them more is so many times as likely; 1: all are alike."""
    held_out: float = 0.05
    """Share of the episodes that is not learned from."""
    held_out_every: int = 50
    """Updates between looks at them."""
    start: str = ""
    """Run or shipped policy whose weights and statistics are gone on from; "": fresh ones."""
    frozen: tuple[str, ...] = ()
    """Beginnings of names of weights that stay as they are, like "tokens" or "head.transformer.prefix"."""
    lora: int = 0
    """Rank of what is learned on top of the transformer's matrices, which then stay as they are; 0: they learn."""
    reflex: tuple[int, ...] = ()
    """Hidden layers of a small network that corrects each action for what is observed when its time has come. It is
    learned on top of `start`, which then stays as it is; (): none is."""
    skipped: float = 0.0
    """Share of the prefix tokens that a layer leaves out in training, all but the first and the last layer."""

    def __post_init__(self):
        for name in ("batch", "accumulate", "held_out_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"flow.{name} is {getattr(self, name)}: it must be at least 1")
        for name in ("learning_rate", "max_grad_norm"):
            if not (getattr(self, name) > 0 and isfinite(getattr(self, name))):
                raise ValueError(f"flow.{name} is {getattr(self, name)}: it must be a finite number above 0")
        for name in ("warm_up", "settled", "lora", "weight_decay"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"flow.{name} is {getattr(self, name)}: it must be 0 or more")
        for name in ("final_rate", "average", "held_out", "beta2", "skipped"):
            top = 1.0 if name == "final_rate" else 0.9999999
            if not 0 <= getattr(self, name) <= top:
                most = "at most" if name == "final_rate" else "below"
                raise ValueError(f"flow.{name} is {getattr(self, name)}: it must be 0 or more and {most} 1")
        for name, kinds in (("scaling", get_args(Kind)), ("observation_scaling", (*get_args(Kind), "none"))):
            if getattr(self, name) not in kinds:
                raise ValueError(f"flow.{name} is {getattr(self, name)!r}: use {' or '.join(kinds)}")
        if min(self.relative, default=0) < 0 or len(set(self.relative)) < len(self.relative):
            raise ValueError(f"flow.relative is {self.relative}: list each entry of the action once, from 0")
        if self.settled >= self.horizon:
            raise ValueError(f"flow.settled is {self.settled}: it must be below the horizon, {self.horizon}")
        if self.play.every + self.play.delay > self.horizon:
            reach = f"it and the delay, {self.play.delay}, must not go beyond the horizon, {self.horizon}"
            raise ValueError(f"flow.play.every is {self.play.every}: {reach}")
        least = max(self.play.delay, 1) if self.play.method == "settled" else 0
        if self.settled < least:
            told = f"'settled' play with a delay of {self.play.delay} needs {least} or more"
            raise ValueError(f"flow.settled is {self.settled}: {told}")
        if not 0 < self.settled_decay <= 1:
            raise ValueError(f"flow.settled_decay is {self.settled_decay}: it must be above 0 and at most 1")
        if self.mixer and (self.lora or self.skipped):
            raise ValueError("flow.lora and flow.skipped are for the transformer: leave them 0 with a mixer")
        if self.reflex and min(self.reflex) < 1:
            raise ValueError(f"flow.reflex is {self.reflex}: a layer has at least 1 unit")
        if self.reflex and (self.lora or self.frozen or self.skipped):
            raise ValueError("flow.reflex is learned alone: leave flow.lora, flow.frozen and flow.skipped out")
        if self.reflex and not self.start:
            raise ValueError(f"flow.reflex is {self.reflex}: name in flow.start the policy that it corrects")
        if self.lora and not self.start:
            raise ValueError(f"flow.lora is {self.lora}: name in flow.start what it is learned on top of")

    @property
    def network(self) -> FlowConfig | MixerConfig:
        """The network asked for."""
        return self.mixer or self.head

    @property
    def horizon(self) -> int:
        """Actions in a chunk."""
        return self.network.horizon
