"""The peer's side of `gambol bench planar`: kinetix-env, run by the Python of `make peers`.

    .venv-peers/bin/python benchmarks/peer_kinetix.py m 128 64 actions.npy

Steps the published levels of a size with flat observations and continuous actions [steps, worlds, 6], without
auto-reset, which would compute a reset state and its observation every step.
Prints one JSON line when compiled; then one line of seconds for every line read from stdin.
"""

import importlib.metadata
import json
import os
import sys
import time

import jax
import jax.numpy as jnp
import kinetix
import numpy as np
from kinetix.environment.env import make_kinetix_env
from kinetix.environment.spaces import ActionType, ObservationType
from kinetix.util.saving import load_from_json_file, stack_list_of_pytrees


def load(size: str):
    """All published levels of a size, stacked, and the parameters they share."""
    folder = os.path.join(os.path.dirname(kinetix.__file__), "levels", size)
    files = [load_from_json_file(os.path.join(folder, name)) for name in sorted(os.listdir(folder))]
    return stack_list_of_pytrees([state for state, _, _ in files]), files[0][1], files[0][2]


def main(size: str, worlds: int, steps: int, actions_file: str) -> None:
    """Compile one rollout, then run it as often as asked."""
    levels, static, params = load(size)
    env = make_kinetix_env(ActionType.CONTINUOUS, ObservationType.SYMBOLIC_FLAT, None, params, static, auto_reset=False)
    count = len(levels.gravity)
    start = jax.tree.map(lambda x: x[jnp.arange(worlds) % count], levels)
    actions, key = jnp.asarray(np.load(actions_file)), jax.random.key(0)
    assert actions.shape == (steps, worlds, 6), actions.shape

    def rollout(state, actions):
        def one(carry, action):
            state, total = carry
            step = jax.vmap(env.step, (None, 0, 0, None))
            observation, state, reward, _, _ = step(key, state, action, params)
            return (state, total + observation.sum() + reward.sum()), observation.shape[-1]

        return jax.lax.scan(one, (state, 0.0), actions)[0]

    began = time.perf_counter()
    compiled = jax.jit(rollout).lower(start, actions).compile()
    compile_seconds = time.perf_counter() - began
    jax.block_until_ready(compiled(start, actions))
    versions = {name: importlib.metadata.version(name) for name in ("kinetix-env", "jax2d", "jax", "jaxlib")}
    print(json.dumps({"compile_s": compile_seconds, "versions": versions}), flush=True)
    for _ in sys.stdin:
        began = time.perf_counter()
        jax.block_until_ready(compiled(start, actions))
        print(time.perf_counter() - began, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
