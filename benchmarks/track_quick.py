"""From nothing to a tracking policy: wall time of a preset, and what `track/standard` says of what came out.

python benchmarks/track_quick.py                       # appends a row to results/track_quick.jsonl
python benchmarks/track_quick.py --preset track-b1z1   # an hour

Both are commands of their own, `gambol train PRESET` and `gambol eval RUN`; the wall time is that of the first, from
its start to its end, compilation included.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from gambol.policies.judge.provenance import record

GAMBOL = str(Path(sys.executable).with_name("gambol"))


def last_line(*arguments: str) -> dict:
    """The JSON object that a command of ours ends with."""
    done = subprocess.run([GAMBOL, *arguments, "--json"], check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Train, judge, record."""
    parser = argparse.ArgumentParser(description="Wall time and outcome of a tracking preset.")
    parser.add_argument("--preset", default="track-b1z1-quick")
    preset = parser.parse_args().preset
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        trained = last_line("train", preset, "--run.out", folder)
        wall = time.monotonic() - began
        report = last_line("eval", trained["run"], "--suite", "track/standard", "--checkpoint", "latest")
    row = {"preset": preset, "wall_seconds": round(wall, 1), "steps": trained["steps"], "report": report}
    print(json.dumps(record("track_quick", **row)))


if __name__ == "__main__":
    main()
