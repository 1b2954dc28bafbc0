"""Settings of PPO, checked when they are made."""

from dataclasses import dataclass
from itertools import islice
from math import isfinite
from typing import Literal, get_args

Symmetry = Literal["none", "augment", "loss"]

MOST_STEPS = 2**31
"""Control steps in one update are fewer, so that int32 can count them."""


@dataclass(frozen=True)
class PPOConfig:
    """Settings of one PPO run. Raises ValueError, in one line, for a setting that cannot work."""

    worlds: int = 128
    """Worlds stepped together."""
    rollout_steps: int = 64
    """Control steps per world in one update."""
    epochs: int = 4
    """Passes over a rollout."""
    minibatches: int = 4
    """Parts of a rollout, split over worlds; `worlds` must be divisible by it."""
    learning_rate: float = 3e-4
    """Step size of Adam."""
    anneal: int = 0
    """Updates over which the learning rate, or `kl_target` where that adapts it, and the entropy bonus fall linearly to
    zero; 0: they stay."""
    anneal_after: int = 0
    """Updates before they begin to fall."""
    kl_target: float = 0.0
    """Nats that one update should move the policy; the learning rate adapts to it, from `learning_rate` on. 0: off."""
    learning_rate_min: float = 1e-5
    """Least adapted learning rate."""
    learning_rate_max: float = 1e-2
    """Largest adapted learning rate."""
    gamma: float = 0.995
    """Discount per control step."""
    gae_lambda: float = 0.95
    """Trade between bias (0) and variance (1) of the advantage."""
    clip: float = 0.2
    """Largest change of the probability ratio that is still rewarded."""
    value_clip: float = 0.2
    """Largest change of a value that is still rewarded; 0 turns value clipping off."""
    value_coef: float = 0.5
    """Weight of the value loss."""
    entropy_coef: float = 0.01
    """Weight of the entropy bonus."""
    robustness: float = 0.0
    """Most that means of continuous actions are shifted by in the loss, anew in every gradient step, so that they may
    not narrow early (robust policy optimisation: Rahman & Xue, arXiv 2212.07536); 0: not at all."""
    max_grad_norm: float = 0.5
    """Global norm that gradients are clipped to."""
    normalise_observations: bool = True
    """Shift and scale observations by their running mean and deviation."""
    normalise_advantages: bool = True
    """Shift and scale the advantages of each minibatch to mean 0 and deviation 1."""
    reward_scale: float = 1.0
    """Factor on the reward that the learner sees; reported returns stay unscaled."""
    mixing_start: float = 0.0
    """What the advantage of another's reward channel counts for a term of the action at first (tasks with channels)."""
    mixing_updates: int = 0
    """Updates over which that grows to 1; 0 is 1 from the start."""
    symmetry: Symmetry = "none"
    """What tasks with a mirror make of it: "augment" learns from the mirror image of every minibatch too, "loss" from
    the distance between the mirrored action and the action in the mirrored world."""
    symmetry_weight: float = 1.0
    """Weight of that distance, squared, with "loss"."""

    def __post_init__(self):
        for name in ("worlds", "rollout_steps", "epochs", "minibatches"):
            _check(self, name, getattr(self, name) >= 1, "at least 1")
        _check(self, "worlds", self.worlds * self.rollout_steps < MOST_STEPS, f"below {MOST_STEPS} / rollout_steps")
        for name in ("anneal", "anneal_after"):
            _check(self, name, getattr(self, name) >= 0, "0 or a number of updates")
        _check(self, "mixing_updates", self.mixing_updates >= 0, "0 (all at once) or a number of updates")
        rates = "learning_rate", "learning_rate_min", "learning_rate_max"
        for name in (*rates, "clip", "max_grad_norm", "reward_scale"):
            _check(self, name, getattr(self, name) > 0 and isfinite(getattr(self, name)), "a finite number above 0")
        if self.kl_target:
            _check(self, "robustness", not self.robustness, "0 with ppo.kl_target, which would count the shifts")
            inside = self.learning_rate_min <= self.learning_rate <= self.learning_rate_max
            _check(self, "learning_rate", inside, "between ppo.learning_rate_min and ppo.learning_rate_max")
        _check(self, "symmetry", self.symmetry in get_args(Symmetry), " or ".join(get_args(Symmetry)))
        for name in ("value_clip", "value_coef", "entropy_coef", "kl_target", "symmetry_weight", "robustness"):
            _check(self, name, getattr(self, name) >= 0 and isfinite(getattr(self, name)), "0 or a finite number above")
        for name in ("gamma", "gae_lambda", "mixing_start"):
            _check(self, name, 0 <= getattr(self, name) <= 1, "between 0 and 1")
        if self.worlds % self.minibatches:
            near = " or ".join(str(n) for n in _nearest_divisors(self.worlds, self.minibatches))
            raise ValueError(
                f"ppo.minibatches is {self.minibatches}: worlds ({self.worlds}) must be divisible by it; use {near}"
            )


def _check(config: PPOConfig, name: str, good: bool, wanted: str) -> None:
    if not good:
        raise ValueError(f"ppo.{name} is {getattr(config, name)}: it must be {wanted}")


def _nearest_divisors(number: int, near: int) -> list[int]:
    """The divisors of `number` right below and right above `near`."""
    below = (d for d in range(min(near, number + 1) - 1, 0, -1) if number % d == 0)
    above = (d for d in range(near + 1, number + 1) if number % d == 0)
    return [*islice(below, 1), *islice(above, 1)]
