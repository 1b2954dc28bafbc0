"""The ground as functions see it and as MuJoCo's rays do."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest
from gambol.sim.legged.terrain import GROUND, TerrainConfig, add, make

ROUGH = TerrainConfig(kind="rough", size=16.0, margin=4.0)


def rays(ground, places):
    """Height of MuJoCo's ground at places [N, 2], by rays from above."""
    spec = mujoco.MjSpec()
    add(spec, ground)
    model = spec.compile()
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    geom = np.zeros(1, np.int32)
    heights = []
    for x, y in places:
        start = np.array([x, y, 3.0])
        heights.append(3.0 - mujoco.mj_ray(model, data, start, np.array([0.0, 0, -1]), None, 1, -1, geom))
        assert model.geom(geom[0]).name == GROUND
    return np.array(heights)


@pytest.mark.parametrize(
    "config",
    [ROUGH, replace(ROUGH, amplitude=0.2, bump=0.5, seed=1), replace(ROUGH, size=15.97, grid=0.11), TerrainConfig()],
    ids=["rough", "high", "a grid that does not divide the side", "flat"],
)
def test_heights_are_those_of_mujocos_ground(config):
    ground = make(config)
    places = np.random.default_rng(0).uniform(-config.size / 2, config.size / 2, (400, 2))
    seen, there = np.array(ground.height(jnp.asarray(places))), rays(ground, places)
    steepest = 0 if ground.heights is None else np.abs(np.diff(ground.heights, 2, axis=0)).max()
    np.testing.assert_allclose(seen, there, atol=max(0.01, steepest))
    assert np.abs(seen - there).mean() < 0.05 * config.amplitude
    assert config.kind == "flat" or np.ptp(there) > config.amplitude


def test_heights_are_exact_on_the_grid():
    ground = make(ROUGH)
    steps = np.arange(-60, 60, 7)
    places = ROUGH.grid * np.stack(np.meshgrid(steps, steps), -1).reshape(-1, 2)
    np.testing.assert_allclose(ground.height(jnp.asarray(places)), rays(ground, places), atol=1e-5)


def test_heights_work_in_jit_for_any_batch_and_stop_at_the_edge():
    ground = make(ROUGH)
    places = np.random.default_rng(1).uniform(-8, 8, (3, 5, 2))
    heights = jax.jit(ground.height)(places)
    assert heights.shape == (3, 5)
    np.testing.assert_allclose(heights[1, 2], ground.height(jnp.asarray(places[1, 2])), atol=1e-6)
    np.testing.assert_allclose(
        ground.height(jnp.array([[99.0, 0.0]])), ground.height(jnp.array([[8.0, 0.0]])), atol=1e-6
    )


def test_a_seed_gives_one_terrain():
    first, again, other = make(ROUGH).heights, make(ROUGH).heights, make(replace(ROUGH, seed=1)).heights
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.02


@pytest.mark.parametrize("amplitude", [0.0, 0.06, 0.3])
def test_no_place_is_higher_than_the_amplitude(amplitude):
    heights = make(replace(ROUGH, amplitude=amplitude)).heights
    assert np.abs(heights).max() <= amplitude
    assert np.abs(heights).max() >= 0.5 * amplitude


def test_roughness_differs_from_patch_to_patch():
    config = replace(ROUGH, size=40.0)
    heights = make(config).heights[:400, :400]
    tiles = heights.reshape(10, 40, 10, 40).std((1, 3))
    assert tiles.min() < 0.25 * tiles.max()
    half = make(replace(config, amplitude=config.amplitude / 2)).heights[:400, :400]
    np.testing.assert_allclose(half, heights / 2, atol=1e-7)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"kind": "stairs"}, "terrain.kind is 'stairs': use one of flat, rough"),
        ({"size": 0.0}, "terrain.size is 0.0: it must be a finite number above 0"),
        ({"grid": float("nan")}, "terrain.grid is nan: it must be a finite number above 0"),
        ({"patch": float("inf")}, "terrain.patch is inf: it must be a finite number above 0"),
        ({"grid": 50.0}, "terrain.grid is 50.0: it must be at most size, 24.0"),
        ({"amplitude": 0.5}, "terrain.amplitude is 0.5: it must be at least 0 and below 0.5"),
        ({"amplitude": -0.1}, "terrain.amplitude is -0.1: it must be at least 0 and below 0.5"),
        ({"margin": 12.0}, "terrain.margin is 12.0: it must be at least 0 and less than half of size"),
    ],
)
def test_terrains_that_cannot_be_are_refused_in_one_line(changes, complaint):
    with pytest.raises(ValueError, match=r"^[^\n]+$") as error:
        TerrainConfig(**changes)
    assert str(error.value) == complaint
