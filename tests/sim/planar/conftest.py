from collections.abc import Callable
from dataclasses import replace
from functools import partial

import jax
import numpy as np
import pytest
from gambol.envs.planar.level import Level
from gambol.sim.planar import fused
from gambol.sim.planar.scene import CAPACITIES, Physics, State

from benchmarks.planar_agreement import After, advance
from benchmarks.planar_scenes import random_levels

WORLDS = 112
"""Of every batch, whatever its content, so that each engine is compiled once."""


@pytest.fixture(scope="session", params=["xla", "fused"])
def engine_name(request) -> str:
    why_not = fused.unavailable(jax.default_backend()) if request.param == "fused" else ""
    if why_not:
        pytest.skip(why_not)
    return request.param


@pytest.fixture(scope="session", params=[True, False], ids=["quirks", "mended"])
def physics(request) -> Physics:
    return Physics(jax2d_quirks=request.param)


@pytest.fixture(scope="session")
def crowd() -> Level:
    """`WORLDS` random levels."""
    return jax.tree.map(np.asarray, random_levels(WORLDS, CAPACITIES["l"], seed=3))


@pytest.fixture
def roll(engine_name, physics) -> Callable[..., After]:
    """Steps the worlds of a bank [..., n]; After has a leading axis [steps] and n worlds. No controls unless given."""
    return partial(_roll, engine_name, physics)


def _roll(
    engine_name: str, physics: Physics, bank: Level, steps: int, state: State | None = None, motor=None, thrust=None
) -> After:
    count, capacity = bank.role.shape[-1], bank.scene.capacity
    at = np.arange(WORLDS) % count

    def spread(tree):
        return jax.tree.map(lambda x: np.asarray(x)[..., at], tree)

    motor, thrust = (
        np.zeros((n, count), np.float32) if x is None else x
        for x, n in ((motor, capacity.joints), (thrust, capacity.thrusters))
    )
    bank, motor, thrust = spread((replace(bank, state=state or bank.state), motor, thrust))
    levels, states = np.arange(WORLDS, dtype=np.int32), [bank.state]
    made = []
    for _ in range(steps):
        made.append(advance(engine_name, bank, levels, states[-1], motor, thrust, physics))
        states.append(made[-1].state)
    return jax.tree.map(lambda *x: np.stack(x)[..., :count], *made)
