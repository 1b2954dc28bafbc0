"""`gambol bench`: time Gambol beside a published implementation, in turn, in one call."""

import json
import statistics
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from ..policies.judge.provenance import provenance, record, versions
from .arguments import read
from .bench_sides import Side, held_to, in_turn, ours, peer

DESCRIPTION = """Env steps per second of the CPU on the published levels: ours with auto-reset, Kinetix without.

  gambol bench planar --size m --worlds 128 --json
  gambol bench planar --size m --scaling
"""
PAIR_WORLDS = 128
SCALING_WORLDS = (1, 4, 16, 64, 256, 1024, 4096, 16384)

Found = dict[str, list[float]]
"""By side, env steps/s of each repeat."""


@dataclass(frozen=True)
class Planar:
    """What the command line chooses."""

    size: Literal["s", "m", "l"] = "m"
    """Suite and capacity."""
    worlds: tuple[int, ...] = ()
    """Worlds stepped together, by default 128; with --scaling ours one after the other, by default 1 to 16,384."""
    engine: Literal["auto", "xla", "fused"] = "auto"
    """What computes our physics."""
    scaling: bool = False
    """Find the best number of worlds of each side, and time it on one core too. Takes minutes."""
    peer_worlds: tuple[int, ...] = (1, 32, 128, 512)
    """With --scaling, those of Kinetix and of our engine xla beside fused."""
    steps: int | None = None
    """Env steps (two physics steps each) per timed rollout; by default as many as take half a second, at least 16."""
    repeats: int = 7
    """Timed rollouts of each, in turn; the median counts, of ratios that of the pairs."""
    cores: int | None = None
    """Use only so many cores."""
    save: bool = True
    """Append the result to benchmarks/results/planar.jsonl, or planar_scaling.jsonl."""
    json: bool = False
    """Print one JSON object as the last line."""

    def __post_init__(self):
        for name in ("steps", "repeats", "cores"):
            check(name, getattr(self, name))
        for name in ("worlds", "peer_worlds"):
            for number in getattr(self, name):
                check(name, number)
        if len(self.worlds) > 1 and not self.scaling:
            raise ValueError(f"worlds is {' '.join(map(str, self.worlds))}: name one number, or add --scaling")


def check(name: str, number: int | None) -> None:
    """Raise ValueError unless `number` is None or at least 1."""
    if number is not None and number < 1:
        raise ValueError(f"{name} is {number}: it must be at least 1")


def main(argv: list[str]) -> int:
    """Time what the command line asks for and print all sides. Raises ValueError for bad input."""
    what, *rest = argv or ["--help"]
    if what in ("-h", "--help"):
        print("usage: gambol bench planar|rtc [OPTIONS]\n\nExample: gambol bench planar --size m --scaling")
        return 0
    if what == "rtc":
        from .bench_rtc import main as rtc

        return rtc(rest)
    if what != "planar":
        raise ValueError(f"there is nothing called {what!r} to measure: use planar or rtc")
    bench = read(Planar, rest, prog="gambol bench planar", description=DESCRIPTION)
    with held_to(bench.cores):
        name, row = ("planar_scaling", scaling(bench)) if bench.scaling else ("planar", pair(bench))
        row = record(name, **row) if bench.save else {"what": name, **provenance(), **row}
    print(f"{name}, {bench.size.upper()}, {row['cores']} cores, {row['unit']}, engine {row['engine']}")
    print("\n".join(scaling_lines(row) if bench.scaling else pair_lines(row)))
    if bench.json:
        print(json.dumps(row))
    return 0


def pair(bench: Planar) -> dict[str, Any]:
    """Time both sides in turn at one number of worlds; returns the row that is recorded."""
    (worlds,) = bench.worlds or (PAIR_WORLDS,)
    with started(bench) as sides:
        found = timed(bench, sides, dict.fromkeys(sides, worlds))
        return {
            "size": bench.size,
            "worlds": worlds,
            "steps": bench.steps,
            "repeats": bench.repeats,
            **medians(found),
            "ratio": ratio(found),
            **about(sides),
        }


