"""Judge the shipped tracking policy: every suite on plain MuJoCo, and the three engines beside each other.

python benchmarks/track.py                      # appends a row per judgement to results/track.jsonl
python benchmarks/track.py --policy RUN --try   # a few episodes, records nothing

Each judgement is `gambol eval POLICY --suite SUITE --engine ENGINE --episodes N --json`, in a process of its own.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from gambol.policies.judge.provenance import record
from gambol.policies.judge.suite import TRACK_SUITES
from gambol.policies.judge.track import EPISODES

ROOT = Path(__file__).parents[1]
SHIPPED = ROOT / "policies" / "pretrained" / "track-b1z1"
ELSEWHERE = {"mjx": 256, "warp": 64}
"""Episodes on the engines that are slow on a CPU."""
BESIDE = ("track/standard", "track/rough", "track/pushed")
"""Suites that are judged on all engines."""


def judge(policy: Path, suite: str, engine: str, episodes: int) -> dict[str, Any]:
    """What `gambol eval` says."""
    with tempfile.TemporaryDirectory() as folder:
        command = [str(Path(sys.executable).with_name("gambol")), "eval", str(policy), "--suite", suite]
        command += ["--engine", engine, "--episodes", str(episodes), "--out", folder, "--json"]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Judge, print, record."""
    parser = argparse.ArgumentParser(description="Judge the shipped tracking policy.")
    parser.add_argument("--policy", type=Path, default=SHIPPED)
    parser.add_argument("--engine", help="this one only")
    parser.add_argument("--try", action="store_true", dest="attempt", help="a few episodes, records nothing")
    arguments = parser.parse_args()
    wanted = [("batch", suite, EPISODES) for suite in TRACK_SUITES]
    wanted += [(engine, suite, episodes) for engine, episodes in ELSEWHERE.items() for suite in BESIDE]
    for engine, suite, episodes in wanted:
        if arguments.engine not in (None, engine):
            continue
        report = judge(arguments.policy, suite, engine, 8 if arguments.attempt else episodes)
        print(engine, suite, {name: round(found["mean"], 4) for name, found in report["metrics"].items()}, flush=True)
        if not arguments.attempt:
            about = json.loads((arguments.policy / "run.json").read_text())
            trained = {name: about[name] for name in ("commit", "seed", "steps")}
            record("track", policy=arguments.policy.name, trained=trained, suite=suite, engine=engine, report=report)


if __name__ == "__main__":
    main()
