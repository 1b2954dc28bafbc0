"""The ground: a plane, or a height field of rough patches."""

from dataclasses import dataclass
from math import inf
from typing import Literal, get_args

import cv2
import jax.numpy as jnp
import mujoco
import numpy as np
from jax import Array
from jax.scipy.ndimage import map_coordinates
from numpy.typing import NDArray

Kind = Literal["flat", "rough"]
GROUND = "ground"
DEPTH = 0.5
"""Of the solid beneath a height field, m."""


@dataclass(frozen=True)
class TerrainConfig:
    """The ground that all worlds share. Raises ValueError, in one line, for a setting that cannot work."""

    kind: Kind = "flat"
    """A plane, or patches of smoothed noise."""
    size: float = 24.0
    """Length of a side, m. Robots start at least `margin` from the edge."""
    margin: float = 8.0
    """m."""
    grid: float = 0.1
    """Distance of neighbouring heights, m; as near to it as divides `size`."""
    amplitude: float = 0.06
    """Largest height of the roughest patch over or under the mean, m."""
    patch: float = 4.0
    """Length of a side of a patch, m; roughness differs from patch to patch, from 0 to `amplitude`."""
    bump: float = 0.25
    """Smallest distance of bumps, m."""
    seed: int = 0
    """Of the heights."""

    def __post_init__(self):
        if self.kind not in get_args(Kind):
            raise ValueError(f"terrain.kind is {self.kind!r}: use one of {', '.join(get_args(Kind))}")
        for name in ("size", "grid", "patch", "bump"):
            value = getattr(self, name)
            if not 0 < value < inf:
                raise ValueError(f"terrain.{name} is {value}: it must be a finite number above 0")
        if self.grid > self.size:
            raise ValueError(f"terrain.grid is {self.grid}: it must be at most size, {self.size}")
        if not 0 <= self.amplitude < DEPTH:
            raise ValueError(f"terrain.amplitude is {self.amplitude}: it must be at least 0 and below {DEPTH}")
        if not 0 <= 2 * self.margin < self.size:
            raise ValueError(f"terrain.margin is {self.margin}: it must be at least 0 and less than half of size")


@dataclass(frozen=True, eq=False)
class Terrain:
    """The ground as built."""

    config: TerrainConfig
    heights: NDArray | None
    """[rows, columns] m over the mean, rows along y, columns along x; None for a plane."""

    def height(self, xy: Array) -> Array:
        """Height of the ground, m, at places [..., 2] (world, m). Bilinear between the grid's points."""
        if self.heights is None:
            return jnp.zeros(xy.shape[:-1])
        cells = len(self.heights) - 1
        place = (xy / self.config.size + 0.5) * cells
        return map_coordinates(jnp.asarray(self.heights), [place[..., 1], place[..., 0]], order=1, mode="nearest")


def make(config: TerrainConfig) -> Terrain:
    """The heights of a terrain."""
    if config.kind == "flat":
        return Terrain(config, None)
    points = round(config.size / config.grid) + 1
    random = np.random.default_rng(config.seed)

    def noise(spacing: float) -> NDArray:
        """Uniform noise in 0 to 1 at points `spacing` apart, smoothed in between."""
        count = max(round(config.size / spacing), 1) + 1
        coarse = random.uniform(0, 1, (count, count)).astype(np.float32)
        return np.clip(cv2.resize(coarse, (points, points), interpolation=cv2.INTER_CUBIC), 0, 1)

    roughness = noise(config.patch)
    return Terrain(config, (config.amplitude * roughness * (2 * noise(config.bump) - 1)).astype(np.float32))


def add(spec: mujoco.MjSpec, terrain: Terrain) -> None:
    """Put the ground into a model."""
    half = terrain.config.size / 2
    ground = spec.worldbody.add_geom(name=GROUND, contype=1, conaffinity=0, rgba=[0.5, 0.55, 0.5, 1])
    if terrain.heights is None:
        ground.type = mujoco.mjtGeom.mjGEOM_PLANE
        ground.size = [half, half, 1]
        return
    low, high = float(terrain.heights.min()), float(terrain.heights.max())
    spread = max(high - low, 1e-6)
    rows, columns = terrain.heights.shape
    spec.add_hfield(
        name=GROUND,
        nrow=rows,
        ncol=columns,
        size=[half, half, spread, DEPTH],
        userdata=((terrain.heights - low) / spread).ravel(),
    )
    ground.type = mujoco.mjtGeom.mjGEOM_HFIELD
    ground.hfieldname = GROUND
    ground.pos = [0, 0, low]
