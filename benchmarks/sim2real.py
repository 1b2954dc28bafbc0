"""From a checkpoint to a robot: what the way out of training costs, on this machine.

python benchmarks/sim2real.py score         # the shipped policy through the controller, per latency
python benchmarks/sim2real.py controller    # gambol run for 30 minutes: jitter, deadlines, inference, memory
python benchmarks/sim2real.py faults        # every fault
python benchmarks/sim2real.py compression   # each way to make the graph smaller
python benchmarks/sim2real.py server        # gambol serve, per number of clients
python benchmarks/sim2real.py PART --try    # a short form, records nothing

Appends rows to results/sim2real.jsonl.
"""

import argparse
import asyncio
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from gambol.policies.judge.provenance import record

ROOT = Path(__file__).parents[1]
SHIPPED = ROOT / "policies" / "pretrained" / "track-b1z1"
GAMBOL = str(Path(sys.executable).with_name("gambol"))
LATENCIES = (0.0, 10.0, 20.0, 30.0)
CLIENTS = (1, 4, 16, 64)
COMPRESSIONS = (
    "--quantize int8",
    "--quantize int8 --smooth 0.5",
    "--quantize w8",
    "--quantize w4",
    "--quantize w4 --hqq",
    "--quantize w2",
    "--quantize w2 --hqq",
    "--prune 1 --heal 0",
    "--prune 1",
    "--prune 1 --quantize w4",
)


def told(*words: str) -> dict[str, Any]:
    """The last line of a command, which is JSON; exit codes of judgements pass."""
    done = subprocess.run([GAMBOL, *words, "--json"], stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


@contextmanager
def bundle() -> Iterator[Path]:
    """A bundle of the shipped policy."""
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run([GAMBOL, "export", str(SHIPPED), "-o", f"{scratch}/bundle"], check=True)
        yield Path(scratch) / "bundle"


def score(short: bool) -> Iterator[dict[str, Any]]:
    """The same episodes in the env and through the controller."""
    from dataclasses import replace

    from gambol.envs.make import with_engine
    from gambol.policies.judge.suite import for_suite
    from gambol.policies.learn.run import build, load_policy
    from gambol.sim2real import bundle as bundles
    from gambol.sim2real import score as scores
    from gambol.sim2real.robots.imperfect import Imperfections

    episodes = 2 if short else 64
    loaded = load_policy(SHIPPED, "best", lambda c: build(replace(c, env=with_engine(c.env, "batch"))), 0.0)
    env = for_suite(loaded.env.config, "track/calm")
    script = scores.play(env, loaded.policy, loaded.params, episodes, seed=0)
    training = float(script.scores.mean())
    with bundle() as folder:
        read = bundles.read(folder)
        for latency in LATENCIES:
            ideal = latency == 0
            own = Imperfections(latency_ms=latency, noise=float(not ideal), jitter_ms=float(not ideal))
            found = scores.drive(read, script, own, seed=0)
            row = {"latency_ms": latency, "noise": own.noise, "episodes": episodes, "training_score": training}
            yield row | {"score": float(found.mean()), "lost": 1 - float(found.mean()) / training}


def controller(short: bool) -> Iterator[dict[str, Any]]:
    """A long walk in real time, the robot's process beside it."""
    minutes = 0.5 if short else 30
    moments: list[dict[str, Any]] = [{"at": 0.0, "mode": "stand"}]
    for i in range(int(minutes * 6)):
        moments.append({"at": 3.0 + 10 * i, "forward": 0.4 * (-1) ** i, "yaw": 0.3 * (i % 3 - 1)})
    moments.append({"at": 3.0 + 60 * minutes})
    with bundle() as folder:
        script = folder.with_name("script.yaml")
        script.write_text(yaml.safe_dump({"moments": moments}))
        words = [GAMBOL, "run", str(folder), "--script", str(script), "--json"]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        resident = []
        while process.poll() is None:
            time.sleep(5 if short else 30)
            memory = Path(f"/proc/{process.pid}/status")
            if memory.exists() and (found := re.search(r"VmRSS:\s+(\d+)", memory.read_text())):
                resident.append(int(found[1]) / 1024)
        output, _ = process.communicate()
    summary = json.loads(output.splitlines()[-1])
    summary["missed_share"] = summary["missed"] / summary["ticks"]
    yield {"minutes": minutes, "resident_mb": resident, **summary}


def faults(short: bool) -> Iterator[dict[str, Any]]:
    """How each ended."""
    with bundle() as folder:
        found = told("faults", str(folder), *(["--only", "gyroscope", "--no-live"] if short else []))
    yield {"ok": found["ok"], "count": len(found["faults"]), "faults": found["faults"]}


def compression(short: bool) -> Iterator[dict[str, Any]]:
    """What each way costs."""
    for words in COMPRESSIONS[:1] if short else COMPRESSIONS:
        with tempfile.TemporaryDirectory() as scratch:
            rest = ["--force", "--episodes", "16" if short else "512", *words.split()]
            yield {"how": words, **told("export", str(SHIPPED), "-o", f"{scratch}/b", *rest)["compared"]}


def server(short: bool) -> Iterator[dict[str, Any]]:
    """Latency seen by clients that ask again at once."""
    seconds = 3 if short else 60
    with bundle() as folder:
        process = subprocess.Popen([GAMBOL, "serve", str(folder), "--port", "0"], stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            address, size = re.search(r"(ws://\S+): obs \[(\d+)\]", line).groups()  # pyright: ignore[reportOptionalMemberAccess]
            for clients in CLIENTS[:2] if short else CLIENTS:
                taken, lost = asyncio.run(ask(address, int(size), clients, seconds))
                p50, p99 = np.quantile(taken, [0.5, 0.99])
                row = {"clients": clients, "seconds": seconds, "requests": len(taken), "lost": lost}
                yield row | {"p50_ms": 1e3 * p50, "p99_ms": 1e3 * p99, "per_second": len(taken) / seconds}
        finally:
            process.terminate()
            process.wait()


async def ask(address: str, size: int, clients: int, seconds: float) -> tuple[list[float], int]:
    """Seconds of each answer, and how many never came."""
    from gambol.sim2real.server import arrays
    from websockets.asyncio.client import connect

    taken, lost, message = [], 0, arrays.pack({"obs": np.zeros(size, np.float32)})

    async def one() -> None:
        nonlocal lost
        async with connect(address, compression=None, max_size=None) as connection:
            await connection.recv()
            until = time.perf_counter() + seconds
            while (began := time.perf_counter()) < until:
                await connection.send(message)
                answer = await asyncio.wait_for(connection.recv(), 30)
                taken.append(time.perf_counter() - began)
                lost += "actions" not in arrays.unpack(answer)

    found = await asyncio.gather(*(one() for _ in range(clients)), return_exceptions=True)
    return taken, lost + sum(isinstance(error, BaseException) for error in found)


PARTS = {part.__name__: part for part in (score, controller, faults, compression, server)}


def main() -> None:
    """Measure a part, print its rows, record them."""
    parser = argparse.ArgumentParser(description="Figures of the way from a checkpoint to a robot.")
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--try", action="store_true", dest="attempt", help="a short form, records nothing")
    arguments = parser.parse_args()
    for row in PARTS[arguments.part](arguments.attempt):
        print(json.dumps(row)[:400], flush=True)
        if not arguments.attempt:
            record("sim2real", part=arguments.part, policy=SHIPPED.name, **row)


if __name__ == "__main__":
    main()
