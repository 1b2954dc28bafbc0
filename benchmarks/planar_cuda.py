"""The fused engine beside jax2d on one NVIDIA card: physics steps per second over world counts, all in one call.

python -m benchmarks.planar_cuda                 # appends one row per size to benchmarks/results/planar_cuda.jsonl
python -m benchmarks.planar_cuda --try-on-cpu     # the same on the CPU with few worlds; records nothing
"""

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from gambol.envs.planar import suites
from gambol.envs.planar.level import Level
from gambol.policies.judge.provenance import provenance, record
from gambol.sim.planar import fused
from gambol.sim.planar.scene import CAPACITIES, Physics
from jax2d.engine import PhysicsEngine
from jax2d.sim_state import SimParams

from benchmarks.planar_parity import static_params, to_jax2d

WORLDS = (256, 1024, 4096, 16384, 65536)
STEPS = 64
"""Physics steps per timed rollout."""
SKIP = 2
"""Physics steps in one launch of the kernel, as in one env step."""
REPEATS = 5


def measure(size: str, worlds: tuple[int, ...], steps: int = STEPS, repeats: int = REPEATS) -> dict[str, Any]:
    """Time both engines in turn on the published levels of a size under random controls."""
    names, bank = suites.load((f"kinetix/{size}",), CAPACITIES[size], quirks=True)
    ours, theirs, compiling = {}, {}, {}
    for count in worlds:
        levels = jnp.arange(count, dtype=jnp.int32) % len(names)
        sides = (_gambol(bank, levels, steps), _jax2d(bank, levels, steps))
        compiling[count] = [_seconds(side) for side in sides]
        times = [[_seconds(side) for side in sides] for _ in range(repeats)]
        ours[count], theirs[count] = (count * steps / float(x) for x in np.median(times, axis=0))
    best, peer = max(ours.values()), max(theirs.values())
    return {
        "size": size,
        "ours": ours,
        "peer": theirs,
        "peer_name": "jax2d 1.0.2",
        "first_call_s": compiling,
        "ratio": best / peer,
        "unit": "physics steps/s",
    }


def _seconds(side: Callable[[], Any]) -> float:
    began = time.perf_counter()
    jax.block_until_ready(side())
    return time.perf_counter() - began


def _controls(capacity, count: int, steps: int):
    """Random motors [T, J, W] and thrusts [T, K, W]."""
    motor, thrust = jax.random.split(jax.random.key(0))
    motor = jax.random.uniform(motor, (steps, capacity.joints, count), minval=-1.0)
    return motor, jax.random.uniform(thrust, (steps, capacity.thrusters, count))


def _gambol(bank: Level, levels: jax.Array, steps: int) -> Callable[[], Any]:
    capacity = bank.scene.capacity
    table = jax.jit(fused.pack)(bank.scene, bank.role)
    start = jax.tree.map(lambda x: x[..., levels], bank.state)
    controls = _controls(capacity, levels.shape[0], steps // SKIP)

    def rollout(table, start, controls):
        def one(state, control):
            state, _, outcome, _ = fused.advance(capacity, table, levels, state, *control, Physics(), SKIP)
            return state, outcome.sum()

        state, outcomes = jax.lax.scan(one, start, controls)
        return state.position, outcomes

    compiled = jax.jit(rollout)
    return lambda: compiled(table, start, controls)


def _jax2d(bank: Level, levels: jax.Array, steps: int) -> Callable[[], Any]:
    count = levels.shape[0]
    each = [to_jax2d(jax.tree.map(lambda x, i=i: x[..., i], bank)) for i in range(bank.role.shape[-1])]
    start = jax.tree.map(lambda *x: jnp.stack(x)[levels], *each)
    physics = PhysicsEngine(static_params(bank))
    controls = jnp.concatenate(_controls(bank.scene.capacity, count, steps), axis=1)

    def rollout(start, controls):
        def one(state, control):
            state, _ = jax.vmap(physics.step, (0, None, 0))(state, SimParams(), control.T)
            return state, None

        state, _ = jax.lax.scan(one, start, controls)
        return state.polygon.position, state.circle.position

    compiled = jax.jit(rollout)
    return lambda: compiled(start, controls)


def main() -> None:
    """Measure S, M and L."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--try-on-cpu", action="store_true", help="few worlds, nothing recorded")
    parser.add_argument("--worlds", type=int, nargs="+", default=list(WORLDS))
    asked = parser.parse_args()
    if not asked.try_on_cpu and jax.default_backend() != "gpu":
        raise SystemExit(f"JAX computes on {jax.default_backend()}: this needs an NVIDIA card (or --try-on-cpu)")
    for size in CAPACITIES:
        if asked.try_on_cpu:
            row = {"what": "planar_cuda", **provenance(), **measure(size, (16,), steps=8, repeats=1)}
        else:
            row = record("planar_cuda", **measure(size, tuple(asked.worlds)))
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
