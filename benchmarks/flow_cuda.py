"""A chunk of actions from a head of pi0's size on one NVIDIA card, beside the time that reading its weights takes.

python -m benchmarks.flow_cuda                 # appends a row per head to benchmarks/results/flow_cuda.jsonl
python -m benchmarks.flow_cuda --try-on-cpu     # one small head, records nothing

Drawn weights, one question at a time, 10 steps. What is observed is as many tokens as three pictures and a sentence.
The floor is bytes of the weights that steps read over the speed at which this card reads memory, measured in the same
run.
"""

import argparse
import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from gambol.policies.judge.provenance import provenance, record
from gambol.policies.nets.flow.config import PI0, PI05, TINY, FlowConfig
from gambol.policies.nets.flow.head import FlowHead
from gambol.policies.nets.flow.transformer import Known
from gambol.policies.rtc.config import Method
from gambol.policies.rtc.plan import plan
from jax import Array

HEADS = {"pi0": (PI0, 816), "pi05": (PI05, 968)}
"""And the tokens of their prefixes (Black et al. 2024; Physical Intelligence 2025)."""
METHODS: tuple[Method, ...] = ("naive", "settled", "identity", "guided")
ACTION, DELAY, EVERY = 32, 4, 25
PROBE = 2**30
"""Numbers of bfloat16 that are read to see how fast memory is."""


def measure(config: FlowConfig, tokens: int, probe: int, repeats: int) -> dict[str, Any]:
    """Milliseconds of encoding and of a chunk by each method, and the floor."""
    graph, weights = drawn(config)
    seen = jax.random.normal(jax.random.key(1), (1, tokens, config.prefix.width), config.compute)
    state = jnp.zeros((1, config.state)) if config.state else None
    before = jax.random.normal(jax.random.key(2), (1, config.horizon, ACTION))

    @jax.jit
    def encode(weights: nnx.State, seen: Array) -> Known:
        return nnx.merge(graph, weights).encode(seen, jnp.ones(seen.shape[:2], bool))

    @partial(jax.jit, static_argnames="method")
    def chunk(weights: nnx.State, known: Known, before: Array, method: Method) -> Array:
        def velocity(chunk: Array, time: Array, settled: Array | None = None) -> Array:
            return nnx.merge(graph, weights).velocity(known, chunk, time, settled, state)

        return plan(method, velocity, config.steps, jax.random.key(0), before, jnp.ones(1, bool), DELAY, EVERY)

    known = encode(weights, seen)
    calls = {"encode": lambda: encode(weights, seen)}
    calls |= {method: partial(chunk, weights, known, before, method) for method in METHODS}
    taken = timed(calls, repeats)
    ms = {name: float(np.median(times)) for name, times in taken.items()}
    over = {name: float(np.median(np.divide(taken[name], taken["naive"]))) for name in METHODS[1:]}
    read, speed = bytes_of_a_step(weights), reading(probe, repeats)
    floor = 1e3 * config.steps * read / speed
    return {
        "ms": ms,
        "over_naive": over,
        "steps": config.steps,
        "horizon": config.horizon,
        "tokens": tokens,
        "bytes_of_a_step": read,
        "bytes_per_second": speed,
        "floor_ms": floor,
        "over_floor": ms["naive"] / floor,
    }


def drawn(config: FlowConfig) -> tuple[nnx.GraphDef, nnx.State]:
    """A head, its matrices in the type it computes in, as one would keep them to act."""

    def make(key: Array) -> FlowHead:
        return FlowHead(config, ACTION, rngs=nnx.Rngs(params=key))

    graph = nnx.graphdef(nnx.eval_shape(make, jax.random.key(0)))

    @jax.jit
    def fresh(key: Array) -> nnx.State:
        return jax.tree.map(lambda w: w.astype(config.compute) if w.ndim > 1 else w, nnx.state(make(key)))

    return graph, fresh(jax.random.key(0))


def bytes_of_a_step(weights: nnx.State) -> int:
    """Of all weights but the prefix's, which are read once, to encode."""
    flat = jax.tree_util.tree_flatten_with_path(weights)[0]
    return sum(leaf.nbytes for path, leaf in flat if "prefix" not in jax.tree_util.keystr(path))


def reading(numbers: int, repeats: int) -> float:
    """Bytes per second at which memory is read."""
    array = jnp.ones(numbers, jnp.bfloat16)
    total = jax.jit(lambda x: x.sum(dtype=jnp.float32))
    return array.nbytes / (min(timed({"read": lambda: total(array)}, repeats)["read"]) / 1e3)


def timed(calls: dict[str, Callable[[], Any]], repeats: int) -> dict[str, list[float]]:
    """Milliseconds, all in turn."""
    for call in calls.values():
        jax.block_until_ready(call())
    found: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            began = time.perf_counter()
            jax.block_until_ready(call())
            found[name].append(1e3 * (time.perf_counter() - began))
    return found


def main() -> None:
    """Time both heads."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--try-on-cpu", action="store_true", help="a small head, nothing recorded")
    asked = parser.parse_args()
    if asked.try_on_cpu:
        print(json.dumps({"what": "flow_cuda", **provenance(), "head": "tiny", **measure(TINY, 16, 2**20, 3)}))
        return
    if jax.default_backend() != "gpu":
        raise SystemExit(f"JAX computes on {jax.default_backend()}: this needs an NVIDIA card (or --try-on-cpu)")
    for name, (config, tokens) in HEADS.items():
        print(json.dumps(record("flow_cuda", head=name, **measure(config, tokens, PROBE, 51))), flush=True)


if __name__ == "__main__":
    main()
