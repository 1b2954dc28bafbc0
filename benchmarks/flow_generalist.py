"""One policy for all levels of a finished benchmark, beside its policies of one level each.

python -m benchmarks.flow_generalist runs/rtc-small      # appends a row to benchmarks/results/flow_generalist.jsonl
python -m benchmarks.flow_generalist runs/tiny --preset tiny --try     # records nothing

It learns from the recordings of all levels, without being told which level it plays, from TIMES as many chunks as each
of the others; so does its reflex. Begun again, it goes on.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from gambol.envs.planar.env import PlanarConfig, make_planar
from gambol.policies.judge.provenance import provenance, record
from gambol.policies.judge.rtc.config import Kind, RtcBench, shortest
from gambol.policies.judge.rtc.play import play
from gambol.policies.judge.rtc.stages import data_of, on
from gambol.policies.learn.config import TrainConfig
from gambol.policies.learn.flow.parts import make_parts
from gambol.policies.learn.run import load_policy

from .finished import asked

TIMES = 2
KINDS: tuple[Literal["settled", "reflex"], ...] = ("settled", "reflex")
Rates = dict[str, dict[str, list[float]]]
"""By level and kind, at each delay."""


def config(bench: RtcBench, folder: Path, seed: int, kind: Kind, start: str = "") -> TrainConfig:
    """As that of a policy of one level, with all levels, all data and more chunks."""
    one = bench.policy(bench.levels[0], seed, "", kind, start)
    assert one.flow is not None
    data = tuple(str(data_of(bench, folder, level, seed)) for level in bench.levels)
    chunks = TIMES * (bench.reflex_chunks if kind == "reflex" else bench.chunks)
    return replace(one, env=world(bench), flow=replace(one.flow, data=data), run=replace(one.run, total_steps=chunks))


def world(bench: RtcBench) -> PlanarConfig:
    """The task with all levels."""
    return replace(bench.env(bench.levels[0]), levels=bench.levels)


def say(text: str) -> None:
    """Progress."""
    print(text, file=sys.stderr, flush=True)


def rates(bench: RtcBench, folder: Path, seed: int, delays: list[int]) -> Rates:
    """Of one generalist, which is trained if it is not there."""
    place, env = folder / "policies" / "all" / str(seed), make_planar(world(bench))
    found: Rates = {level: {} for level in bench.levels}
    start = ""
    for kind in KINDS:
        told = config(bench, folder, seed, kind, start)
        start = str(on(told, place / kind, f"policy {seed} of all levels, {kind}", say))
        assert told.flow is not None
        params, parts = load_policy(place / kind, "latest").params, make_parts(env.spec, told.flow)
        for index, level in enumerate(bench.levels):
            levels = np.full(bench.rollouts, index)
            played = [play(env, parts, "settled", params, levels, shortest(delay), delay, seed) for delay in delays]
            found[level][kind] = [float(each.solved.mean()) for each in played]
            say(f"{level} {seed} {kind}: {', '.join(f'{rate:.1%}' for rate in found[level][kind])}")
    return found


def main() -> None:
    """All seeds, at the shortest and the longest delay."""
    done = asked(__doc__)
    bench, delays = done.bench, [min(done.bench.delays), max(done.bench.delays)]
    by_seed = [rates(bench, done.folder, seed, delays) for seed in range(bench.seeds)]
    each = {
        level: {
            kind: [float(np.mean(done.rates(level, kind, delay, shortest(delay)))) for delay in delays]
            for kind in KINDS
        }
        for level in bench.levels
    }
    alike = {
        level: {kind: np.mean([found[level][kind] for found in by_seed], axis=0).tolist() for kind in KINDS}
        for level in bench.levels
    }
    row = {"preset": done.preset, "rollouts": bench.rollouts, "seeds": bench.seeds, "times": TIMES, "delays": delays}
    row |= {"all": alike, "each": each}
    print(json.dumps({**provenance(), **row} if done.attempt else record("flow_generalist", **row)))


if __name__ == "__main__":
    main()
