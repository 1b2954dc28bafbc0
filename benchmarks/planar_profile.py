"""Where the time of an env step and of a PPO update goes, measured by leaving parts out.

python benchmarks/planar_profile.py              # appends to results/planar_profile.jsonl and draws docs/engine.png
python benchmarks/planar_profile.py --training   # appends to results/planar_training.jsonl, one row per engine
"""

import argparse
import statistics
import time
from dataclasses import replace
from pathlib import Path
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
from gambol.envs.planar.env import PlanarConfig, PlanarEnv, make_planar
from gambol.policies.judge.provenance import record
from gambol.policies.learn.config import load_yaml
from gambol.policies.learn.ppo.acting import make_parts, make_policy
from gambol.policies.learn.ppo.learner import collect, make_learner, params_of
from gambol.policies.nets import mlp
from gambol.sim.planar import fused
from gambol.sim.planar.scene import CAPACITIES
from timed import seconds

ROOT = Path(__file__).parents[1]
PARTS = {
    "observation, reward, reset (XLA)": "tab:blue",
    "solver iterations": "tab:orange",
    "detection, warm start, integration": "tab:green",
    "reading and writing the state, the call": "tab:gray",
}


def env_step(size: str, worlds: int, steps: int = 64) -> dict[str, float]:
    """Microseconds of an env step of one world, by part. Flat observation, random continuous actions."""
    env = make_planar(PlanarConfig(size=size, levels=(f"kinetix/{size}",), action="continuous", engine="fused"))
    levels = jnp.arange(worlds, dtype=jnp.int32) % len(env.level_names)
    actions = jnp.asarray(np.random.default_rng(0).uniform(-1, 1, (steps, worlds, 6)), jnp.float32)
    start, _ = jax.jit(lambda env: env.assign(jax.random.key(0), levels))(env)

    state = start
    for action in actions:
        state, _ = jax.jit(PlanarEnv.step)(env, state, action)
    capacity, world, levels = env.capacity, state.world, state.level
    motor, thrust = (jnp.full((count, worlds), 0.5) for count in (capacity.joints, capacity.thrusters))

    def physics(iterations: int, skip: int):
        constants = replace(env.physics, iterations=iterations)

        def run(env, world, motor):
            table = fused.pack(env.bank.scene, env.bank.role)

            def one(total, _):
                # From the same state each time, so that all parts see the same contacts; the sum keeps XLA from
                # computing it once for all.
                driven = motor + 0 * total
                moved = fused.advance(capacity, table, levels, world, driven, thrust, constants, skip)
                return moved[3], None

            return jax.lax.scan(one, jnp.zeros(worlds), None, length=steps)[0]

        compiled = jax.jit(run)
        return seconds(lambda: compiled(env, world, motor))

    def stepping(env):
        def one(carry, action):
            state, total = carry
            state, step = env.step(state, action)
            return (state, total + step.observation.policy.sum() + step.reward.sum()), None

        return jax.lax.scan(one, (start, 0.0), actions)[0]

    compiled = jax.jit(stepping)
    full, kernel = seconds(lambda: compiled(env)), physics(env.physics.iterations, env.config.frame_skip)
    once, nothing = physics(0, env.config.frame_skip), physics(0, 0)
    parts = (full - kernel, kernel - once, once - nothing, nothing)
    return {name: 1e6 * part / steps / worlds for name, part in zip(PARTS, parts, strict=True)}


def draw(found: dict[str, dict[str, float]], path: Path) -> None:
    """One stacked bar per size."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 2.8), layout="constrained")
    for row, parts in enumerate(found.values()):
        left = 0.0
        for name, colour in PARTS.items():
            axes.barh(row, parts[name], left=left, color=colour, label=name if row == 0 else None)
            left += parts[name]
    axes.set_yticks(range(len(found)), [size.upper() for size in found])
    axes.invert_yaxis()
    axes.set_xlabel("microseconds per env step of one world")
    figure.legend(loc="outside upper center", ncols=2, fontsize=8)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def training(engine: str, preset: str = "demo") -> dict[str, float]:
    """Seconds of one PPO update of a preset on all levels of its size, and of its parts."""
    config = load_yaml(ROOT / "configs" / f"{preset}.yaml")
    env = make_planar(replace(config.env, levels=(f"kinetix/{config.env.size}",), engine=engine))
    learner = make_learner(env, config.ppo, config.network)
    parts = make_parts(env.spec, config.ppo, config.network)
    state = learner.init(jax.random.key(0))
    for _ in range(4):
        state, _ = learner.update(state)

    def gather(env, state):
        steps = config.ppo.rollout_steps
        return collect(env, make_policy(parts), params_of(state), state.worlds, state.key, steps)

    def physics(env, state):
        joints, thrusters = env.capacity.joints, env.capacity.thrusters
        motor, thrust = (jnp.full((count, config.ppo.worlds), 0.5) for count in (joints, thrusters))

        def one(now, _):
            world, touching, _, distance = env.advance(now, motor, thrust)
            return replace(now, world=world, touching=touching, last_distance=distance), None

        return jax.lax.scan(one, state.worlds.env_state, None, length=config.ppo.rollout_steps)[0]

    compiled = {name: jax.jit(part) for name, part in {"collect": gather, "engine": physics}.items()}
    found = {name: seconds(lambda part=part: part(env, state)) for name, part in compiled.items()}
    with mock.patch.object(mlp, "product", jnp.matmul):
        plain = make_learner(env, config.ppo, config.network)
        state, _ = plain.update(state)

    def update(by):
        nonlocal state
        began = time.perf_counter()
        state, metrics = by.update(state)
        jax.block_until_ready((state, metrics))
        return time.perf_counter() - began

    turns = [(update(learner), update(plain)) for _ in range(15)]
    found["update"], found["update with plain products"] = map(statistics.median, zip(*turns, strict=True))
    return found


def main() -> None:
    """Measure and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--training", action="store_true")
    parser.add_argument("--worlds", type=int, default=1024)
    asked = parser.parse_args()
    if asked.training:
        config = load_yaml(ROOT / "configs" / "demo.yaml")
        steps = config.ppo.worlds * config.ppo.rollout_steps
        for engine in ("xla", "fused"):
            found = training(engine)
            share = found["engine"] / found["update"]
            rate = steps / found["update"]
            print(record("planar_training", engine=engine, seconds=found, engine_share=share, steps_per_second=rate))
        return
    found = {size: env_step(size, asked.worlds) for size in CAPACITIES}
    print(record("planar_profile", worlds=asked.worlds, microseconds=found))
    draw(found, ROOT / "docs" / "engine.png")


if __name__ == "__main__":
    main()
