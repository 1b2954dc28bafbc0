"""How much of a reflex is the chunk's: networks like it that are not told the planned action, in a finished benchmark.

python -m benchmarks.reflex_alone runs/rtc-small            # appends a row to benchmarks/results/reflex_alone.jsonl
python -m benchmarks.reflex_alone runs/tiny --preset tiny --try    # records nothing

They learn what the benchmark's reflexes learn, from the same steps, for as long. What they are not told is zero, so no
delay concerns them.
"""

import json
import sys
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from gambol.envs.planar.env import make_planar
from gambol.policies.judge.provenance import provenance, record
from gambol.policies.judge.rtc.config import RtcBench, slug
from gambol.policies.judge.rtc.play import play
from gambol.policies.judge.rtc.stages import data_of, on
from gambol.policies.learn.flow.parts import ChunkParams, Parts, make_parts
from gambol.policies.learn.run import load_policy
from jax import Array

from .finished import asked

told = Parts.corrected


def hidden(parts: Parts, params: ChunkParams, seen: dict[str, Array], action: Array, age: Array) -> Array:
    """What a reflex says that knows neither the planned action nor its age."""
    return told(parts, params, seen, jnp.zeros_like(action), jnp.zeros_like(age))


def rate(bench: RtcBench, folder: Path, level: str, seed: int) -> float:
    """Train it, if it is not there, and play as the benchmark does."""
    place, data = folder / "policies" / slug(level) / str(seed), data_of(bench, folder, level, seed)
    config = bench.policy(level, seed, str(data), "reflex", str(place / "settled"))
    on(config, place / "alone", f"policy {seed} of {level}, alone", lambda text: print(text, file=sys.stderr))
    env = make_planar(bench.env(level))
    assert config.flow is not None
    params, parts = load_policy(place / "alone", "latest").params, make_parts(env.spec, config.flow)
    return float(play(env, parts, "settled", params, np.zeros(bench.rollouts, int), 1, 0, seed).solved.mean())


def main() -> None:
    """All levels and seeds."""
    done = asked(__doc__)
    bench, folder = done.bench, done.folder
    Parts.corrected = hidden
    levels = {level: [rate(bench, folder, level, seed) for seed in range(bench.seeds)] for level in bench.levels}
    reflex = {level: done.rates(level, "reflex", 0) for level in bench.levels}
    row = {"preset": done.preset, "rollouts": bench.rollouts, "alone": levels, "reflex": reflex}
    print(json.dumps({**provenance(), **row} if done.attempt else record("reflex_alone", **row)))


if __name__ == "__main__":
    main()
