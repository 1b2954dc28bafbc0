"""Playing a policy and keeping what it saw and did: recordings to learn from."""

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from ...envs.contract import Env, PyTree
from ..nets.flow.tokens import arrays_of
from ..policy import Policy, renew
from .recording import ACTION, OBSERVATION, Recording

REWARD, DONE, SUCCESS = "next.reward", "next.done", "next.success"


def collect(
    env: Env,
    policy: Policy,
    params: PyTree,
    episodes: int,
    worlds: int,
    seed: int,
    noise: float = 0.0,
    solved: bool = False,
) -> Recording:
    """So many whole episodes of `policy`, the same number from every world: short ones do not crowd out long ones.

    `noise` is the deviation of Gaussian disturbances of what is executed, which are not recorded. `solved`: only
    episodes that ended in success. Arrays of observations with more than two axes that are not pictures are left out.
    Raises ValueError for counts below 1, and where no episode was solved.
    """
    for name, value in (("episodes", episodes), ("worlds", worlds)):
        if value < 1:
            raise ValueError(f"{name} is {value}: it must be at least 1")
    if not (noise >= 0 and math.isfinite(noise)):
        raise ValueError(f"noise is {noise}: it must be 0 or more")
    if solved and env.spec.success is None:
        raise ValueError(f"{env.spec.name} has no success metric: no episode of it is solved")
    worlds = min(worlds, episodes)
    each = math.ceil(episodes / worlds)
    starting, playing = jax.random.split(jax.random.key(seed))
    state, observation = env.reset(starting, worlds)
    fresh = policy.initial_memory(worlds)
    block = jax.jit(partial(_play, env, policy, noise))
    carry, blocks, ended = (state, observation, fresh), [], np.zeros(worlds, int)
    for number in range(each):  # no episode is longer than a block
        carry, seen = block(params, fresh, carry, jax.random.fold_in(playing, number))
        blocks.append(jax.device_get(seen))
        ended += blocks[-1][DONE].sum(axis=0)
        if (ended >= each).all():
            break
    columns = {name: np.concatenate([one[name] for one in blocks]).swapaxes(0, 1) for name in blocks[0]}
    chosen = _whole(columns[DONE], each, columns[SUCCESS] if solved else None)[:episodes]
    if not chosen:
        raise ValueError(f"none of {each * worlds} episodes was solved")
    rows = {name: np.concatenate([x[w, a:b] for w, a, b in chosen]) for name, x in columns.items()}
    numbers = np.repeat(np.arange(len(chosen)), [b - a for _, a, b in chosen])
    levels = getattr(env, "level_names", ())
    text = levels[0] if len(levels) == 1 else env.spec.name
    if env.spec.success is None:
        del rows[SUCCESS]
    names = {ACTION: tuple(_names(env.spec.action_terms, rows[ACTION].shape[1:]))}
    fps = round(1 / env.spec.control_dt)
    return Recording(fps, rows, numbers, (text,) * len(chosen), names if all(names.values()) else {}, env.spec.name)


def _play(env: Env, policy: Policy, noise: float, params: PyTree, fresh: PyTree, carry: Any, key: Array) -> Any:
    """One episode's length in every world, [T, W, ...] by name."""
    box, success = env.spec.action_space, env.spec.success

    def advance(carry: Any, key: Array) -> Any:
        state, observation, memory = carry
        acting, disturbing = jax.random.split(key)
        action, memory = policy.act(params, memory, observation, acting)
        done = action
        if noise:
            done = action + noise * jax.random.normal(disturbing, action.shape)
            done = jnp.clip(done, box.low, box.high)  # pyright: ignore[reportAttributeAccessIssue]
        state, step = env.step(state, done)
        seen = {OBSERVATION + name: _kept(x) for name, x in arrays_of(observation.policy).items() if _recorded(x)}
        won = step.metrics[success] > 0.5 if success else jnp.zeros_like(step.done)
        seen |= {ACTION: action, REWARD: step.reward, DONE: step.done, SUCCESS: won}
        return (state, step.observation, renew(memory, fresh, step.done)), seen

    return jax.lax.scan(advance, carry, jax.random.split(key, env.spec.max_steps))


def _recorded(values: Array) -> bool:
    """Whether an array [W, ...] of an observation can be."""
    return values.ndim <= 3 or (values.ndim == 4 and values.shape[-1] == 3)


def _kept(values: Array) -> Array:
    """It as it is recorded: pictures from 0 to 1 as whole numbers to 255."""
    picture = values.ndim == 4 and values.dtype != jnp.uint8
    return jnp.round(values * 255).astype(jnp.uint8) if picture else values


def _whole(done: NDArray, each: int, solved: NDArray | None) -> list[tuple[int, int, int]]:
    """World, first step and the one past the last of the first `each` episodes of every world, [W, T] `done`."""
    found = []
    for world, ends in enumerate(done):
        ends = np.flatnonzero(ends)[:each] + 1
        for start, end in zip(np.append(0, ends[:-1]), ends, strict=True):
            if solved is None or solved[world, end - 1]:
                found.append((world, int(start), int(end)))
    return found


def _names(terms: tuple[Any, ...], shape: tuple[int, ...]) -> list[str]:
    """Of the entries of an action, where there are as many."""
    names = [name for term in terms for name in (term.names or [f"{term.name}_{i}" for i in range(term.size)])]
    return names if shape == (len(names),) else []
