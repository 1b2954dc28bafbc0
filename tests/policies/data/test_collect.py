from dataclasses import dataclass, replace

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gambol.envs.contract import ActionTerm, EnvSpec, Observation, Step
from gambol.policies.data.collect import collect
from gambol.policies.policy import Policy
from jax import Array

SPEC = EnvSpec(
    "staggered",
    gymnasium.spaces.Box(-np.inf, np.inf, (2,), np.float32),
    gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32),
    {},
    (ActionTerm("push", 1),),
    0.05,
    8,
    metrics=("solved",),
    success="solved",
)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Staggered:
    """World w has episodes of 2 + w steps; those of odd worlds are solved. Seen: the world, and the steps since."""

    spec = SPEC

    def seen(self, elapsed: Array) -> Observation:
        return Observation(jnp.stack([jnp.arange(elapsed.shape[0], dtype=jnp.float32), elapsed.astype(jnp.float32)], 1))

    def reset(self, key: Array, worlds: int):
        elapsed = jnp.zeros(worlds, jnp.int32)
        return elapsed, self.seen(elapsed)

    def step(self, elapsed: Array, action: Array):
        world = jnp.arange(elapsed.shape[0])
        done = elapsed + 1 >= 2 + world
        after, won = jnp.where(done, 0, elapsed + 1), (done & (world % 2 == 1)).astype(jnp.float32)
        seen = self.seen(after)
        return after, Step(seen, action[:, 0], done, jnp.zeros_like(done), seen, {"solved": won})


def act(params, memory, observation, key):
    """What is done is the steps since the memory was fresh, in tenths."""
    return memory / 10, memory + 1


POLICY = Policy(lambda worlds: jnp.zeros((worlds, 1)), act)


def test_every_world_gives_as_many_whole_episodes():
    found = collect(Staggered(), POLICY, None, episodes=6, worlds=3, seed=0)
    assert found.lengths.tolist() == [2, 2, 3, 3, 4, 4] and found.fps == 20 and found.tasks == ("staggered",) * 6
    steps = np.concatenate([np.arange(n) for n in found.lengths])
    np.testing.assert_array_equal(found.arrays["observation.state"][:, 1], steps)
    np.testing.assert_allclose(found.arrays["action"][:, 0], steps / 10)  # the memory was fresh at each start
    np.testing.assert_allclose(found.arrays["next.reward"], steps / 10)
    ends = found.lengths.cumsum() - 1
    np.testing.assert_array_equal(np.flatnonzero(found.arrays["next.done"]), ends)
    assert found.arrays["next.success"][ends].tolist() == [0, 0, 1, 1, 0, 0]
    assert found.names == {"action": ("push_0",)}


def test_only_what_was_solved():
    found = collect(Staggered(), POLICY, None, episodes=6, worlds=3, seed=0, solved=True)
    assert found.lengths.tolist() == [3, 3]
    with pytest.raises(ValueError, match="none of 1 episodes was solved"):
        collect(Staggered(), POLICY, None, episodes=1, worlds=1, seed=0, solved=True)


def test_disturbances_are_executed_and_not_recorded():
    found = collect(Staggered(), POLICY, None, episodes=300, worlds=3, seed=0, noise=0.1)
    off = found.arrays["next.reward"] - found.arrays["action"][:, 0]
    assert abs(off[found.arrays["action"][:, 0] > 0].std() - 0.1) < 0.02 and abs(off.mean()) < 0.02


@pytest.mark.parametrize(
    ("change", "message"),
    [({"episodes": 0}, "episodes is 0"), ({"worlds": 0}, "worlds is 0"), ({"noise": -1.0}, "noise")],
)
def test_what_cannot_be_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        collect(Staggered(), POLICY, None, **{"episodes": 1, "worlds": 1, "seed": 0} | change)
    with pytest.raises(ValueError, match="no success metric"):
        blind = Staggered()
        object.__setattr__(blind, "spec", replace(SPEC, success=None))
        collect(blind, POLICY, None, episodes=1, worlds=1, seed=0, solved=True)
