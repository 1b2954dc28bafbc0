"""A judge's toy world: every step is a coin that the policy throws, and every level says what the coin does."""

from dataclasses import dataclass, field
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gambol.envs.contract import EnvSpec, Observation, Step
from gambol.policies.policy import Policy
from gymnasium.spaces import Box

STEPS = 4


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class CoinEnv:
    """An episode ends on its first step where the action falls below the level's `end`, and is solved if the action
    is also below `solve`; after `STEPS` steps it is truncated. Every later episode is solved at once."""

    end: jax.Array
    solve: jax.Array
    level_names: tuple[str, ...] = field(metadata={"static": True})

    spec: ClassVar[EnvSpec] = EnvSpec(
        "coin", Box(0, 1, (1,)), Box(0, 1, (1,)), {}, (), 0.1, STEPS, metrics=("solved", "coin"), success="solved"
    )

    def reset(self, key, worlds):
        raise AssertionError("the judge assigns its levels")

    def assign(self, key, levels):
        worlds = levels.shape[0]
        return (levels, jnp.zeros(worlds, jnp.int32), jnp.ones(worlds, bool)), Observation(jnp.zeros((worlds, 1)))

    def step(self, state, action):
        levels, elapsed, first = state
        coin, elapsed = action[:, 0], elapsed + 1
        terminated = jnp.where(first, coin < self.end[levels], True)
        solved = jnp.where(first, coin < self.solve[levels], True)
        truncated = ~terminated & (elapsed >= STEPS)
        done = terminated | truncated
        observation = Observation(coin[:, None])
        metrics = {"solved": solved.astype(jnp.float32), "coin": coin}
        step = Step(observation, jnp.ones_like(coin), terminated, truncated, observation, metrics)
        return (levels, jnp.where(done, 0, elapsed), first & ~done), step


def _throw(params, memory, observation, key):
    worlds = observation.policy.shape[0]
    return params * jax.random.uniform(key, (worlds, 1)), memory + 1


@pytest.fixture(scope="session")
def thrower() -> Policy:
    """Throws a coin from [0, params)."""
    return Policy(lambda worlds: jnp.zeros((worlds, 1)), _throw)


@pytest.fixture(scope="session")
def coin_env() -> CoinEnv:
    """Levels never over, lost at once, solved with 0.3 at each of the four steps, solved at once."""
    end, solve = np.array([[0.0, 1.0, 0.3, 1.0], [0.0, 0.0, 0.3, 1.0]], np.float32)
    return CoinEnv(jnp.asarray(end), jnp.asarray(solve), ("never", "lost", "sometimes", "always"))
