"""Physics steps per second of the legged robot on each engine, called from XLA.

python benchmarks/legged_engines.py          # appends a row to results/legged_engines.jsonl
python benchmarks/legged_engines.py --try    # few worlds, records nothing

The B1 with its arm stands, on a plane and on rough ground, while its drives get noisy targets: four physics steps a
call, as in the tracking task, each world with friction, mass and gains of its own. Each figure is the best of some
rollouts inside one `jit`, each a `scan` over calls.
"""

import argparse
import json
import time

import jax
import jax.numpy as jnp
import numpy as np
from gambol.policies.judge.provenance import record
from gambol.sim.legged.physics import Fields, ModelField, Physics, State, make, nominal
from gambol.sim.legged.robot import RobotConfig
from gambol.sim.legged.standing import standing
from gambol.sim.legged.terrain import TerrainConfig
from gambol.sim.legged.world import World, build

SKIP = 4
"""Physics steps per call."""
NOISE = 0.1
"""Of the targets of legs and arm, rad."""
WORLDS = {"cpu": {"batch": 512, "mjx": 512, "warp": 16}, "gpu": {"warp": 4096, "mjx": 4096}}
REPEATS = 5


def fields(world: World) -> tuple[ModelField, ...]:
    """What differs from world to world."""
    robot = world.robot
    first = np.zeros_like(robot.feet)
    return (
        ModelField("geom_friction", (robot.feet, first)),
        ModelField("body_mass", (np.array([robot.base]),)),
        ModelField("actuator_gainprm", (robot.actuator, np.zeros_like(robot.actuator))),
        ModelField("actuator_biasprm", (robot.actuator, np.ones_like(robot.actuator))),
    )


def varied(engine: Physics, worlds: int, random: np.random.Generator) -> Fields:
    """Values of the fields, up to a tenth off the model's own; drives keep the same gain for target and angle."""
    off = [random.uniform(0.9, 1.1, values.shape) for values in nominal(engine, worlds)]
    off[3] = off[2]
    return tuple(values * jnp.asarray(by, jnp.float32) for values, by in zip(nominal(engine, worlds), off, strict=True))


def start(world: World, worlds: int, random: np.random.Generator) -> State:
    """All robots in their default pose on the ground, near its middle."""
    model, robot = world.model, world.robot
    qpos = np.tile(model.qpos0, (worlds, 1))
    qpos[:, robot.qpos] = robot.default
    base = qpos[:, robot.base_qpos :]
    base[:, :2] = random.uniform(-2, 2, (worlds, 2))
    base[:, 2] = robot.config.standing_height + world.terrain.height(jnp.asarray(base[:, :2]))
    return State(jnp.asarray(qpos, jnp.float32), jnp.zeros((worlds, model.nv)))


def measure(world: World, name: str, worlds: int, calls: int) -> dict[str, float | int | str]:
    """Physics steps of all worlds per second, and seconds to compile a rollout of so many calls."""
    random = np.random.default_rng(0)
    engine = make(name, world, fields(world))
    values, state = varied(engine, worlds, random), start(world, worlds, random)
    noise = random.normal(0, NOISE, (calls, worlds, len(world.robot.names))) * (world.robot.action_scale > 0)
    controls = np.zeros((calls, worlds, world.model.nu), np.float32)
    controls[..., world.robot.actuator] = standing(world) + noise

    @jax.jit
    def rollout(state: State, controls):
        def one(state, control):
            state, outcome = engine.step(state, control, values, SKIP)
            return state, (outcome.sensors.sum(), outcome.overflow.sum())

        return jax.lax.scan(one, state, controls)

    given = state, jnp.asarray(controls)
    began = time.perf_counter()
    jax.block_until_ready(rollout(*given))
    compiling, best = time.perf_counter() - began, np.inf
    for _ in range(REPEATS):
        began = time.perf_counter()
        state, (_, overflow) = jax.block_until_ready(rollout(*given))
        best = min(best, time.perf_counter() - began)
    return {
        "engine": name,
        "terrain": world.terrain.config.kind,
        "worlds": worlds,
        "physics_steps_per_second": round(calls * SKIP * worlds / best),
        "compile_seconds": round(compiling - best, 1),
        "overflows": int(overflow.sum()),
        "mean_height": round(float(state.qpos[:, world.robot.base_qpos + 2].mean()), 3),
    }


def main() -> None:
    """Measure every engine of this platform on both grounds."""
    parser = argparse.ArgumentParser(description="Physics steps per second on each engine.")
    parser.add_argument("--try", action="store_true", dest="attempt", help="few worlds, records nothing")
    parser.add_argument("--engine", help="this one only")
    arguments = parser.parse_args()
    rows = []
    for kind in ("flat", "rough"):
        world = build(RobotConfig(), TerrainConfig(kind=kind))
        for name, worlds in WORLDS[jax.default_backend()].items():
            if arguments.engine in (None, name):
                rows.append(measure(world, name, 4 if arguments.attempt else worlds, 5 if arguments.attempt else 25))
                print(json.dumps(rows[-1]), flush=True)
    if not arguments.attempt:
        record("legged_engines", noise=NOISE, steps_per_call=SKIP, engines=rows)


if __name__ == "__main__":
    main()
