"""The persistent compilation cache: what XLA compiled once is read back the next time a command starts."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """Return the folder of compiled programs: `$XDG_CACHE_HOME/gambol/xla`, by default under `~/.cache`.

    A relative `XDG_CACHE_HOME` is ignored, as its specification asks.
    """
    chosen = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (chosen if chosen.is_absolute() else Path.home() / ".cache") / "gambol" / "xla"


def enable_compilation_cache() -> bool:
    """Let JAX keep compiled programs in `cache_folder()`; returns False, changing nothing, if that cannot be written.

    Works through the environment, so it must run before JAX is imported. Settings that the user made in the environment
    win. A benchmark that times compilation sets `JAX_ENABLE_COMPILATION_CACHE=0` for its processes.
    """
    try:
        folder = cache_folder()
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # RuntimeError: this user has no home folder
        return False
    if not os.access(folder, os.W_OK | os.X_OK):
        return False
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(folder))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    return True
