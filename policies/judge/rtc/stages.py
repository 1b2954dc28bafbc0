"""The benchmark as one resumable run: experts, recordings, policies, cells. What is there already is not done again.

<folder>/  experts/<level>/<seed>/  data/<level>/  policies/<level>/<seed>/{first,naive,settled,reflex}/  cells.jsonl
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ....configs.typed import to_mapping
from ....envs.files import write_atomically
from ....envs.planar.env import make_planar
from ....envs.planar.frames import PAST
from ...data.collect import collect
from ...data.recording import OBSERVATION, Recording
from ...data.write import write
from ...learn.config import TrainConfig
from ...learn.flow.parts import Parts, make_parts
from ...learn.run import CONFIG, load_policy, train
from ...rtc.config import Method
from ..rollout import evaluate
from .config import LEAST, Kind, RtcBench
from .play import play

SETTINGS, CELLS, SOLVED = "bench.json", "cells.jsonl", "solved.json"
RUNS: dict[Kind, Kind | None] = {"first": None, "naive": "first", "settled": "first", "reflex": "settled"}
"""And what each goes on from."""
Say = Callable[[str], None]


def begin(bench: RtcBench, folder: Path) -> list[dict[str, Any]]:
    """Make or find the folder; returns the cells that are there. Raises ValueError if it is of other settings."""
    settings = json.loads(json.dumps(to_mapping(bench)))
    if not (folder / SETTINGS).exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / SETTINGS, json.dumps(settings, indent=1).encode())
    elif json.loads((folder / SETTINGS).read_text()) != settings:
        raise ValueError(f"{folder} holds a benchmark with other settings: choose another folder")
    return cells(folder)


def play_levels(bench: RtcBench, levels: Iterable[str], folder: Path, done: list[dict[str, Any]], say: Say) -> None:
    """All stages of some levels, but for the cells that are `done`. New ones are appended to the folder's."""
    env = make_planar(bench.env(bench.levels[0]))
    parts: dict[Kind, Parts] = {}  # one of a kind, so that playing is compiled once per method
    for kind in RUNS:
        flow = bench.policy(bench.levels[0], 0, "", kind, start="first").flow
        assert flow is not None
        parts[kind] = make_parts(env.spec, flow)
    for level in levels:
        rates = experts(bench, level, folder, say)
        data = recordings(bench, level, rates, folder, say)
        for seed in range(bench.seeds):
            policies = learned(bench, level, seed, data, folder, say)
            for cell in judged(bench, parts, level, seed, policies, max(rates), done, say):
                with (folder / CELLS).open("a") as stream:
                    stream.write(json.dumps(cell) + "\n")


def cells(folder: Path) -> list[dict[str, Any]]:
    """Those that are there; a last line that was cut short is not."""
    path = folder / CELLS
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    whole = [line for line in lines if line.endswith("\n")]
    if len(whole) < len(lines):
        write_atomically(path, "".join(whole).encode())
    return [json.loads(line) for line in whole]


def experts(bench: RtcBench, level: str, folder: Path, say: Say) -> list[float]:
    """Train them; returns the share of episodes that each solves."""
    rates = []
    for seed in range(bench.experts):
        place = folder / "experts" / slug(level) / str(seed)
        on(bench.expert(level, seed), place, f"expert {seed} of {level}", say)
        if not (place / SOLVED).exists():
            loaded = load_policy(place, "latest")
            found = evaluate(loaded.env, loaded.policy, loaded.params, attempts=bench.rollouts, seed=seed)  # pyright: ignore[reportArgumentType]
            write_atomically(place / SOLVED, json.dumps(float(found.solved.mean())).encode())
        rates.append(json.loads((place / SOLVED).read_text()))
        say(f"expert {seed} of {level} solves {rates[-1]:.1%}")
    return rates


def recordings(bench: RtcBench, level: str, rates: list[float], folder: Path, say: Say) -> Path:
    """Episodes of all experts that are good enough, of the best where none is."""
    place = folder / "data" / slug(level)
    if place.exists():
        return place
    good = [seed for seed, rate in enumerate(rates) if rate >= LEAST] or [int(np.argmax(rates))]
    say(f"recording {level}")
    parts = []
    for seed in good:
        loaded = load_policy(folder / "experts" / slug(level) / str(seed), "latest")
        each = -(-bench.episodes // len(good))
        parts.append(collect(loaded.env, loaded.policy, loaded.params, each, min(each, 128), seed=100 + seed))
    write(joined(parts), place)
    return place


def joined(parts: list[Recording]) -> Recording:
    """Recordings of one task as one, without what experts alone see."""
    first, offset, episodes = parts[0], 0, []
    for part in parts:
        episodes.append(part.episode + offset)
        offset += len(part.tasks)
    kept = [name for name in first.arrays if name != OBSERVATION + PAST]
    arrays = {name: np.concatenate([part.arrays[name] for part in parts]) for name in kept}
    tasks = tuple(task for part in parts for task in part.tasks)
    return replace(first, arrays=arrays, episode=np.concatenate(episodes), tasks=tasks)


def learned(bench: RtcBench, level: str, seed: int, data: Path, folder: Path, say: Say) -> dict[Kind, Path]:
    """Runs of the policy of one seed, each of which goes on from another."""
    place, found = folder / "policies" / slug(level) / str(seed), {}
    for kind, start in RUNS.items():
        if kind == "reflex" and "reflex" not in bench.methods:
            continue
        config = bench.policy(level, seed, str(data), kind, str(found[start]) if start else "")
        found[kind] = on(config, place / kind, f"policy {seed} of {level}, {kind}", say)
    return found


def on(config: TrainConfig, place: Path, what: str, say: Say) -> Path:
    """Train to the end, from where it stands."""
    if not (place / CONFIG).exists():
        say(f"training {what}")
    result = train(config, place, resume=(place / CONFIG).exists())
    if result.interrupted:
        raise KeyboardInterrupt
    return place


def judged(
    bench: RtcBench,
    parts: dict[Kind, Parts],
    level: str,
    seed: int,
    policies: dict[Kind, Path],
    expert: float,
    done: list[dict[str, Any]],
    say: Say,
) -> Iterator[dict[str, Any]]:
    """The cells of one policy that are not there yet, with blocks as short as the delay allows."""
    there = {(cell["level"], cell["seed"], cell["method"], cell["delay"]) for cell in done}
    env = make_planar(bench.env(level))
    for method in bench.methods:
        missing = [delay for delay in bench.delays if (level, seed, method, delay) not in there]
        if not missing:
            continue
        kind: Kind = method if method in ("settled", "reflex") else "naive"
        way: Method = "settled" if method == "reflex" else method
        loaded = load_policy(policies[kind], "latest")
        for delay in missing:
            every = max(delay, 1)
            found = play(env, parts[kind], way, loaded.params, np.zeros(bench.rollouts, int), every, delay, seed)
            about = {"level": level, "seed": seed, "method": method, "delay": delay, "every": every, "expert": expert}
            rate, delta, jerk = (float(np.mean(x)) for x in (found.solved, found.delta, found.jerk))
            say(f"{level} {seed} {method} delay {delay}: {rate:.1%}")
            solved = "".join(map(str, found.solved.astype(int)))
            yield about | {"rate": rate, "delta": delta, "jerk": jerk, "solved": solved}


def slug(level: str) -> str:
    """A level's name as a folder's."""
    return level.removesuffix(".json").rsplit("/", 1)[-1]
