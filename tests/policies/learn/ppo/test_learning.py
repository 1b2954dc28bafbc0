from dataclasses import replace

import jax
import jax.numpy as jnp
import pytest
from flax import nnx
from gambol.policies.learn.ppo.acting import make_parts
from gambol.policies.learn.ppo.config import PPOConfig
from gambol.policies.learn.ppo.learner import make_learner
from gambol.policies.nets.config import NetworkConfig
from tiny_env import Forever, Reach, Recall

PPO = PPOConfig(worlds=64, rollout_steps=8, minibatches=2, epochs=4, learning_rate=1e-2, entropy_coef=0.0)
SMALL = NetworkConfig((16,), (16,))


def learn(env, ppo, network, updates):
    learner = make_learner(env, ppo, network)
    state, returns = learner.init(jax.random.key(0)), []
    for _ in range(updates):
        state, metrics = learner.update(state)
        assert metrics["ratio_error_first"] == 0 and metrics["non_finite"] == 0
        returns.append(metrics["episode_return"].item())
    return state, returns


@pytest.mark.parametrize(
    ("action", "activation"), [("continuous", "tanh"), ("discrete", "relu"), ("multi_discrete", "swish")]
)
def test_every_head_learns_to_name_what_it_sees(action, activation):
    _, returns = learn(Reach(jnp.zeros(()), action), PPO, replace(SMALL, activation=activation), 40)
    assert returns[0] < 0.7
    assert sum(returns[-5:]) / 5 > 0.97  # the most there is, is 1


def test_a_recurrent_policy_remembers_what_it_saw_at_the_start():
    _, returns = learn(Recall(), PPO, NetworkConfig((16,), (16,), recurrent=16), 60)
    assert returns[0] < 0.7
    assert sum(returns[-5:]) / 5 > 0.97  # without memory half is the most there is


def test_values_look_past_a_time_out():
    gamma = 0.9
    ppo = PPOConfig(
        worlds=8,
        rollout_steps=8,
        minibatches=2,
        epochs=4,
        learning_rate=2e-2,
        max_grad_norm=10.0,
        gamma=gamma,
        value_clip=0,
    )
    state, _ = learn(Forever(), ppo, SMALL, 100)
    critic = nnx.merge(make_parts(Forever().spec, ppo, SMALL).critic, state.params["critic"])
    value, _ = critic.step(jnp.zeros((1, 1)), None)  # the one observation there is, normalised
    # Taking time-outs for ends would give at most 1 + 0.9 + 0.81 + 0.729 = 3.4.
    assert value.item() == pytest.approx(1 / (1 - gamma), rel=0.05)
