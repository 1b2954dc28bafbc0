"""The peer's side of `gambol bench planar`: kinetix-env, run by the Python of `make peers`.

    .venv-peers/bin/python benchmarks/peer_kinetix.py m

Steps the published levels of a size with flat observations and continuous actions, without auto-reset, which would
compute a reset state and its observation every step.
"""

import importlib.metadata
import os
import sys

import jax
import jax.numpy as jnp
import kinetix
from kinetix.environment.env import make_kinetix_env
from kinetix.environment.spaces import ActionType, ObservationType
from kinetix.util.saving import load_from_json_file, stack_list_of_pytrees
from timed import serve


def load(size: str):
    """All published levels of a size, stacked, and the parameters they share."""
    folder = os.path.join(os.path.dirname(kinetix.__file__), "levels", size)
    files = [load_from_json_file(os.path.join(folder, name)) for name in sorted(os.listdir(folder))]
    return stack_list_of_pytrees([state for state, _, _ in files]), files[0][1], files[0][2]


def main(size: str) -> None:
    """Time rollouts as stdin asks for them."""
    levels, static, params = load(size)
    env = make_kinetix_env(ActionType.CONTINUOUS, ObservationType.SYMBOLIC_FLAT, None, params, static, auto_reset=False)
    key = jax.random.key(0)

    def start(worlds):
        return jax.tree.map(lambda x: x[jnp.arange(worlds) % len(levels.gravity)], levels)

    def step(_, state, action):
        observation, state, reward, _, _ = jax.vmap(env.step, (None, 0, 0, None))(key, state, action, params)
        return state, observation.sum() + reward.sum()

    versions = {name: importlib.metadata.version(name) for name in ("kinetix-env", "jax2d", "jax", "jaxlib")}
    serve(start, step, versions=versions)


if __name__ == "__main__":
    main(*sys.argv[1:])
