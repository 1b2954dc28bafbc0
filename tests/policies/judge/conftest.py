"""What the judge's tests share. Its toy world: every step is a coin that the policy throws, and every level says what
the coin does."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gambol.envs.contract import EnvSpec, Observation, Step
from gambol.envs.track.config import TrackConfig
from gambol.envs.track.env import make_track
from gambol.envs.track.goal import first
from gambol.policies.judge.baselines import noop_policy
from gambol.policies.judge.page import Page
from gambol.policies.judge.viewer import Viewer
from gambol.policies.policy import Policy
from gambol.sim.legged.robot import RobotConfig
from gambol.sim.legged.terrain import TerrainConfig
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


@pytest.fixture(scope="session")
def standing():
    """(env of tracking) -> a state in which its robot stands in the middle, told nothing, its goal the first. Nothing
    of it is compiled: what pictures do not show is zero."""

    def make(env):
        def zeros(leaf):
            is_key = jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
            return jax.random.key(0) if is_key else jnp.zeros(leaf.shape, leaf.dtype)

        state = jax.tree.map(zeros, jax.eval_shape(lambda key: env.reset(key, 1)[0], jax.random.key(0)))
        qpos = env.world.model.qpos0.copy()
        qpos[env.world.robot.qpos] = env.world.robot.default
        qpos[2] = env.world.robot.config.standing_height
        physics = replace(state.episode.physics, qpos=jnp.asarray(qpos, jnp.float32)[None])
        return replace(state, episode=replace(state.episode, physics=physics, goal=first(1)))

    return make


@pytest.fixture(scope="session")
def armless():
    """Tracking by the small robot of the tests of `sim.legged`, on rough ground."""
    legs = ("LF", "RF", "LH", "RH")
    robot = RobotConfig(
        model=str(Path(__file__).parents[2] / "sim" / "legged" / "quadruped.xml"),
        base="torso",
        leg_joints=tuple(f"{leg}_{part}" for leg in legs for part in ("abduct", "upper", "lower")),
        arm_joints=(),
        gripper_joints=(),
        feet=tuple(f"{leg}_foot" for leg in legs),
        bumpers=("torso",),
        default_pose=(0.0, 0.7, -1.4) * 4,
        leg_kp=40.0,
        leg_kd=1.0,
        standing_height=0.326,
    )
    return make_track(TrackConfig(robot=robot, terrain=TerrainConfig("rough", size=4.0, margin=1.0), engine="batch"))


@pytest.fixture(scope="session")
def opened():
    """A page that shows a policy which does nothing, and the loop behind it, which does not run. It takes a while."""
    pytest.importorskip("viser", reason="the page needs viser")
    env = make_track(TrackConfig(engine="batch", episode_seconds=1e6))
    page = Page(env, "noop", port=0)
    yield Viewer(env, noop_policy(env.spec), None, page)
    page.close()
