import pytest
from gambol.policies.learn.ppo.config import PPOConfig


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"minibatches": 3}, r"ppo.minibatches is 3: worlds \(128\) must be divisible by it; use 2 or 4"),
        ({"minibatches": 256}, r"ppo.minibatches is 256: worlds \(128\) must be divisible by it; use 128"),
        ({"worlds": 0}, "ppo.worlds is 0: it must be at least 1"),
        ({"worlds": 10**15 + 1}, "ppo.worlds is 1000000000000001: it must be below 2147483648 / rollout_steps"),
        ({"epochs": 0}, "ppo.epochs is 0: it must be at least 1"),
        ({"rollout_steps": -1}, "ppo.rollout_steps is -1: it must be at least 1"),
        ({"anneal": -1}, "ppo.anneal is -1: it must be 0"),
        ({"learning_rate": 0.0}, "ppo.learning_rate is 0.0: it must be a finite number above 0"),
        ({"learning_rate": float("inf")}, "ppo.learning_rate is inf"),
        ({"clip": float("nan")}, "ppo.clip is nan"),
        ({"entropy_coef": -0.1}, "ppo.entropy_coef is -0.1: it must be 0 or a finite number above"),
        ({"gamma": 1.5}, "ppo.gamma is 1.5: it must be between 0 and 1"),
        ({"kl_target": -0.1}, "ppo.kl_target is -0.1: it must be 0 or a finite number above"),
        ({"robustness": -0.1}, "ppo.robustness is -0.1: it must be 0 or a finite number above"),
        ({"robustness": 0.3, "kl_target": 0.01}, "ppo.robustness is 0.3: it must be 0 with ppo.kl_target"),
        ({"anneal_after": -1}, "ppo.anneal_after is -1: it must be 0"),
        (
            {"kl_target": 0.01, "learning_rate": 0.1},
            "ppo.learning_rate is 0.1: it must be between ppo.learning_rate_min",
        ),
        ({"symmetry": "both"}, "ppo.symmetry is both: it must be none or augment or loss"),
        ({"symmetry_weight": -1.0}, "ppo.symmetry_weight is -1.0: it must be 0"),
        ({"mixing_start": 2.0}, "ppo.mixing_start is 2.0: it must be between 0 and 1"),
        ({"mixing_updates": -3}, "ppo.mixing_updates is -3: it must be 0"),
    ],
)
def test_settings_that_cannot_work_are_named(setting, message):
    with pytest.raises(ValueError, match=message):
        PPOConfig(**setting)
