"""What scripts take from a finished `gambol bench rtc`: its settings, folder and cells."""

import argparse
from pathlib import Path
from typing import Any, NamedTuple

from gambol.policies.judge.rtc.config import PRESETS, RtcBench
from gambol.policies.judge.rtc.stages import begin


class Finished(NamedTuple):
    """A benchmark that has all of its cells."""

    preset: str
    bench: RtcBench
    folder: Path
    cells: list[dict[str, Any]]
    attempt: bool
    """Nothing is to be recorded."""

    def rates(self, level: str, method: str, delay: int, every: int = 1) -> list[float]:
        """Solve rates, by seed."""
        wanted = [level, method, delay, every]
        found = [cell for cell in self.cells if [cell[of] for of in ("level", "method", "delay", "every")] == wanted]
        return [cell["rate"] for cell in sorted(found, key=lambda cell: cell["seed"])]


def asked(about: str | None) -> Finished:
    """The one that the command line names. Raises SystemExit where it has not finished."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="of `gambol bench rtc`, where it has finished")
    parser.add_argument("--preset", choices=list(PRESETS), default="small")
    parser.add_argument("--try", action="store_true", dest="attempt", help="record nothing")
    told = parser.parse_args()
    bench = PRESETS[told.preset]
    cells = begin(bench, told.folder) if told.folder.is_dir() else []
    if len(cells) < len(bench.levels) * bench.seeds * len(bench.methods) * len(bench.paces()):
        raise SystemExit(f"{told.folder} holds no finished benchmark")
    return Finished(told.preset, bench, told.folder, cells, told.attempt)
