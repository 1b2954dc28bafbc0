from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gambol.envs.contract import Observation
from gambol.policies.learn.ppo.successors import successor_values

RNG = np.random.default_rng(0)
STEPS, WORLDS = 6, 5


def judge(observation, memory):
    """Two values of an observation and of what is remembered."""
    return jnp.stack([observation.sum(-1) + memory, observation[:, 0]], axis=-1), memory


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_every_successor_is_valued_as_it_was_before_the_reset(share):
    terminated = RNG.random((STEPS, WORLDS)) < 0.2
    done = terminated | (RNG.random((STEPS, WORLDS)) < share)
    seen = RNG.normal(size=(STEPS, WORLDS, 3)).astype(np.float32)
    memory = RNG.normal(size=(STEPS, WORLDS)).astype(np.float32)
    final = np.concatenate([seen[1:], RNG.normal(size=(1, WORLDS, 3))]).astype(np.float32)
    final[done] = RNG.normal(size=(done.sum(), 3))
    # What the critic remembers after a step that ended nothing is what it judges the next one with.
    value = np.asarray(jax.vmap(judge)(seen, np.concatenate([memory[:1], memory[:-1]]))[0])
    rollout = SimpleNamespace(
        done=jnp.asarray(done), terminated=jnp.asarray(terminated), final_observation=Observation(jnp.asarray(final))
    )
    found = successor_values(judge, rollout, jnp.asarray(value), jnp.asarray(memory), rows=4)
    wanted = jax.vmap(judge)(final, memory)[0]
    np.testing.assert_allclose(np.asarray(found)[~terminated], np.asarray(wanted)[~terminated], rtol=1e-6)
