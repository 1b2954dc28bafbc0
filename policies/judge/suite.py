"""The environment in which a policy meets a suite that it need not have been trained on.

A suite is a set of levels (`kinetix/m`, a file, a folder) for policies of planar control, or one of `TRACK_SUITES` for
policies of whole-body tracking.
"""

import difflib
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal, get_args

import jax

from ...envs.make import EnvConfig
from ...envs.planar import suites
from ...envs.planar.env import PlanarConfig, PlanarEnv, make_planar
from ...envs.planar.level import Level, level_hash, read_level
from ...envs.track.config import CommandConfig, RandomConfig, TrackConfig
from ...envs.track.env import TrackEnv, make_track
from ...sim.legged.terrain import TerrainConfig
from ...sim.planar.scene import CAPACITIES

Size = Literal["s", "m", "l"]

JUDGED = ("terrain", "command", "goal", "random", "curriculum", "episode_seconds", "most_tilt", "least_height")
"""Settings of tracking that are the judge's: the task's defaults, whatever the policy was trained with."""
NOTHING_RANDOM = RandomConfig(
    friction=(1.0, 1.0),
    base_mass=(0.0, 0.0),
    base_centre=(0.0, 0.0),
    gripper_mass=(0.0, 0.0),
    leg_strength=(1.0, 1.0),
    arm_strength=(1.0, 1.0),
    push_period=0.0,
    action_delay=0.0,
    observation_delay=0.0,
    noise=0.0,
    start_joints=(1.0, 1.0),
    start_velocity=0.0,
    start_place=0.0,
    start_yaw=0.0,
)
"""Every world the same; only commands and goals are drawn."""
TRACK_SUITES: dict[str, dict[str, Any]] = {
    "track/standard": {},
    "track/rough": {"terrain": TerrainConfig(kind="rough")},
    # Four times as often; standing robots as hard as in the standard suite, walking ones twice as hard.
    "track/pushed": {"random": RandomConfig(push_period=2.0, push=1.0, push_standing=1.25)},
    "track/abrupt": {"command": CommandConfig(acceleration=0.0, yaw_acceleration=0.0)},
    "track/calm": {"random": NOTHING_RANDOM},
}
"""What each suite sets besides the defaults of `JUDGED`."""


def task_of(suite: str) -> Literal["planar", "track"]:
    """The task that a suite judges. Raises ValueError for a name that comes near a suite of tracking and is none."""
    if suite in TRACK_SUITES:
        return "track"
    near = difflib.get_close_matches(suite, TRACK_SUITES, n=1, cutoff=0.75)
    if suite.split("/")[0] == "track" or (near and not Path(suite).exists()):
        hint = f"did you mean {near[0]}?" if near else f"use one of {', '.join(TRACK_SUITES)}"
        raise ValueError(f"there is no suite {suite!r}: {hint}")
    return "planar"


def config_for(suite: str) -> EnvConfig:
    """Settings of an env that can take the suite, for policies that were trained on none. Raises ValueError."""
    return TrackConfig() if task_of(suite) == "track" else PlanarConfig(size=smallest_size(suite))


def for_suite(config: EnvConfig, suite: str) -> PlanarEnv | TrackEnv:
    """The env of `config` on a suite: what the policy sees and does stays, what it meets is the suite's.

    Smaller levels are grown to the config's capacity. Raises ValueError where there is no such suite, where it is one
    of another task, or where one of its levels is too large for the capacity.
    """
    if task_of(suite) == "track":
        if not isinstance(config, TrackConfig):
            raise ValueError(
                f"suite {suite} is for the task track and the policy is for {config.task}: use a suite of levels, "
                "such as kinetix/m"
            )
        return make_track(judged(config, suite))
    if not isinstance(config, PlanarConfig):
        raise ValueError(
            f"suite {suite} is for the task planar and the policy is for {config.task}: use one of "
            f"{', '.join(TRACK_SUITES)}"
        )
    needed = smallest_size(suite)
    if not CAPACITIES[config.size].holds(CAPACITIES[needed]):
        raise ValueError(
            f"suite {suite} has levels of size {needed} and the policy is of size {config.size}, which is smaller: "
            f"evaluate a policy of size {needed}"
        )
    return make_planar(replace(config, levels=(suite,)))


def judged(config: TrackConfig, suite: str) -> TrackConfig:
    """The config with the settings of a suite of tracking in place of its own."""
    standard = TrackConfig()
    return replace(config, **{name: getattr(standard, name) for name in JUDGED} | TRACK_SUITES[suite])


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
    rules = {name: asdict(config)[name] for name in ("frame_skip", "max_steps", "jax2d_quirks")}
    return rules | ({"action_noise": config.action_noise} if config.action_noise else {})


def conditions(config: TrackConfig) -> dict[str, Any]:
    """All that a suite of tracking settles, for its report."""
    return {name: asdict(config)[name] for name in JUDGED}
