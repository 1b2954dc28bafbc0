"""The env of a config, whatever its task."""

from dataclasses import replace
from typing import TypeVar

from .contract import Env
from .planar.env import PlanarConfig, make_planar
from .track.config import TrackConfig
from .track.env import make_track

EnvConfig = PlanarConfig | TrackConfig
"""Settings of any task; `task` tells which."""
T = TypeVar("T", bound=EnvConfig)


def make_env(config: EnvConfig) -> Env:
    """The env that a config describes. Raises ValueError for what the user can mend."""
    return make_track(config) if isinstance(config, TrackConfig) else make_planar(config)


def with_engine(config: T, engine: str | None) -> T:
    """The config with another engine, or as it is for None. Raises ValueError for an engine that the task lacks."""
    return config if engine is None else replace(config, engine=engine)  # pyright: ignore[reportArgumentType]
