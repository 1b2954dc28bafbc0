"""Tracking is learned: a run of seconds, with all randomisation on, earns more and falls less."""

import jax
import numpy as np
from gambol.envs.track.config import TrackConfig
from gambol.envs.track.env import make_track
from gambol.policies.learn.ppo.config import PPOConfig
from gambol.policies.learn.ppo.learner import make_learner
from gambol.policies.nets.config import NetworkConfig

QUICK = {"xla_backend_optimization_level": 0}
PPO = PPOConfig(
    worlds=128, rollout_steps=16, epochs=4, minibatches=4, learning_rate=1e-3, kl_target=0.02, entropy_coef=0.0
)
UPDATES = 60


def test_a_short_run_earns_more_and_falls_less():
    env = make_track(TrackConfig(episode_seconds=4.0))
    learner = make_learner(env, PPO, NetworkConfig((64, 64), (64, 64), "elu"))
    update = jax.jit(learner.update_in, compiler_options=QUICK)
    state, rows = learner.init(jax.random.key(0)), []
    for _ in range(UPDATES):
        state, metrics = update(env, state)
        assert metrics["non_finite"] == 0
        rows.append({name: float(value) for name, value in metrics.items()})

    def mean(name: str, some: slice) -> float:
        return float(np.mean([row[name] for row in rows[some]]))

    first, last = slice(2, 10), slice(-8, None)
    assert mean("reward", last) > 2 * mean("reward", first)
    assert mean("episode_length", last) > 1.5 * mean("episode_length", first)
