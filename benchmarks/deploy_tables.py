"""Tables of the way from a checkpoint to a robot, from the rows of `benchmarks/sim2real.py`."""

from collections import Counter
from typing import Any

Row = dict[str, Any]


def score(found: list[Row]) -> str:
    """What the way out of training costs, per latency."""
    first = found[0]
    lines = [
        "| robot | score | lost |",
        "|---|---:|---:|",
        f"| the env itself (`track/calm`) | {first['training_score']:.3f} | |",
        *(f"| {title(row)} | {row['score']:.3f} | {100 * row['lost']:.1f} % |" for row in found),
        "",
        f"The same commands and goals for each, {first['episodes']} episodes of 10 s. The score is the share of ticks "
        "that the robot was up for, times how near it kept to speed, turning rate, place and rotation of its goal "
        "(`policies/judge/track.py`).",
    ]
    return "\n".join(lines)


def title(row: Row) -> str:
    """What stands between robot and controller."""
    if not row["latency_ms"]:
        return "controller, robot without noise or latency"
    return f"controller, noise of training, {row['latency_ms']:g} ms"


def controller(found: list[Row]) -> str:
    """How punctual it is."""
    row = found[-1]
    half = row["resident_mb"][len(row["resident_mb"]) // 2 :]
    lines = [
        "| `gambol run`, the robot's process beside it | p50 | p99 |",
        "|---|---:|---:|",
        *(
            f"| {name}, ms | {row[key]['p50']:.3f} | {row[key]['p99']:.3f} |"
            for name, key in (("a tick begins late by", "jitter_ms"), ("inference", "inference_ms"))
        ),
        "",
        f"{row['ticks']:,} ticks in {row['minutes']:g} minutes, {row['missed']} deadlines missed "
        f"({100 * row['missed_share']:.2f} %). Resident memory over the second half: {min(half):.1f} to "
        f"{max(half):.1f} MB. {row['cores']} cores of an {row['device']}.",
    ]
    return "\n".join(lines)


def faults(found: list[Row]) -> str:
    """How they ended."""
    row = found[-1]
    ends = Counter(fault["ended"] for fault in row["faults"])
    told = ", ".join(f"{count} in {end}" for end, count in sorted(ends.items()))
    unsafe = sum(not fault["ok"] for fault in row["faults"])
    lines = [
        "| fault | ended in | after | reason |",
        "|---|---|---:|---|",
        *(
            f"| {fault['name']} | {fault['ended']} | {since(fault['after'])} | {fault['reason']} |"
            for fault in row["faults"]
        ),
        "",
        f"{row['count']} faults: {told}; {unsafe} not as they should.",
    ]
    return "\n".join(lines)


def since(seconds: float | None) -> str:
    """From the beginning of a fault until the robot damps. Some are there before it stands."""
    if seconds is None:
        return ""
    return f"{1e3 * seconds:.0f} ms" if seconds >= 0 else "as it rises"


def compression(found: list[Row]) -> str:
    """What each way to a smaller graph costs."""
    before = found[0]["before"]
    lines = [
        "| `gambol export` with | bytes | p50, ms | actions off | score | drop |",
        "|---|---:|---:|---:|---:|---:|",
        f"| nothing | {before['bytes']:,} | {before['p50_ms']:.3f} | | {before['score']['mean']:.3f} | |",
        *(
            f"| `{row['how']}` | {row['after']['bytes']:,} | {row['after']['p50_ms']:.3f} | "
            f"{100 * row['action_error']:.1f} % | {row['after']['score']['mean']:.3f} | {between(row['drop'])} |"
            for row in found
        ),
        "",
        "One state on one core. The score is that of the task as it trained, the same episodes for both graphs; the "
        "drop has its 95 % interval.",
    ]
    return "\n".join(lines)


def between(interval: Row) -> str:
    """A figure with its interval."""
    return f"{interval['mean']:.3f} ({interval['lo']:.3f} to {interval['hi']:.3f})"


def server(found: list[Row]) -> str:
    """Latency per number of clients."""

    def line(row: Row) -> str:
        rate, times = f"{row['per_second']:,.0f}", f"{row['p50_ms']:.2f} | {row['p99_ms']:.2f}"
        return f"| {row['clients']} | {rate} | {times} | {row['lost']} |"

    lines = [
        "| clients that ask again at once | answers/s | p50, ms | p99, ms | lost |",
        "|---:|---:|---:|---:|---:|",
        *map(line, found),
        "",
        f"{found[0]['seconds']:g} s each, clients and server on the same {found[0]['cores']} cores.",
    ]
    return "\n".join(lines)
