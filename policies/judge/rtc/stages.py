"""The benchmark as one resumable run: experts, recordings, policies, cells. What is there already is not done again.

<folder>/  experts/<level>/<seed>/  data/<level>/<set>/  policies/<level>/<seed>/{first,naive,settled,reflex}/
           cells.jsonl
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
from ...learn.run import CONFIG, PROVENANCE, load_policy, train
from ...rtc.config import Method
from ..provenance import commit
from ..rollout import evaluate
from .config import Kind, RtcBench, slug
from .play import SMOOTHNESS, play

SETTINGS, CELLS, SOLVED = "bench.json", "cells.jsonl", "solved.json"
RUNS: dict[Kind, Kind | None] = {"first": None, "naive": "first", "settled": "first", "reflex": "settled"}
"""And what each goes on from."""
Say = Callable[[str], None]
KEY = ("level", "seed", "method", "delay", "every")
"""What tells a cell from others."""


class Failed(Exception):
    """A benchmark that cannot be finished; why, in one line."""


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
    """All stages of some levels, but for the cells that are `done`. New ones are appended to the folder's. Raises
    Failed where no expert learns a level."""
    env = make_planar(bench.env(bench.levels[0]))
    parts: dict[Kind, Parts] = {}  # one of a kind, so that playing is compiled once per method
    for kind in RUNS:
        flow = bench.policy(bench.levels[0], 0, "", kind, start="first").flow
        assert flow is not None
        parts[kind] = make_parts(env.spec, flow)
    for level in levels:
        for seed in range(bench.seeds):
            number = seed % bench.sets
            teachers = experts(bench, level, number, folder, say)
            recordings(bench, level, number, list(teachers), folder, say)
            policies = learned(bench, level, seed, folder, say)
            runs = [*(expert_run(folder, level, teacher) for teacher in teachers), *policies.values()]
            about = {"expert": float(np.mean(list(teachers.values()))), "commits": commits(runs)}
            for cell in judged(bench, parts, level, seed, policies, about, done, say):
                with (folder / CELLS).open("a") as stream:
                    stream.write(json.dumps(cell) + "\n")


def cells(folder: Path) -> list[dict[str, Any]]:
    """Those that are there, each once; a last line that was cut short is not. Raises ValueError for another damage."""
    path = folder / CELLS
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    whole = [line for line in lines if line.endswith("\n")]
    if len(whole) < len(lines):
        write_atomically(path, "".join(whole).encode())
    found = {}
    for number, line in enumerate(whole, 1):
        try:
            cell = json.loads(line)
            found[tuple(cell[name] for name in KEY)] = cell
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{path}, line {number}, is no cell ({error!r}): remove it, to have it played anew"
            ) from None
    return list(found.values())


def experts(bench: RtcBench, level: str, number: int, folder: Path, say: Say) -> dict[int, float]:
    """Train those of a data set until enough are good enough; returns the share of episodes that each of these solves,
    by seed. Raises Failed where none is."""
    rates, good = {}, {}
    for attempt in range(bench.tries):
        seed = number + attempt * bench.sets
        place = expert_run(folder, level, seed)
        on(bench.expert(level, seed), place, f"expert {seed} of {level}", say)
        if not (place / SOLVED).exists():
            loaded = load_policy(place, "latest")
            found = evaluate(loaded.env, loaded.policy, loaded.params, attempts=bench.rollouts, seed=seed)  # pyright: ignore[reportArgumentType]
            write_atomically(place / SOLVED, json.dumps(float(found.solved.mean())).encode())
        rates[seed] = json.loads((place / SOLVED).read_text())
        say(f"expert {seed} of {level} solves {rates[seed]:.1%}")
        good = {seed: rate for seed, rate in rates.items() if rate >= bench.least}
        if len(good) == bench.experts:
            break
    if not good:
        raise Failed(
            f"{level}: no expert of {bench.tries} solves {bench.least:.0%} of episodes after {bench.expert_steps:,} "
            f"steps ({', '.join(f'{rate:.1%}' for rate in rates.values())})"
        )
    return good


def expert_run(folder: Path, level: str, seed: int) -> Path:
    """Where an expert's run is."""
    return folder / "experts" / slug(level) / str(seed)


def data_of(bench: RtcBench, folder: Path, level: str, seed: int) -> Path:
    """Where the episodes are that a policy learns from."""
    return folder / "data" / slug(level) / str(seed % bench.sets)


def recordings(bench: RtcBench, level: str, number: int, teachers: list[int], folder: Path, say: Say) -> None:
    """A data set: episodes of these experts, as many of each."""
    place = data_of(bench, folder, level, number)
    if place.exists():
        return
    say(f"recording data set {number} of {level}")
    parts = []
    for seed in teachers:
        loaded = load_policy(expert_run(folder, level, seed), "latest")
        each = -(-bench.episodes // len(teachers))
        parts.append(collect(loaded.env, loaded.policy, loaded.params, each, min(each, 128), seed=100 + seed))
    place.parent.mkdir(parents=True, exist_ok=True)
    write(joined(parts), place)


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


def learned(bench: RtcBench, level: str, seed: int, folder: Path, say: Say) -> dict[Kind, Path]:
    """Runs of the policy of one seed, each of which goes on from another."""
    data = data_of(bench, folder, level, seed)
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
    about: dict[str, Any],
    done: list[dict[str, Any]],
    say: Say,
) -> Iterator[dict[str, Any]]:
    """The cells of one policy that are not there yet; all say what is `about` it."""
    there = {tuple(cell[name] for name in KEY) for cell in done}
    env = make_planar(bench.env(level))
    for method in bench.methods:
        missing = [(delay, every) for delay, every in bench.paces() if (level, seed, method, delay, every) not in there]
        if not missing:
            continue
        kind: Kind = method if method in ("settled", "reflex") else "naive"
        way: Method = "settled" if method == "reflex" else method
        loaded = load_policy(policies[kind], "latest")
        for delay, every in missing:
            found = play(env, parts[kind], way, loaded.params, np.zeros(bench.rollouts, int), every, delay, seed)
            cell = dict(zip(KEY, (level, seed, method, delay, every), strict=True)) | about
            cell |= {name: float(np.mean(getattr(found, name))) for name in SMOOTHNESS}
            rate, solved = float(found.solved.mean()), "".join(map(str, found.solved.astype(int)))
            say(f"{level} {seed} {method} delay {delay} blocks of {every}: {rate:.1%}")
            yield cell | {"rate": rate, "solved": solved}


def commits(runs: list[Path]) -> list[str]:
    """With which code these were trained, and are judged."""
    found = {commit()}
    for run in runs:
        told = json.loads((run / PROVENANCE).read_text())
        last = max((later["step"] for later in told.get("resumed", ())), default=0)
        found |= {told["commit"], *(later["commit"] for later in told.get("resumed", ()) if later["step"] < last)}
    return sorted(found)
