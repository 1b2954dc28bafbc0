"""A served policy plays an env as it does here."""

import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gambol.envs.contract import Observation
from gambol.envs.track.config import TrackConfig
from gambol.policies.policy import Policy
from gambol.sim2real.server import remote
from gambol.sim2real.server.served import Answer, Served
from gambol.sim2real.verify import ticks_of


@pytest.fixture(scope="module")
def env():
    from gambol.envs.track.env import make_track

    return make_track(TrackConfig())


def test_worlds_ask_one_by_one_and_are_answered_in_the_envs_own_meaning(serving, walker, env):
    ticks = ticks_of(walker)
    with (
        serving(Served(walker, 1)) as (port, server),
        remote.remote_policy(env, f"remote://127.0.0.1:{port}", None) as (policy, name),
    ):
        assert name == "track-b1z1" and isinstance(policy, Policy)
        # The recorded ticks are in the meaning of bundles: back to the env's.
        from gambol.sim2real.describe import describe

        meaning = describe(env, "obs", "actions").meaning
        seen = jnp.array(ticks["in.obs"][:5])
        for place in meaning.last_action.values():
            seen = seen.at[:, place].add(-meaning.shift)
        act = jax.jit(policy.act)
        memory = policy.initial_memory(5)
        for _ in range(2):
            action, memory = act(None, memory, Observation(seen), jax.random.key(0))
            np.testing.assert_allclose(action + meaning.shift, ticks["out.actions"][:5], atol=1e-5)
        until = time.monotonic() + 10  # an answer may come before it is counted
        while server.metrics.counts["requests"] < 10 and time.monotonic() < until:
            time.sleep(0.01)
        assert server.metrics.counts["requests"] == 10 and not memory.any()


class Chunks(Served):
    """Chunks of three actions that count on, per client."""

    def answer(self, requests):
        found = []
        for request in requests:
            first = request.memory["count"] + 1
            actions = np.tile(np.arange(first, first + 3)[:, None], (1, 12)).astype("f4")
            found.append(Answer(actions, {"count": first + 2}))
        return found

    def start(self):
        return {"count": np.zeros(())}


def test_chunks_are_played_to_their_end_and_a_new_episode_starts_anew(serving, walker, env):
    with (
        serving(Chunks(walker, 1)) as (port, _),
        remote.remote_policy(env, f"remote://127.0.0.1:{port}", None) as (policy, _),
    ):
        size = walker.contract.graph.inputs[0].shape[0]
        memory, heard = policy.initial_memory(2), []
        for tick in range(5):
            if tick == 4:
                memory = jnp.array([True, False])  # the first world begins again
            action, memory = policy.act(None, memory, Observation(jnp.zeros((2, size))), jax.random.key(0))
            heard.append(np.asarray(action)[:, 0])
        shift = heard[0][0] - 1
        np.testing.assert_allclose(np.array(heard) - shift, [[1, 1], [2, 2], [3, 3], [4, 4], [1, 5]], atol=1e-5)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("http://x", "is no server: name it like remote://HOST:8000"),
        ("remote://127.0.0.1:1", "is gambol serve running"),
    ],
)
def test_an_address_where_nobody_serves_is_told(env, address, message):
    with pytest.raises(ValueError, match=message), remote.remote_policy(env, address, None):
        pass


def test_a_policy_with_a_reflex_is_not_played_without(serving, env, walker):
    served = Served(walker, 1)
    served.metadata["reflex"] = True
    with (
        serving(served) as (port, _),
        pytest.raises(ValueError, match="serves a policy with a reflex"),
        remote.remote_policy(env, f"remote://127.0.0.1:{port}", None),
    ):
        pass
