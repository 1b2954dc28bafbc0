"""`gambol bench`: time Gambol beside a published implementation, in turn, in one call."""

import json
import os
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ..policies.judge.provenance import ROOT, provenance, record, versions
from .arguments import read

PEER_PYTHON = ROOT / ".venv-peers" / "bin" / "python"
PEER_SCRIPT = ROOT / "benchmarks" / "peer_kinetix.py"


@dataclass(frozen=True)
class Planar:
    """Env steps per second of the CPU on the published levels: ours with auto-reset, Kinetix without.

    Example: gambol bench planar --size m --worlds 128 --json
    """

    size: Literal["s", "m", "l"] = "m"
    """Suite and capacity."""
    worlds: int = 128
    """Worlds stepped together."""
    steps: int = 128
    """Env steps (two physics steps each) per timed rollout."""
    repeats: int = 7
    """Timed rollouts of each, in turn; the median of the pairwise ratios counts."""
    save: bool = True
    """Append the result to benchmarks/results/planar.jsonl."""
    json: bool = False
    """Print one JSON object as the last line."""

    def __post_init__(self):
        for name in ("worlds", "steps", "repeats"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: it must be at least 1")


def main(argv: list[str]) -> int:
    """Time what the command line asks for and print both sides. Raises ValueError for bad input."""
    what, *rest = argv or ["--help"]
    if what in ("-h", "--help"):
        print("usage: gambol bench planar [OPTIONS]\n\nExample: gambol bench planar --size m --worlds 128 --json")
        return 0
    if what != "planar":
        raise ValueError(f"there is nothing called {what!r} to time: use planar")
    # The cache would hide what compiling costs, and the peer's environment has a JAX for the CPU alone. JAX reads both
    # when it is first imported, below.
    os.environ |= {"JAX_ENABLE_COMPILATION_CACHE": "0", "JAX_PLATFORMS": "cpu"}
    bench = read(Planar, rest, prog="gambol bench planar")
    row = planar(bench)
    print(
        f"{row['what']}, {bench.size.upper()}, {bench.worlds} worlds on {row['cores']} cores: "
        f"ours {row['ours']:,.0f}, kinetix-env {row['peer']:,.0f} {row['unit']}; ratio {row['ratio']:.2f}; "
        f"compile {row['compile_s']['ours']:.1f} s and {row['compile_s']['peer']:.1f} s"
    )
    if bench.json:
        print(json.dumps(row))
    return 0


def planar(bench: Planar) -> dict[str, Any]:
    """Time both sides in turn on the same levels and actions; returns the row that is recorded."""
    if not PEER_PYTHON.exists():
        raise ValueError(f"{PEER_PYTHON} is missing: make the peer's environment with `make peers`")
    import numpy as np

    actions = np.random.default_rng(0).uniform(-1, 1, (bench.steps, bench.worlds, 6)).astype(np.float32)
    run, compile_ours = _ours(bench, actions)
    with tempfile.TemporaryDirectory() as folder, _Peer(bench, actions, Path(folder)) as peer:
        pairs = [(run(), peer.run()) for _ in range(bench.repeats)]
    steps = bench.steps * bench.worlds
    row = {
        "size": bench.size,
        "worlds": bench.worlds,
        "steps": bench.steps,
        "repeats": bench.repeats,
        "ours": steps / statistics.median(ours for ours, _ in pairs),
        "peer": steps / statistics.median(theirs for _, theirs in pairs),
        "ratio": statistics.median(theirs / ours for ours, theirs in pairs),
        "unit": "env steps/s",
        "compile_s": {"ours": compile_ours, "peer": peer.compile_seconds},
        "versions": versions() | {f"peer:{name}": version for name, version in peer.versions.items()},
    }
    return record("planar", **row) if bench.save else {"what": "planar", **provenance(), **row}


def _ours(bench: Planar, actions):
    """A function that times one rollout in seconds, and the seconds it took to compile it."""
    import jax
    import jax.numpy as jnp

    from ..envs.planar.env import PlanarConfig, make_planar

    env = make_planar(PlanarConfig(size=bench.size, levels=(f"kinetix/{bench.size}",), action="continuous"))
    levels = jnp.arange(bench.worlds, dtype=jnp.int32) % len(env.level_names)
    start, _ = jax.jit(lambda env: env.assign(jax.random.key(0), levels))(env)

    def rollout(env, state, actions):
        def one(carry, action):
            state, total = carry
            state, step = env.step(state, action)
            return (state, total + step.observation.policy.sum() + step.reward.sum()), None

        return jax.lax.scan(one, (state, 0.0), actions)[0]

    began = time.perf_counter()
    compiled = jax.jit(rollout).lower(env, start, actions).compile()
    compile_seconds = time.perf_counter() - began
    actions = jnp.asarray(actions)
    jax.block_until_ready(compiled(env, start, actions))

    def run() -> float:
        began = time.perf_counter()
        jax.block_until_ready(compiled(env, start, actions))
        return time.perf_counter() - began

    return run, compile_seconds


class _Peer:
    """The peer's process, which waits while we run."""

    def __init__(self, bench: Planar, actions, folder: Path):
        import numpy as np

        np.save(folder / "actions.npy", actions)
        command = [PEER_PYTHON, PEER_SCRIPT, bench.size, bench.worlds, bench.steps, folder / "actions.npy"]
        self._log = (folder / "peer.log").open("w+")
        self._process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )

    def __enter__(self) -> "_Peer":
        ready = json.loads(self._line())
        self.compile_seconds, self.versions = ready["compile_s"], ready["versions"]
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._log.close()

    def run(self) -> float:
        """Seconds of one rollout."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        return float(self._line())

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._log.seek(0)
            last = self._log.read().strip().splitlines()[-1:]
            raise ValueError(f"the peer's process ended: {' '.join(last)}; make it anew with `make peers`")
        return line
