"""Named sets of levels: the published suites `kinetix/s`, `kinetix/m`, `kinetix/l`; levels of our own, such as
`gambol/catapult` (`benchmarks/rtc_levels.py` draws them); level files, and folders of them.

The published files are read where the wheel of `kinetix-env` puts them; none of its code is imported.
"""

import difflib
import importlib.util
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from ...sim.planar.scene import CAPACITIES, Capacity
from .level import Level, read_level, stack

ROOT, OWN = "kinetix", "gambol"
INSTALL = "pip install --no-deps kinetix-env==3.0.2"


class LevelRef(NamedTuple):
    """A level that can be read."""

    name: str
    """Such as `kinetix/m/h1_car_left`, or the path of a file as it was given."""
    path: Path


def suite_names() -> tuple[str, ...]:
    """The published suites, small levels first."""
    return tuple(f"{ROOT}/{size}" for size in CAPACITIES)


def find(names: Sequence[str]) -> tuple[LevelRef, ...]:
    """The levels that `names` stand for, each once, in order.

    A name is a suite (`kinetix/m`, `gambol`; `kinetix` is all of them), one of its levels (`kinetix/m/h1_car_left`), a
    `.json` file, or a folder that holds such files at any depth. Raises ValueError for a name that is none of these.
    """
    found = [ref for name in names for ref in find_one(name)]
    if not found:
        raise ValueError(f"no level was named: name a suite ({', '.join(suite_names())}), a file or a folder")
    return tuple(dict.fromkeys(found))


def find_one(name: str) -> list[LevelRef]:
    """The levels that one name stands for. Raises ValueError if there are none."""
    root = name.partition("/")[0]
    if root in (ROOT, OWN):
        if root == ROOT and not published():
            raise ValueError(f"the {ROOT} levels are not installed: run {INSTALL}")
        levels = [ref for ref in known() if f"{ref.name}/".startswith(f"{name.rstrip('/')}/")]
        if not levels:
            raise ValueError(f"there is no level or suite {name!r}: {suggestion(name)}")
        return levels
    path = Path(name)
    if path.is_dir():
        files = sorted(path.rglob("*.json"), key=natural)
        if not files:
            raise ValueError(f"folder {name!r} holds no .json file")
        return [LevelRef(str(file), file) for file in files]
    if path.suffix == ".json":
        return [LevelRef(name, path)]
    raise ValueError(f"there is no level, suite, folder or .json file {name!r}: {suggestion(name)}")


def load(names: Sequence[str], capacity: Capacity, quirks: bool = True) -> tuple[tuple[str, ...], Level]:
    """The levels that `names` stand for: their names, and a bank of them grown to `capacity`.

    Raises ValueError for an unknown name, LevelError for a file that cannot be used or is too big for `capacity`.
    """
    levels = find(names)
    return tuple(ref.name for ref in levels), stack([read_level(ref.path, capacity, quirks) for ref in levels])


@cache
def published() -> tuple[LevelRef, ...]:
    """Every level of the published suites; none if they are not installed."""
    spec = importlib.util.find_spec(ROOT)
    places = (spec.submodule_search_locations if spec else None) or ()
    folders = [(size, Path(place) / "levels" / size) for place in places for size in CAPACITIES]
    files = [(size, file) for size, folder in folders for file in sorted(folder.glob("*.json"), key=natural)]
    return tuple(LevelRef(f"{ROOT}/{size}/{file.stem}", file) for size, file in files)


@cache
def known() -> tuple[LevelRef, ...]:
    """Every level with a name: the published ones and our own."""
    own = sorted((Path(__file__).parent / "levels").glob("*.json"))
    return (*published(), *(LevelRef(f"{OWN}/{file.stem}", file) for file in own))


def natural(path: Path) -> list[str]:
    """Sorts h2 before h10."""
    return [part.zfill(8) if part.isdigit() else part for part in re.split(r"(\d+)", str(path))]


def suggestion(name: str) -> str:
    """What may have been meant by an unknown name."""
    levels = [ref.name for ref in known()]
    stem = name.rpartition("/")[2]
    same = [level for level in levels if level.endswith(f"/{stem}")]
    near = same or difflib.get_close_matches(name, [*levels, *suite_names()], n=1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else f"the suites are {', '.join(suite_names())}"
