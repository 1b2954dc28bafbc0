"""A learner with the real seam that compiles in no time: noisy descent on a quadratic, with every kind of leaf."""

from dataclasses import replace
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import optax
import pytest
from gambol.policies.learn.config import RunConfig, TrainConfig
from gambol.policies.learn.ppo.config import PPOConfig

OPTIMISER = optax.adam(0.1)


def init(key):
    params = {"w": jax.random.normal(key, (3, 4)), "b": jnp.asarray(1.0)}
    return {
        "params": params,
        "optimiser": OPTIMISER.init(params),
        "key": jax.random.split(key, 2),
        "updates": jnp.int32(0),
        "nothing": jnp.zeros((2, 0)),
        "half": jnp.ones(3, jnp.bfloat16),
        "flag": jnp.ones(2, bool),
        "none": None,
    }


def update_in(env, state):
    key, noise = state["key"][0], jax.random.normal(state["key"][1], (3, 4))
    loss, gradient = jax.value_and_grad(lambda p: ((p["w"] - noise) ** 2).sum() + p["b"] ** 2)(state["params"])
    gradient["w"] = jnp.where(state["updates"] == env["break_at"], jnp.inf, gradient["w"])
    change, optimiser = OPTIMISER.update(gradient, state["optimiser"])
    new = {
        **state,
        "params": optax.apply_updates(state["params"], change),
        "optimiser": optimiser,
        "key": jax.random.split(key),
        "updates": state["updates"] + 1,
    }
    solved = jnp.minimum(state["updates"], 10 - state["updates"]) / 10
    return new, {"loss": loss, "episodes": jnp.int32(4), "episode_return": -loss, "success_rate": solved}


@pytest.fixture(scope="session")
def fake_build():
    """(break_at) -> build; the update numbered `break_at` gives an infinite gradient."""

    def make(break_at=-1):
        learner = SimpleNamespace(
            init=init,
            shapes=lambda: jax.eval_shape(init, jax.random.key(0)),
            source=lambda _: {"break_at": jnp.int32(break_at)},
            steps=16,
            episodes=4,
            update_in=update_in,
            policy=lambda temperature=1.0: f"policy at {temperature}",
            params_of=lambda state: state["params"],
        )
        return lambda config: (None, learner)

    return make


@pytest.fixture
def small(tmp_path):
    """Eight updates of 16 steps; success is best at update 5."""
    run = RunConfig(total_steps=128, checkpoint_every=2, log_every=1, keep_last=2, out=str(tmp_path / "runs"))
    ppo = PPOConfig(worlds=4, rollout_steps=4, minibatches=2)
    return replace(TrainConfig(name="small", seed=3), run=run, ppo=ppo)
