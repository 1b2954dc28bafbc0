"""How fast the tracking task steps and learns, and what of it is physics.

python benchmarks/track_speed.py          # appends a row to results/track_speed.jsonl
python benchmarks/track_speed.py --try    # few worlds, records nothing

The worlds of the preset, standing and stepping under the noise of a fresh policy. What the env adds to physics
(observation, reward, reset, the arm's inverse kinematics, randomisation) is timed with physics left out; PPO with all
of it in. Medians.
"""

import argparse
import json
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
from gambol.envs.make import make_env
from gambol.envs.track.env import TrackEnv
from gambol.policies.judge.provenance import record
from gambol.policies.learn.config import load_preset
from gambol.policies.learn.ppo.learner import make_learner
from gambol.sim.legged.physics import Fields, Outcome, Physics, State
from jax import Array
from timed import seconds

CALLS, REPEATS = 24, 7
SPREAD = 0.6
"""Standard deviation of the actions, as of a fresh policy."""


@dataclass(frozen=True, eq=False)
class Nothing:
    """Physics in which nothing happens, and which XLA cannot tell from one in which something does."""

    physics: Physics

    def __getattr__(self, name: str) -> Any:
        return getattr(self.physics, name)

    def step(self, state: State, control: Array, values: Fields, steps: int) -> tuple[State, Outcome]:
        """The state as it is, and numbers in the place of what sensors say."""
        model, some = self.physics.world.model, state.qvel[:, :1] + control[:, :1] + values[0][:, :1]
        felt = Outcome(some + jnp.zeros(model.nsensordata), some + jnp.zeros(model.nu), some[:, 0] > 1e6)
        return state, felt


def stepping(env: TrackEnv, worlds: int, calls: int, repeats: int) -> float:
    """Seconds of so many control steps of all worlds."""
    actions = SPREAD * jax.random.normal(jax.random.key(1), (calls, worlds, *env.spec.action_space.shape))
    state, _ = jax.jit(lambda: env.reset(jax.random.key(0), worlds))()

    @jax.jit
    def run(state, actions):
        def one(state, action):
            state, step = env.step(state, action)
            return state, (step.observation, step.reward, step.final_observation)

        return jax.lax.scan(one, state, actions)

    return seconds(lambda: run(state, actions), repeats)


def learning(env: TrackEnv, config: Any, repeats: int) -> float:
    """Seconds of a PPO update."""
    learner = make_learner(env, config.ppo, config.network)
    state = learner.init(jax.random.key(0))

    def run() -> Any:
        nonlocal state
        state, metrics = learner.update(state)
        return metrics

    return seconds(run, repeats)


def main() -> None:
    """Measure, print, record."""
    parser = argparse.ArgumentParser(description="Speed of the tracking task.")
    parser.add_argument("--try", action="store_true", dest="attempt", help="few worlds, records nothing")
    parser.add_argument("--preset", default="track-b1z1-quick")
    arguments = parser.parse_args()
    config = load_preset(arguments.preset)
    worlds, calls, repeats = (16, 2, 1) if arguments.attempt else (config.ppo.worlds, CALLS, REPEATS)
    config = replace(config, ppo=replace(config.ppo, worlds=worlds))
    env = make_env(config.env)
    assert isinstance(env, TrackEnv)
    whole = stepping(env, worlds, calls, repeats)
    bare = stepping(replace(env, physics=Nothing(env.physics)), worlds, calls, repeats)
    update = learning(env, config, repeats)
    steps, collected = worlds * calls, worlds * config.ppo.rollout_steps
    row = {
        "preset": arguments.preset,
        "engine": env.engine,
        "worlds": worlds,
        "env_steps_per_second": round(steps / whole),
        "physics_steps_per_second": round(steps * config.env.decimation / (whole - bare)),
        "overhead": round(bare / (whole - bare), 3),
        "training_steps_per_second": round(collected / update),
        "learning_share": round(1 - collected * whole / steps / update, 3),
    }
    print(json.dumps(row))
    if not arguments.attempt:
        record("track_speed", **row)


if __name__ == "__main__":
    main()
