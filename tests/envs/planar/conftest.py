from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import pytest
from gambol.envs.planar.level import Level
from gambol.sim.planar import scene

GOLDEN = Path(__file__).parent / "golden"


class Published(NamedTuple):
    """Moments of published rollouts: our inputs with a trailing axis [W], the peer's answers with a leading one."""

    level: Level
    state: scene.State
    touching: Any
    answers: dict[str, np.ndarray]


@pytest.fixture(scope="session")
def golden() -> Callable[[str], dict[str, np.ndarray]]:
    """Reads a recorded file by its name."""
    return read_golden


def read_golden(name: str) -> dict[str, np.ndarray]:
    with np.load(GOLDEN / f"{name}.npz") as file:
        return dict(file)


@pytest.fixture(scope="session", params=["s", "m", "l"])
def published(request) -> Published:
    return read_published(request.param)


def read_published(size: str) -> Published:
    data = read_golden(f"observe_{size}")

    def part(name: str) -> dict[str, Any]:
        prefix = f"our/{name}/"
        return {key.removeprefix(prefix): jnp.asarray(x) for key, x in data.items() if key.startswith(prefix)}

    joints, thrusters = scene.Joints(**part("joints")), scene.Thrusters(**part("thrusters"))
    place = scene.Scene(**part("scene"), joints=joints, thrusters=thrusters)
    state = scene.still(scene.CAPACITIES[size], **part("state"))
    answers = {key: x for key, x in data.items() if not key.startswith("our/")}
    level = Level(scene=place, state=state, **part("level"))
    return Published(level, state, jnp.asarray(data["our/touching"]), answers)
