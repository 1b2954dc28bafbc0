"""Our side of `gambol bench planar`.

    .venv/bin/python benchmarks/ours_planar.py m fused

Steps the published levels of a size with flat observations and continuous actions. Finished worlds start again, each
on a level drawn anew.
"""

import sys

import jax
import jax.numpy as jnp
from gambol.envs.planar.env import PlanarConfig, make_planar
from timed import serve


def main(size: str, engine: str) -> None:
    """Time rollouts as stdin asks for them."""
    env = make_planar(PlanarConfig(size=size, levels=(f"kinetix/{size}",), action="continuous", engine=engine))

    def start(worlds):
        levels = jnp.arange(worlds, dtype=jnp.int32) % len(env.level_names)
        return jax.jit(lambda env: env.assign(jax.random.key(0), levels)[0])(env)

    def step(env, state, action):
        state, step = env.step(state, action)
        return state, step.observation.policy.sum() + step.reward.sum()

    serve(start, step, env, engine=env.engine)


if __name__ == "__main__":
    main(*sys.argv[1:])
