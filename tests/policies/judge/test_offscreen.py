import ctypes

import mujoco
import numpy as np
import pytest
from gambol.policies.judge import offscreen
from gambol.policies.judge.gl import choose_gl
from gambol.policies.judge.offscreen import Offscreen

MODEL = """
<mujoco>
  <visual><global offwidth="96" offheight="64"/></visual>
  <worldbody>
    <light pos="-2 0 2" dir="1 0 -1"/>
    <geom size="0.2" pos="0 0 0.5" rgba="1 0 0 1"/>
    <geom size="0.2" pos="0 0.5 -0.5" rgba="0 0 1 1"/>
  </worldbody>
</mujoco>
"""


@pytest.fixture
def libraries(monkeypatch):
    """Let only some OpenGL libraries be there, and say with MUJOCO_GL which is wanted."""

    def only(*there, wanted=""):
        def load(name):
            if name not in there:
                raise OSError(f"{name}: cannot open shared object file")

        monkeypatch.setattr(ctypes, "CDLL", load)
        monkeypatch.setenv("MUJOCO_GL", wanted)

    return only


def test_egl_comes_first_then_osmesa(libraries):
    libraries("libEGL.so.1", "libOSMesa.so.8")
    assert choose_gl() == "egl"
    libraries("libOSMesa.so.8")
    assert choose_gl() == "osmesa"
    libraries("libEGL.so.1", "libOSMesa.so.8", wanted="osmesa")
    assert choose_gl() == "osmesa"


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("", "libEGL.so.1 is missing, which draws pictures; on Debian: apt-get install libegl1 libgl1"),
        ("osmesa", "libOSMesa.so.8 is missing, which draws pictures; on Debian: apt-get install libosmesa6"),
        ("glfw", "MUJOCO_GL is 'glfw': use egl or osmesa, which need no screen, or unset it"),
    ],
)
def test_what_is_missing_is_named_with_its_debian_package(libraries, wanted, message):
    libraries(wanted=wanted)
    with pytest.raises(ValueError) as error:
        choose_gl()
    assert str(error.value) == message


def test_a_library_that_does_not_draw_is_one_line(libraries, monkeypatch):
    def broken(name):
        raise AttributeError("'NoneType' object has no attribute 'glGetError'\nand more")

    libraries("libEGL.so.1")
    monkeypatch.setattr(offscreen, "import_module", broken)
    with pytest.raises(ValueError) as error:
        offscreen.open_gl(64, 64)
    assert str(error.value) == (
        "MUJOCO_GL=egl does not draw here ('NoneType' object has no attribute 'glGetError'); "
        "on Debian: apt-get install libegl1 libgl1, or libosmesa6 and set MUJOCO_GL=osmesa"
    )


def test_a_picture_is_upright_and_shows_what_was_added():
    try:
        choose_gl()
    except ValueError as reason:
        pytest.skip(str(reason))
    model = mujoco.MjModel.from_xml_string(MODEL)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    camera = mujoco.MjvCamera()
    camera.azimuth, camera.elevation, camera.distance = 0, 0, 3  # looks along x: y to the left
    screen, other = Offscreen(model, 96, 64), Offscreen(model, 32, 32)  # each has its own context
    screen.look(data, camera)
    image = screen.picture().astype(int)
    assert image.shape == (64, 96, 3)
    red, blue = (np.argwhere(image[..., i] - image[..., 1] > 60).mean(0) for i in (0, 2))
    assert red[0] < 28 and abs(red[1] - 47.5) < 2
    assert blue[0] > 36 and blue[1] < 40
    screen.look(data, camera)
    geom = screen.scene.geoms[screen.scene.ngeom]
    colour = np.array([0, 1, 0, 1], np.float32)
    mujoco.mjv_initGeom(geom, mujoco.mjtGeom.mjGEOM_SPHERE, np.full(3, 0.2), np.zeros(3), np.eye(3).ravel(), colour)
    screen.scene.ngeom += 1
    more = screen.picture().astype(int)
    screen.close()
    other.close()
    assert (image[..., 1] - image[..., 0] > 60).sum() == 0 < (more[..., 1] - more[..., 0] > 60).sum()
