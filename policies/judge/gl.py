"""Which OpenGL draws pictures without a screen: asked before MuJoCo is imported, which fails if MUJOCO_GL is wrong."""

import ctypes
import os

LIBRARIES = {"egl": ("libEGL.so.1", "libegl1 libgl1"), "osmesa": ("libOSMesa.so.8", "libosmesa6")}
"""By value of MUJOCO_GL, in the order of preference: what is loaded, and the Debian packages that bring it."""


def choose_gl() -> str:
    """The first of `LIBRARIES` that this machine has, or the one that MUJOCO_GL names. Raises ValueError for none."""
    asked = os.environ.get("MUJOCO_GL", "").lower()
    if asked not in ("", *LIBRARIES):
        raise ValueError(f"MUJOCO_GL is {asked!r}: use {' or '.join(LIBRARIES)}, which need no screen, or unset it")
    for name in [asked] if asked else LIBRARIES:
        try:
            ctypes.CDLL(LIBRARIES[name][0])
        except OSError:
            continue
        return name
    library, packages = LIBRARIES[asked or "egl"]
    raise ValueError(f"{library} is missing, which draws pictures; on Debian: apt-get install {packages}")
