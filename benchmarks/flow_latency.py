"""How long a chunk of actions takes to compute, on one CPU core.

python benchmarks/flow_latency.py          # appends a row per head to results/flow_latency.jsonl
python benchmarks/flow_latency.py --try    # one small head, a few turns, records nothing

Heads with drawn weights, since time does not depend on them, on the flat observation of the largest levels. In ONNX
Runtime, as a controller or a server runs them, in float32 and with weights and inputs of linear layers in 8 bits; and
in JAX, as training and judging run them. All things are timed in turn, many times over; ratios are medians of those
of one turn.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from gambol.envs.planar.env import PlanarConfig, PlanarEnv, make_planar
from gambol.policies.judge.provenance import record
from gambol.policies.judge.rtc.config import HEAD
from gambol.policies.learn.config import TrainConfig
from gambol.policies.learn.flow.acting import make_policy
from gambol.policies.learn.flow.config import FlowLearning
from gambol.policies.learn.flow.parts import ChunkParams, Network, Scalings, make_parts
from gambol.policies.learn.flow.scaling import Scaling
from gambol.policies.learn.run import LoadedPolicy
from gambol.policies.nets.flow.config import SMALL, TINY
from gambol.policies.nets.stream import shapes_of
from gambol.policies.rtc.config import Method, PlayConfig
from gambol.sim2real import chunks
from gambol.sim2real.compress import passes
from gambol.sim2real.extras import need
from gambol.sim2real.graphs import plain_meaning
from gambol.sim2real.sessions import open_session

ENV = PlanarConfig(size="l", levels=("kinetix/l/car_launch",), action="continuous")
HEADS = {"tiny": TINY, "bench": HEAD, "small": SMALL}
METHODS: tuple[Method, ...] = ("naive", "settled", "identity", "guided")
Call = Callable[[], Any]


def loaded(env: PlanarEnv, flow: FlowLearning) -> LoadedPolicy:
    """A policy with drawn weights."""
    parts = make_parts(env.spec, flow)
    size = parts.action

    def drawn(network: Network) -> Any:
        fresh = network.fresh(jax.random.key(0))
        return jax.tree.map(lambda w: w + 0.02 * jax.random.normal(jax.random.key(w.size), w.shape), fresh)

    seen = {name: Scaling(jnp.zeros(n), jnp.ones(n)) for name, n in parts.vectors.items()}
    scalings = Scalings(seen, Scaling(jnp.zeros(size), jnp.ones(size)))
    params = ChunkParams(drawn(parts.network), scalings, drawn(parts.reflex) if parts.reflex else None)
    return LoadedPolicy(TrainConfig("latency", 0, ENV, flow=flow), env, make_policy(parts, flow.play, 0.0), params, 0)


def calls(env: PlanarEnv, flow: FlowLearning) -> tuple[dict[str, Call], dict[str, float]]:
    """What is timed, by name; and how far 8 bits are off, relative to the chunk's norm."""
    like, found, off = shapes_of(env.spec.observation_space), {}, {}
    for method in METHODS:
        reflex = {"settled": 4, "reflex": (256, 256), "start": "drawn"} if method == "settled" else {}
        policy = loaded(env, replace(flow, play=PlayConfig(method), **reflex))
        made = chunks.export(policy, like, plain_meaning(6), "policy.onnx", ("obs", "actions"), 0)
        rows = {tensor.name: made.ticks[f"in.{tensor.name}"] for tensor in made.graph.inputs}
        one = {name: values[40:41] for name, values in rows.items()}
        session = open_session(made.content, alone=True)
        found[f"onnx {method}"] = lambda session=session, one=one: session.run(None, one)
        ask = jax.jit(chunks.asked(make_parts(env.spec, policy.config.flow), policy.params, like, plain_meaning(6)))  # pyright: ignore[reportArgumentType]
        given = [jnp.asarray(values) for values in one.values()]
        found[f"jax {method}"] = lambda ask=ask, given=given: jax.block_until_ready(ask(*given))
        if reflex:
            small = open_session(made.parts[chunks.REFLEX], alone=True)
            asked = {name: made.ticks[f"in.{name}"][40:41] for name in ("obs", chunks.PLANNED, chunks.AGE)}
            found["reflex"] = lambda small=small, asked=asked: small.run(None, asked)
        if method == "naive":
            found |= halves(made.parts, one["obs"], flow.horizon, "")
            found |= halves({n: in_int8(x) for n, x in made.parts.items()}, one["obs"], flow.horizon, " int8")
            whole = in_int8(made.content)
            coarse = open_session(whole, alone=True)
            found["onnx naive int8"] = lambda coarse=coarse, one=one: coarse.run(None, one)
            fine, rough = (open_session(content).run(None, rows)[0] for content in (made.content, whole))
            off = {"action_error": float(np.linalg.norm(rough - fine) / np.linalg.norm(fine))}
            off |= {"bytes": len(made.content), "bytes_int8": len(whole)}
    return found, off


def in_int8(content: bytes) -> bytes:
    """A graph with weights and inputs of its linear layers in 8 bits."""
    return passes.in_int8(need("onnx").load_from_string(content)).SerializeToString()


def halves(parts: dict[str, bytes], seen: np.ndarray, horizon: int, kind: str) -> dict[str, Call]:
    """Encoding, and one step of the flow."""
    encode, denoise = (open_session(parts[name], alone=True) for name in (chunks.ENCODE, chunks.DENOISE))
    known = encode.run(None, {"obs": seen})
    names = [value.name for value in encode.get_outputs()]
    given = dict(zip(names, known, strict=True))
    given |= {"chunk": np.zeros((1, horizon, 6), np.float32), "time": np.zeros((1, horizon), np.float32)}
    return {
        f"encode{kind}": lambda: encode.run(None, {"obs": seen}),
        f"denoise{kind}": lambda: denoise.run(None, given),
    }


def timed(things: dict[str, Call], turns: int, each: int = 20) -> dict[str, list[float]]:
    """Milliseconds of a call, for each turn the median of some."""
    for call in things.values():
        call()
    found: dict[str, list[float]] = {name: [] for name in things}
    for _ in range(turns):
        for name, call in things.items():
            taken = []
            for _ in range(each):
                began = time.perf_counter()
                call()
                taken.append(1e3 * (time.perf_counter() - began))
            found[name].append(float(np.median(taken)))
    return found


def main() -> None:
    """Time, print, record."""
    parser = argparse.ArgumentParser(description="Latency of chunks of actions on one core.")
    parser.add_argument("--try", action="store_true", dest="attempt", help="one head, a few turns, records nothing")
    attempt = parser.parse_args().attempt
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # before JAX counts cores, which it does when first asked
    env = make_planar(ENV)
    for name, head in {"tiny": TINY}.items() if attempt else HEADS.items():
        things, more = calls(env, FlowLearning(head=head))
        taken = timed(things, turns=3 if attempt else 31)
        over = {
            f"{runtime} {method}": float(np.median(np.divide(taken[f"{runtime} {method}"], taken[f"{runtime} naive"])))
            for runtime in ("onnx", "jax")
            for method in METHODS[1:]
        }
        row = {"head": name, "steps": head.steps, "horizon": head.horizon, "one_core": True, **more}
        row |= {"ms": {thing: float(np.median(values)) for thing, values in taken.items()}, "over_naive": over}
        print(json.dumps(row), flush=True)
        if not attempt:
            record("flow_latency", **row)


if __name__ == "__main__":
    main()
