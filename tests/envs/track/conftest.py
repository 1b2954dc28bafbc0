"""One env for all tests of the task: to compile its step takes most of their time."""

from dataclasses import replace

import jax
import numpy as np
import pytest
from gambol.envs.track.config import TrackConfig
from gambol.envs.track.env import TrackEnv, TrackState, make_track

WORLDS = 128
QUICK = {"xla_backend_optimization_level": 0}
"""Compiles in a third of the time and steps nearly as fast: most of a step is MuJoCo's."""


@pytest.fixture(scope="session")
def env() -> TrackEnv:
    """The task as it comes: everything random, the arm by its own controller."""
    return make_track(TrackConfig())


@pytest.fixture(scope="session")
def quick():
    """`jax.jit` that does not take long over it."""
    return lambda f, **more: jax.jit(f, compiler_options=QUICK, **more)


@pytest.fixture(scope="session")
def reset(env, quick):
    """seed -> state and first observation of 128 worlds."""
    compiled = quick(TrackEnv.reset, static_argnums=2)
    return lambda seed, env=env: compiled(env, jax.random.key(seed), WORLDS)


@pytest.fixture(scope="session")
def step(env, quick):
    """state, action -> state, step."""
    compiled = quick(TrackEnv.step)
    return lambda state, action, env=env: compiled(env, state, action)


@pytest.fixture(scope="session")
def but():
    """A state with some parts of its episodes replaced."""

    def change(state: TrackState, **parts) -> TrackState:
        return replace(state, episode=replace(state.episode, **parts))

    return change


@pytest.fixture(scope="session")
def played(env, reset, step) -> TrackState:
    """A state in the middle of episodes, 5 steps in; nobody has fallen."""
    state, _ = reset(5)
    random = np.random.default_rng(5)
    for _ in range(5):
        state, _ = step(state, random.uniform(-1, 1, (WORLDS, *env.spec.action_space.shape)).astype(np.float32))
    assert (state.episode.steps == 5).all()
    return state


@pytest.fixture
def still(env) -> np.ndarray:
    """Actions of nothing."""
    return np.zeros((WORLDS, *env.spec.action_space.shape), np.float32)
