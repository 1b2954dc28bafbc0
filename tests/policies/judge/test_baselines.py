from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gambol.envs.contract import ActionTerm, EnvSpec, Observation
from gambol.policies.judge.baselines import noop_policy, random_policy
from gymnasium.spaces import Box, Dict, Discrete, MultiDiscrete

SPEC = EnvSpec("test", Box(0, 1, (2,)), Box(0, 1, (2,)), {}, (), 0.1, 5)
SPACES = [
    Box(np.array([-1, 0], np.float32), np.array([1, 0.5], np.float32)),
    Box(-np.inf, np.inf, (3,)),
    MultiDiscrete([3, 3, 2]),
    Discrete(4),
    Discrete(3, start=5),
]


def act(policy, worlds=400):
    observation = Observation({"a": jnp.zeros((worlds, 2)), "b": jnp.zeros((worlds, 3))})
    action, memory = jax.jit(policy.act)(None, policy.initial_memory(worlds), observation, jax.random.key(0))
    assert memory is None
    return np.asarray(action)


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_random_actions_fill_the_space(space):
    actions = act(random_policy(replace(SPEC, action_space=space)))
    assert all(space.contains(a.astype(space.dtype)) for a in actions)
    if isinstance(space, Box):
        low, high = np.maximum(space.low, -1), np.minimum(space.high, 1)
        np.testing.assert_allclose(actions.mean(0), (low + high) / 2, atol=0.12)
        np.testing.assert_allclose(actions.std(0), (high - low) / np.sqrt(12), rtol=0.12)
    else:
        for column in actions.reshape(400, -1).T:
            counts = np.unique(column, return_counts=True)[1]
            assert counts.min() > 0.7 * counts.mean()
        sizes = space.nvec if isinstance(space, MultiDiscrete) else [space.n]
        assert [len(np.unique(c)) for c in actions.reshape(400, -1).T] == list(sizes)


def test_random_actions_leave_out_what_the_terms_clip():
    terms = (ActionTerm("a", 1, clip=(-1, 1)), ActionTerm("b", 1, scale=-2.0, offset=1.0, clip=(0.0, 2.0)))
    actions = act(random_policy(replace(SPEC, action_space=Box(-1, 1, (2,)), action_terms=terms)))
    np.testing.assert_allclose(actions.min(0), [-1, -0.5], atol=0.02)
    np.testing.assert_allclose(actions.max(0), [1, 0.5], atol=0.02)


@pytest.mark.parametrize(
    ("space", "idle"),
    [
        (SPACES[0], [0, 0]),
        (Box(0.5, 1, (1,)), [0.5]),
        (MultiDiscrete([3, 2]), [0, 0]),
        (Discrete(3), 1),
        (Discrete(3, start=5), 6),
    ],
)
def test_noop_does_nothing(space, idle):
    terms = (ActionTerm("choice", 3, names=("left", "nothing", "right")),)
    actions = act(noop_policy(replace(SPEC, action_space=space, action_terms=terms)), worlds=3)
    np.testing.assert_array_equal(actions, np.broadcast_to(idle, (3, *np.shape(idle))))
    assert space.contains(actions[0])


def test_a_discrete_space_must_name_its_idle_action():
    with pytest.raises(ValueError, match='names no action "nothing"'):
        noop_policy(replace(SPEC, action_space=Discrete(3)))


@pytest.mark.parametrize("make", [random_policy, noop_policy])
def test_unknown_spaces_are_refused(make):
    with pytest.raises(ValueError, match="baselines know Box"):
        make(replace(SPEC, action_space=Dict({})))