def scaling(bench: Planar) -> dict[str, Any]:
    """Time every side at all its numbers of worlds, then in turn at the best of each, on all cores and on one; returns
    the row that is recorded."""
    with started(bench) as sides:
        few = {1, *bench.peer_worlds}
        counts = dict.fromkeys(sides, few) | {"ours": {1, *(bench.worlds or SCALING_WORLDS)}}
        rates: dict[str, dict[int, float]] = {name: {} for name in sides}
        sweep = {}
        for worlds in sorted(set().union(*counts.values())):
            sweep[worlds] = timed(bench, sides, {name: worlds for name in sides if worlds in counts[name]})
            for name, rate in medians(sweep[worlds]).items():
                rates[name][worlds] = rate
            print(f"{worlds:,} worlds: {listed(medians(sweep[worlds]))}", flush=True)
        best = {name: max(of, key=of.__getitem__) for name, of in rates.items()}
        most = timed(bench, sides, best)
        said = about(sides)
    with held_to(1), started(bench) as sides:
        one_core = timed(bench, sides, best)
    return {
        "size": bench.size,
        "steps": bench.steps,
        "repeats": bench.repeats,
        **{name: {str(worlds): rate for worlds, rate in of.items()} for name, of in rates.items()},
        "ratio": ratio(most),
        "best": {name: {"worlds": best[name], "rate": rate} for name, rate in medians(most).items()},
        "one_world": medians(sweep[1]) | {"ratio": ratio(sweep[1])},
        "one_core": medians(one_core) | {"ratio": ratio(one_core)},
        **said,
    }


@contextmanager
def started(bench: Planar) -> Iterator[dict[str, Side]]:
    """The sides of a bench as processes that wait: ours, the peer, and xla where the scaling of fused is asked for."""
    theirs = peer(bench.size)
    with ExitStack() as stack:
        sides = {"ours": stack.enter_context(ours(bench.size, bench.engine))}
        if bench.scaling and sides["ours"].about["engine"] == "fused":
            sides["xla"] = stack.enter_context(ours(bench.size, "xla"))
        yield sides | {"peer": stack.enter_context(theirs)}


def timed(bench: Planar, sides: dict[str, Side], worlds: dict[str, int]) -> Found:
    """Env steps/s of the sides named in `worlds`, in turn."""
    return in_turn({name: (sides[name], count) for name, count in worlds.items()}, bench.repeats, bench.steps)


def about(sides: dict[str, Side]) -> dict[str, Any]:
    """What a row says of its sides besides their speed; compile times are those of the first program of a process."""
    theirs = {f"peer:{name}": version for name, version in sides["peer"].about["versions"].items()}
    return {
        "unit": "env steps/s",
        "engine": sides["ours"].about["engine"],
        "compile_s": {name: next(iter(side.compiled.values())) for name, side in sides.items()},
        "versions": versions() | theirs,
    }


def medians(found: Found) -> dict[str, float]:
    """The median of the repeats of each side."""
    return {name: statistics.median(rates) for name, rates in found.items()}


def ratio(found: Found) -> float:
    """How many times faster we are than the peer, the median of the pairs."""
    return statistics.median(us / them for us, them in zip(found["ours"], found["peer"], strict=True))


def listed(rates: dict[str, float]) -> str:
    """Rates by side in a line."""
    return ", ".join(f"{name} {rate:,.0f}" for name, rate in rates.items())


def pair_lines(row: dict[str, Any]) -> list[str]:
    """What the row of a pair says."""
    seconds = row["compile_s"]
    return [
        f"{row['worlds']:,} worlds: ours {row['ours']:,.0f}, kinetix-env {row['peer']:,.0f}; ratio {row['ratio']:.2f}",
        f"compile {seconds['ours']:.1f} s and {seconds['peer']:.1f} s",
    ]


def scaling_lines(row: dict[str, Any]) -> list[str]:
    """What the row of a scaling says, besides what was printed on the way."""
    best = ", ".join(f"{name} {of['rate']:,.0f} ({of['worlds']:,} worlds)" for name, of in row["best"].items())
    lines = [f"best: {best}; ratio {row['ratio']:.2f}"]
    for name, title in (("one_world", "one world"), ("one_core", "best, on one core")):
        rates = dict(row[name])
        times = rates.pop("ratio")
        lines.append(f"{title}: {listed(rates)}; ratio {times:.2f}")
    return lines
