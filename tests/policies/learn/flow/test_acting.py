"""Which chunk an action comes from, with a network that only says when it was asked."""

from dataclasses import replace
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gambol.envs.contract import Observation
from gambol.policies.learn.flow.acting import make_policy
from gambol.policies.rtc.config import PlayConfig
from gambol.policies.rtc.plan import nearest

HORIZON, WORLDS = 6, 2


class Counting:
    """Chunks [10 t, 10 t + 1, ...] of what is seen at step t."""

    config, reflex = SimpleNamespace(horizon=HORIZON, network=SimpleNamespace(steps=1)), None
    action, low, high = 1, np.array([-1e3]), np.array([1e3])

    def to_learn(self, scalings, observation, actions):
        return actions

    def to_act(self, scalings, observation, chunk):
        return chunk

    def velocity(self, params, observation):
        wanted = 10 * observation["state"][:, :, None] + jnp.arange(HORIZON)[None, :, None]
        return lambda chunk, *_: wanted + 0 * chunk


PARAMS = SimpleNamespace(scalings=None)


def played(play, steps=9, late=0):
    """Actions of two worlds, of which the second begins anew before step `late`."""
    policy, done = make_policy(Counting(), play, 0.0), []
    memory = fresh = policy.initial_memory(WORLDS)
    act = jax.jit(lambda m, o: policy.act(PARAMS, m, o, jax.random.key(0)))
    for step in range(steps):
        if late and step == late:
            memory = jax.tree.map(lambda now, first: now.at[1].set(first[1]), memory, fresh)
        action, memory = act(memory, Observation(jnp.full((WORLDS, 1), float(step))))
        done.append(action[:, 0])
    return np.array(done)


@pytest.mark.parametrize(
    ("play", "wanted"),
    [
        (PlayConfig(every=1), [0, 10, 20, 30, 40, 50, 60]),
        (PlayConfig(every=3), [0, 1, 2, 30, 31, 32, 60]),
        (PlayConfig(every=3, delay=1), [0, 1, 2, 3, 31, 32, 33]),
        (PlayConfig(every=3, delay=3), [0, 1, 2, 3, 4, 5, 33]),
        (PlayConfig("settled", every=3, delay=2), [0, 1, 2, 3, 4, 32, 33]),
        (
            PlayConfig("ensemble", every=2),
            [0, 1, (20 + 2) / 2, (21 + 3) / 2, (40 + 22 + 4) / 3, (41 + 23 + 5) / 3, 62 - 20],
        ),
        (
            PlayConfig("ensemble", every=2, delay=1),
            [0, 1, 2, (21 + 3) / 2, (22 + 4) / 2, (41 + 23 + 5) / 3, (42 + 24) / 2],
        ),
    ],
    ids=str,
)
def test_actions_come_from_the_chunk_that_is_due(play, wanted):
    np.testing.assert_allclose(played(play, 7)[:, 0], wanted, rtol=1e-5)


def test_a_world_that_begins_anew_has_a_rhythm_of_its_own():
    found = played(PlayConfig(every=3, delay=1), 9, late=4)
    np.testing.assert_allclose(found[:, 0], [0, 1, 2, 3, 31, 32, 33, 61, 62])
    np.testing.assert_allclose(found[:, 1], [0, 1, 2, 3, 40, 41, 42, 43, 71])


def test_what_is_done_is_within_bounds():
    parts = Counting()
    parts.high = np.array([12.0])
    policy = make_policy(parts, PlayConfig(every=1), 0.0)
    action, _ = policy.act(
        PARAMS, policy.initial_memory(WORLDS), Observation(jnp.full((WORLDS, 1), 5.0)), jax.random.key(0)
    )
    assert action.tolist() == [[12.0], [12.0]]


def test_the_nearest_of_some_chunks_is_chosen_for_each_world():
    before = jnp.zeros((2, 3, 1))
    tried = jnp.array([[[1.0, 0, 0], [0, 0, 9]], [[0, 1.25, 9], [1, 0, 0]]])[..., None]
    np.testing.assert_array_equal(nearest(tried, before, 2)[..., 0], [[0, 1.25, 9], [0, 0, 9]])
    np.testing.assert_array_equal(nearest(tried, before, 1)[..., 0], [[0, 1.25, 9], [0, 0, 9]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "magic"}, "play.method is 'magic'"),
        ({"every": 0}, "play.every is 0"),
        ({"delay": 5}, "play.delay is 5: it must be 0 to every, 4"),
    ],
)
def test_settings_that_cannot_work_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(PlayConfig(), **change)
