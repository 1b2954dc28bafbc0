from dataclasses import replace

import gymnasium
import jax.numpy as jnp
import numpy as np
import pytest
from gambol.envs.contract import ActionTerm
from gambol.policies.learn.ppo.config import PPOConfig
from gambol.policies.learn.ppo.mixing import by_channel, by_term, mixed, mixing_for
from tiny_env import box, make_spec

BODY = replace(
    make_spec(1, box(6), 1),
    action_terms=(ActionTerm("legs", 3), ActionTerm("arm", 2), ActionTerm("tail", 1)),
    reward_channels=("arm", "legs"),
)


def test_without_channels_the_action_is_one_and_the_reward_is_one():
    mixing = mixing_for(replace(BODY, reward_channels=()))
    assert mixing.channels == 1
    log_probs = np.arange(12.0).reshape(2, 6)
    np.testing.assert_array_equal(by_term(mixing, log_probs), log_probs.sum(-1, keepdims=True))
    advantage = np.array([[0.3], [-2.0]], np.float32)
    np.testing.assert_array_equal(mixed(PPOConfig(mixing_updates=9), mixing, advantage, jnp.int32(0)), advantage)


def test_a_term_has_the_log_probabilities_of_its_entries():
    log_probs = np.random.default_rng(0).normal(size=(4, 5, 6)).astype(np.float32)
    wanted = np.stack([log_probs[..., :3].sum(-1), log_probs[..., 3:5].sum(-1), log_probs[..., 5]], axis=-1)
    np.testing.assert_allclose(by_term(mixing_for(BODY), log_probs), wanted, rtol=1e-6)


@pytest.mark.parametrize(
    ("start", "over", "updates", "share"), [(0, 8, 0, 0), (0.2, 8, 4, 0.6), (0, 8, 99, 1), (0, 0, 0, 1)]
)
def test_a_term_learns_more_and_more_from_the_others(start, over, updates, share):
    config = PPOConfig(mixing_start=start, mixing_updates=over)
    arm, legs = advantage = np.array([2.0, -3.0], np.float32)
    found = mixed(config, mixing_for(BODY), advantage, jnp.int32(updates))
    # The tail has no channel of its own: it learns from all of them from the start.
    np.testing.assert_allclose(found, [legs + share * arm, arm + share * legs, arm + legs], rtol=1e-6)


def test_terms_that_do_not_make_up_the_action_are_named():
    with pytest.raises(ValueError, match="tiny: action_terms have 6 entries, action_space is Box"):
        mixing_for(replace(BODY, action_space=box(5)))
    one = replace(BODY, action_space=gymnasium.spaces.Discrete(3), action_terms=(ActionTerm("legs", 3),))
    assert mixing_for(one).own.tolist() == [[False, True]]


def test_an_env_must_give_the_channels_that_it_names(step_of):
    np.testing.assert_array_equal(by_channel(replace(BODY, reward_channels=()), step_of(None)), [[1], [2]])
    parts = jnp.array([[0.5, 0.5], [3.0, -1.0]])
    np.testing.assert_array_equal(by_channel(BODY, step_of(parts)), parts)
    with pytest.raises(ValueError, match=r"tiny: Step.rewards is \[2, 1\], make it \[2, 2\]: worlds, channels"):
        by_channel(BODY, step_of(None))


@pytest.fixture
def step_of():
    """(rewards) -> a step of two worlds with rewards 1 and 2."""
    from gambol.envs.contract import Observation, Step

    seen = Observation(jnp.zeros((2, 1)))
    no = jnp.zeros(2, bool)
    return lambda rewards: Step(seen, jnp.array([1.0, 2.0]), no, no, seen, rewards=rewards)
