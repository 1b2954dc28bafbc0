"""Planar control levels. Importing this package makes the task known to Gymnasium."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .register import register_envs

if TYPE_CHECKING:
    from .env import PlanarConfig, PlanarEnv, PlanarState, make_planar
    from .level import Level, LevelError, read_level, write_level
    from .vector import PlanarGymEnv, PlanarVectorEnv

__all__ = [
    "Level",
    "LevelError",
    "PlanarConfig",
    "PlanarEnv",
    "PlanarGymEnv",
    "PlanarState",
    "PlanarVectorEnv",
    "make_planar",
    "read_level",
    "register_envs",
    "write_level",
]

_ROOMS = ("env", "level", "vector")

register_envs()


def __getattr__(name: str) -> Any:
    """Import JAX and the task only when something of it is asked for, so that registering stays cheap."""
    if name in __all__:
        for room in (import_module(f".{room}", __name__) for room in _ROOMS):
            if hasattr(room, name):
                return getattr(room, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
