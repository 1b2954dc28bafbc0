"""Pictures of MuJoCo models without a screen: OpenGL through EGL or, in software alone, OSMesa."""

from importlib import import_module
from typing import Any

import mujoco
import numpy as np

from .gl import LIBRARIES, choose_gl

MOST_GEOMS = 2000
"""That a picture may hold, markers included."""


def open_gl(width: int, height: int) -> Any:
    """An OpenGL context of MuJoCo's. Raises ValueError if there is none to be had, saying what to install."""
    name = choose_gl()
    try:
        context = import_module(f"mujoco.{name}").GLContext(width, height)
        context.make_current()
    except Exception as error:  # PyOpenGL and MuJoCo raise what they like: ImportError, AttributeError, GLError, ...
        reason = (str(error) or type(error).__name__).splitlines()[0]
        (other,) = set(LIBRARIES) - {name}
        raise ValueError(
            f"MUJOCO_GL={name} does not draw here ({reason}); on Debian: apt-get install {LIBRARIES[name][1]}, "
            f"or {LIBRARIES[other][1]} and set MUJOCO_GL={other}"
        ) from None
    return context


class Offscreen:
    """Draws one model, in one thread. Geoms may be added to `scene` between `look` and `picture`. Close it."""

    def __init__(self, model: mujoco.MjModel, width: int, height: int):
        """Raises ValueError where nothing can be drawn."""
        self.model = model
        self.context = open_gl(width, height)
        self.renderer = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self.renderer)
        self.scene = mujoco.MjvScene(model, MOST_GEOMS)
        self.options = mujoco.MjvOption()
        self.frame = mujoco.MjrRect(0, 0, width, height)

    def look(self, data: mujoco.MjData, camera: mujoco.MjvCamera) -> None:
        """Put what the camera sees into the scene, in place of what was there."""
        everything = mujoco.mjtCatBit.mjCAT_ALL
        mujoco.mjv_updateScene(self.model, data, self.options, None, camera, everything, self.scene)

    def picture(self) -> np.ndarray:
        """The scene as uint8 [H, W, 3] RGB."""
        self.context.make_current()  # another one may have been used in between
        image = np.empty((self.frame.height, self.frame.width, 3), np.uint8)
        mujoco.mjr_render(self.frame, self.scene, self.renderer)
        mujoco.mjr_readPixels(image, None, self.frame, self.renderer)
        return np.flipud(image)

    def close(self) -> None:
        """Give everything back."""
        self.renderer.free()
        self.context.free()
