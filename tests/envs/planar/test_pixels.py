"""The pixel observation against images recorded from kinetix-env (benchmarks/record_pixels_golden.py)."""

from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gambol.envs.planar.level import Level, read_level, stack
from gambol.envs.planar.pixels import PIXELS, pixels, upright
from gambol.envs.planar.suites import find
from gambol.sim.planar.scene import CAPACITIES, WALLS

with np.load(Path(__file__).parent / "golden" / "pixels.npz") as file:
    GOLDEN = dict(file)
CASES = sorted({key.rpartition("|")[0] for key in GOLDEN})


def read(name: str) -> Level:
    (ref,) = find((name,))
    return read_level(ref.path)


def recorded(case: str) -> Level:
    """The level of a golden image, its bodies where they were."""
    name, moment = case.split("|")
    level = read(name)
    position, angle = (jnp.array(GOLDEN[f"{case}|{what}"]) for what in ("position", "angle"))
    level = replace(level, state=replace(level.state, position=position, angle=angle))
    if moment == "enlarged":
        scene = level.scene
        vertices = scene.vertices.at[:, :, WALLS:].multiply(3)
        level = replace(level, scene=replace(scene, vertices=vertices, radius=scene.radius * 3))
    return level


@pytest.fixture(scope="module")
def images() -> dict[str, np.ndarray]:
    """Our image of every golden case; the cases of one size are the worlds of one batch."""
    ours = {}
    for size in CAPACITIES:
        cases = [case for case in CASES if case.startswith(f"kinetix/{size}/")]
        bank = stack([recorded(case) for case in cases])
        seen = jax.jit(pixels)(bank, bank.state)
        assert seen["image"].shape == (len(cases), PIXELS, PIXELS, 3) and seen["image"].dtype == jnp.float32
        assert seen["global_info"].shape == (len(cases), 1)
        np.testing.assert_allclose(seen["global_info"], -0.981, rtol=1e-6)
        ours |= dict(zip(cases, np.asarray(seen["image"]), strict=True))
    return ours


@pytest.mark.parametrize("case", CASES)
def test_same_picture_as_kinetix(images, case):
    difference = np.abs(images[case] - GOLDEN[f"{case}|image"] / 255)
    assert (difference <= 1 / 255).all(-1).mean() >= 0.999
    assert difference.mean() <= 5e-4


def colours(image: np.ndarray) -> set[tuple[int, ...]]:
    return {tuple(colour) for colour in np.round(image).astype(int).reshape(-1, 3).tolist()}


@pytest.mark.parametrize("case", [case for case in CASES if not case.endswith("later")])
def test_same_colours_as_kinetix(images, case):
    """Joints and thrusters are few pixels, so their colours are asked for by themselves."""
    assert colours(images[case] * 255) == colours(GOLDEN[f"{case}|image"])


@pytest.mark.parametrize("case", [case for case in CASES if "thrust" not in case and "lander" not in case])
def test_identical_without_thrusters(images, case):
    """Where joints lag behind their bodies (see `pixels`), but for a joint's old and new pixel."""
    wrong = (np.abs(images[case] - GOLDEN[f"{case}|image"] / 255) > 1 / 255).any(-1).sum()
    assert wrong <= (2 if case.endswith("later") else 0)


def see(level: Level) -> np.ndarray:
    return np.asarray(jax.jit(pixels)(*jax.tree.map(lambda x: x[..., None], (level, level.state)))["image"][0])


def test_axes_are_x_then_y_upwards(images):
    image = images["kinetix/s/h4_thrust_aim|start"]
    np.testing.assert_allclose(image[:, :10], 80 / 255, atol=1e-6)
    np.testing.assert_allclose(upright(image)[-10:], 80 / 255, atol=1e-6)
    np.testing.assert_array_equal(upright(image)[PIXELS - 1 - 30, 70], image[70, 30])


def test_a_triangle_has_no_fourth_corner():
    level = read("kinetix/m/h1_car_left")
    body, half = WALLS, 0.8
    square = half * jnp.array([[-1.0, 1.0, 1.0, -1.0], [1.0, 1.0, -1.0, -1.0]])
    scene = level.scene
    active = jnp.zeros_like(scene.active).at[body].set(True)
    joints = replace(scene.joints, active=jnp.zeros_like(scene.joints.active))
    scene = replace(scene, vertices=scene.vertices.at[:, :, body].set(square), active=active, joints=joints)
    position = level.state.position.at[:, body].set(jnp.array([2.5, 3.0]))
    level = replace(level, state=replace(level.state, position=position))
    quad = see(replace(level, scene=scene))
    triangle = see(replace(level, scene=replace(scene, vertex_count=scene.vertex_count.at[body].set(3))))
    covered = [(image[:, 11:] != 1).any(-1).sum() for image in (quad, triangle)]
    np.testing.assert_allclose(covered, [41 * 41, 41 * 42 / 2], atol=41)
    corners = {"upper right": (81, 94), "lower right": (81, 57), "upper left": (44, 94), "lower left": (44, 57)}
    missing = [name for name, (x, y) in corners.items() if (triangle[x, y] == 1).all()]
    assert missing == ["lower left"]
    assert all((quad[x, y] != 1).any() for x, y in corners.values())
