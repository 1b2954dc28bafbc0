"""A chunk policy on a level whose answer is known, with delays."""

from dataclasses import dataclass, replace
from types import SimpleNamespace

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gambol.envs.contract import EnvSpec, Observation, Step
from gambol.policies.judge.rtc.config import PRESETS
from gambol.policies.judge.rtc.play import _play, play

SPEC = EnvSpec(
    "follow",
    gymnasium.spaces.Box(-np.inf, np.inf, (1,), np.float32),
    gymnasium.spaces.Box(-99.0, 99.0, (1,), np.float32),
    {},
    (),
    0.1,
    12,
    metrics=("solved",),
    success="solved",
)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Follow:
    """Seen is the step; solved in step 9 if all actions so far were the step. Level 1 ends unsolved in step 5."""

    spec, level_names = SPEC, ("long", "short")

    def assign(self, key, levels):
        state = (levels, jnp.zeros(levels.shape), jnp.ones(levels.shape, bool))
        return state, Observation(state[1][:, None])

    def step(self, state, action):
        level, now, good = state
        good &= jnp.abs(action[:, 0] - now) < 1e-3
        done = jnp.where(level == 1, now >= 5, now >= 9)
        won = (done & good & (level == 0)).astype(jnp.float32)
        seen = Observation((now + 1)[:, None])
        return (level, now + 1, good), Step(seen, won, done, jnp.zeros_like(done), seen, {"solved": won})


@dataclass(frozen=True)
class Parts:
    """A network that foresees the steps to come, or thinks that they stand still."""

    foresees: bool
    reflex: bool = False
    action: int = 1
    low, high = np.array([-99.0]), np.array([99.0])
    config = SimpleNamespace(horizon=8, network=SimpleNamespace(steps=1))

    def to_learn(self, scalings, observation, actions):
        return actions

    to_act = to_learn

    def velocity(self, params, observation):
        wanted = observation["state"][:, :, None] + self.foresees * jnp.arange(8.0)[None, :, None]
        return lambda chunk, time: wanted - chunk

    def react(self, params, observation, action, age):
        return action + age[:, None]


PARAMS = SimpleNamespace(scalings=None)
jax.tree_util.register_pytree_node(SimpleNamespace, lambda s: ((), None), lambda *_: PARAMS)


@pytest.mark.parametrize(("every", "delay"), [(1, 0), (1, 1), (4, 0), (4, 3), (4, 4)])
def test_a_reflex_is_told_how_old_a_chunk_is(every, delay):
    found = play(Follow(), Parts(False, reflex=True), "naive", PARAMS, np.array([0]), every, delay, seed=0)
    assert found.solved.all()  # a chunk that stands still is as far behind as it is old


@pytest.mark.parametrize(
    ("foresees", "every", "delay", "solved"),
    [(True, 1, 0, True), (True, 4, 4, True), (False, 1, 0, True), (False, 2, 0, False), (False, 1, 1, False)],
)
def test_only_who_foresees_bridges_a_delay(foresees, every, delay, solved):
    found = play(Follow(), Parts(foresees), "naive", PARAMS, np.array([0, 1, 0]), every, delay, seed=0)
    assert found.solved.tolist() == [solved, False, solved]
    if foresees:
        np.testing.assert_allclose(found.delta, 1.0, rtol=1e-5)
        np.testing.assert_allclose(found.jerk, 0.0, atol=1e-5)


def test_a_delay_that_the_horizon_cannot_bridge_is_refused():
    with pytest.raises(ValueError, match="every 5, delay 4"):
        play(Follow(), Parts(True), "naive", PARAMS, np.array([0]), 5, 4, seed=0)


@pytest.mark.parametrize(("every", "delay", "jump"), [(4, 0, 4.0), (4, 1, 4.0), (3, 3, 3.0), (1, 0, 1.0)])
def test_a_jump_is_where_a_chunk_takes_over(every, delay, jump):
    """Chunks that stand still change nowhere else: what they know is as many steps newer as a block is long."""
    found = play(Follow(), Parts(False), "naive", PARAMS, np.array([0]), every, delay, seed=0)
    np.testing.assert_allclose(found.jump, jump, rtol=1e-5)
    changes = sum(now % every == delay % every for now in range(every * (1 + (delay == every)), 10))
    np.testing.assert_allclose(found.delta, jump * changes / 9, rtol=1e-5)


def test_delay_and_block_are_traced():
    begun = _play._cache_size()  # pyright: ignore[reportFunctionMemberAccess]
    for every, delay in ((1, 0), (2, 1), (4, 4)):
        play(Follow(), Parts(True), "guided", PARAMS, np.array([0, 1]), every, delay, seed=1)
    assert _play._cache_size() == begun + 1  # pyright: ignore[reportFunctionMemberAccess]


def test_paces():
    bench = replace(PRESETS["tiny"], delays=(0, 4), blocks=(4, 6))
    assert bench.paces() == [(0, 1), (4, 4), (0, 4), (0, 6)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rollouts": 0}, "rollouts is 0"),
        ({"methods": ("guided",)}, "'naive'"),
        ({"delays": (5,)}, "horizon of twice"),
        ({"experts": 5}, "tries is 4 and seeds 1: at least 5"),
        ({"sets": 2}, "a multiple of 2"),
        ({"levels": ("a/walker", "b/walker.json")}, "two have the same last name"),
    ],
)
def test_settings_that_cannot_work_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(PRESETS["tiny"], **change)
