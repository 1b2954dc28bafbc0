"""The environment in which a policy meets a suite of levels that it need not have been trained on."""

from dataclasses import asdict, replace
from typing import Any, Literal, get_args

import jax

from ...envs.planar import suites
from ...envs.planar.env import PlanarConfig, PlanarEnv, make_planar
from ...envs.planar.level import Level, level_hash, read_level
from ...sim.planar.scene import CAPACITIES

Size = Literal["s", "m", "l"]


def for_suite(config: PlanarConfig, suite: str) -> PlanarEnv:
    """The env of `config` on the levels of `suite`: same observation, action and capacity, smaller levels grown to it.

    Raises ValueError where there is no such suite, or where one of its levels is too large for the capacity.
    """
    needed = smallest_size(suite)
    if not CAPACITIES[config.size].holds(CAPACITIES[needed]):
        raise ValueError(
            f"suite {suite} has levels of size {needed} and the policy is of size {config.size}, which is smaller: "
            f"evaluate a policy of size {needed}"
        )
    return make_planar(replace(config, levels=(suite,)))


def smallest_size(suite: str) -> Size:
    """Name of the smallest published size that holds every level of `suite`. Raises ValueError where none does."""
    sizes = get_args(Size)
    smallest = 0
    for level in suites.find((suite,)):
        capacity = read_level(level.path).scene.capacity
        fits = [i for i, size in enumerate(sizes) if CAPACITIES[size].holds(capacity)]
        if not fits:
            raise ValueError(f"level {level.name} has {capacity}: the largest size, {sizes[-1]}, does not hold it")
        smallest = max(smallest, fits[0])
    return sizes[smallest]


def level_of(env: PlanarEnv, index: int) -> Level:
    """Level `index` of the env's bank, as it stands in a file."""
    return jax.tree.map(lambda array: array[..., index], env.bank)


def hashes(env: PlanarEnv) -> dict[str, str]:
    """Content hash of every level by its name."""
    return {name: level_hash(level_of(env, i)) for i, name in enumerate(env.level_names)}


def protocol(config: PlanarConfig) -> dict[str, Any]:
    """The rules of an attempt that are the env's and not the policy's: reports that differ here are not compared."""
    return {name: asdict(config)[name] for name in ("frame_skip", "max_steps", "jax2d_quirks")}
