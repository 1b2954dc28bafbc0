"""500 level files with seeded damage: each is read, or refused by LevelError in one line, within seconds."""

import json
import random
import time

import jax
import numpy as np
import pytest
from gambol.envs.planar import suites
from gambol.envs.planar.level import LevelError, parse_level
from gambol.sim.planar.scene import CAPACITIES

FILES, GROUPS = 500, 10
SECONDS = 5.0
"""Most for one file; they take milliseconds, so this is a hang, even on a busy machine."""
VALUES = [
    None, True, False, 0, 1, -1, 3, 7, 10**6, 10**30, 10**400, 0.5, -0.5, 1e-300, 1e39, 1e300,
    float("nan"), float("inf"), float("-inf"), "", "NaN", "\ud800\n", [], {}, [[[]]], {"0": {"0": {"0": 1}}},
    {"0": 1, "1": 2},
]  # fmt: skip


def damaged_bytes(text: bytes, rng: random.Random) -> bytes:
    """Flip, cut, repeat, insert or lose some bytes."""
    data = bytearray(text)
    for _ in range(rng.choice([1, 1, 2, 5, 50])):
        at, length = rng.randrange(len(data) + 1), rng.choice([1, 1, 2, 10, 1000])
        kind = rng.randrange(6)
        if kind == 0:
            data[at : at + length] = rng.randbytes(length)
        elif kind == 1:
            del data[at : at + length]
        elif kind == 2:
            data[at:at] = data[at : at + length]
        elif kind == 3:
            data[at:at] = rng.choice([b"{", b"}", b"[" * 5000, b'"', b",", b"-", b"e9", b"NaN", b"\x00", b"9" * 5000])
        elif kind == 4:
            data[at : at + 1] = rng.choice([b"0", b"9", b"-", b".", b"t"])
        elif rng.random() < 0.1:
            del data[at:]
    return bytes(data)


def places(value, found=None):
    """Every (container, key) of a JSON document."""
    found = [] if found is None else found
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in members:
        found.append((value, key))
        places(inner, found)
    return found


def damaged_structure(text: bytes, rng: random.Random) -> bytes:
    """Replace, remove, rename, swap or nudge some members."""
    document = json.loads(text)
    for _ in range(rng.choice([1, 1, 1, 2, 5])):
        spots = places(document)
        weights = [1 if "manifolds" in str(key) or isinstance(value, list) else 3 for value, key in spots]
        (place, key), (other, name) = rng.choices(spots, weights, k=2)
        kind = rng.randrange(6)
        if kind == 0:
            place[key] = rng.choice(VALUES)
        elif kind == 1:
            del place[key]
        elif kind == 2 and isinstance(place, dict):
            place[str(key) + rng.choice(["", "_", "0"])] = place[key]
        elif kind == 3:
            place[key] = json.loads(json.dumps(other[name]))
        elif kind == 4 and isinstance(place, list):
            place.append(place[key])
        elif isinstance(place[key], int | float) and not isinstance(place[key], bool):
            place[key] = type(place[key])(rng.choice([place[key] + 1, place[key] - 1, -place[key], place[key] * 1.01]))
    return json.dumps(document).encode()


@pytest.mark.parametrize("group", range(GROUPS))
def test_damaged_files_load_or_are_refused(group):
    rng = random.Random(group)
    sources = [ref.path.read_bytes() for ref in suites.find(("kinetix/s", "kinetix/m", "kinetix/l/gears"))]
    outcomes = {True: 0, False: 0}
    for i in range(FILES // GROUPS):
        damage = damaged_bytes if rng.random() < 0.4 else damaged_structure
        text = damage(rng.choice(sources), rng)
        start = time.monotonic()
        try:
            level = parse_level(text, "fuzz.json", rng.choice([None, CAPACITIES["l"]]), quirks=rng.random() < 0.5)
            read = True
        except LevelError as error:
            read = False
            message = str(error)
            assert message.startswith("fuzz.json: ") and "\n" not in message and len(message) < 300, (group, i)
            message.encode()
        assert time.monotonic() - start < SECONDS, (group, i)
        outcomes[read] += 1
        if read:
            assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(level)), (group, i)
    assert min(outcomes.values()) > 2, "the damage is always or never fatal: it proves little"
