"""What a robot feels of the ground, for MJX: points of its shapes against a plane or a height field.

MJX fixes all pairs of shapes that may ever touch when it compiles, and computes each of them in every step; boxes on a
height field are beyond it. Here each shape is a few points with a radius: the centre of a sphere, the ends of a
capsule, the corners of a box, points on the rims of a cylinder. On a plane that is what MuJoCo itself does. On a
height field a point meets the plane of the triangle beneath it; MuJoCo also sees the triangle's neighbours.
"""

from dataclasses import dataclass
from itertools import product

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
from jax import Array
from mujoco import mjx
from numpy.typing import NDArray

from ..terrain import GROUND, Terrain

CONTACTS = 8
"""Of one world, at most: the deepest count."""
RIM = 4
"""Points on each rim of a cylinder."""


@dataclass(frozen=True, eq=False)
class Probes:
    """P points of a robot that can touch the ground."""

    ground: int
    """Geom of the ground."""
    geom: NDArray
    """[P] geom that each point is of."""
    place: NDArray
    """[P, 3] in the frame of that geom, m."""
    radius: NDArray
    """[P] m."""

    @property
    def room(self) -> int:
        """Contacts of one world that count."""
        return min(CONTACTS, len(self.geom))


def probes(model: mujoco.MjModel) -> Probes:
    """The points of all geoms that may touch the ground.

    Raises ValueError if one of them is neither sphere, capsule, box nor cylinder.
    """
    ground = model.geom(GROUND).id
    meets = model.geom_contype & model.geom_conaffinity[ground] | model.geom_conaffinity & model.geom_contype[ground]
    geoms, places, radii = [], [], []
    for geom in np.flatnonzero((meets != 0) & (model.geom_bodyid > 0)):
        try:
            place, radius = points(model.geom_type[geom], model.geom_size[geom])
        except KeyError:
            name = model.geom(geom).name or f"of body {model.body(model.geom_bodyid[geom]).name!r}"
            raise ValueError(
                f"engine is 'mjx': geom {name} cannot touch the ground: make it a sphere, capsule, box or cylinder"
            ) from None
        geoms += [geom] * len(place)
        places += list(place)
        radii += [radius] * len(place)
    return Probes(ground, np.array(geoms), np.array(places, np.float32), np.array(radii, np.float32))


def points(kind: int, size: NDArray) -> tuple[NDArray, float]:
    """Places [N, 3] of a shape's points, and their radius, m. Raises KeyError for a shape that has none."""
    turn = np.arange(RIM) * 2 * np.pi / RIM
    rim = [(size[0] * np.cos(t), size[0] * np.sin(t), side * size[1]) for t, side in product(turn, (-1, 1))]
    ends = [(0, 0, -size[1]), (0, 0, size[1])]
    shapes = {
        mujoco.mjtGeom.mjGEOM_SPHERE: ([(0, 0, 0)], size[0]),
        mujoco.mjtGeom.mjGEOM_CAPSULE: (ends, size[0]),
        mujoco.mjtGeom.mjGEOM_BOX: (list(product(*([-s, s] for s in size))), 0.0),
        mujoco.mjtGeom.mjGEOM_CYLINDER: (rim, 0.0),
    }
    place, radius = shapes[mujoco.mjtGeom(kind)]
    return np.array(place, float), float(radius)


def touch(model: mjx.Model, data: mjx.Data, terrain: Terrain, probes: Probes) -> tuple[dict[str, Array], Array]:
    """The deepest contacts of one world, as fields of `mjx.Contact`, and whether there were more than `probes.room`.

    A contact that does not touch has a distance above 0 and will have no force.
    """
    place = data.geom_xpos[probes.geom] + jnp.einsum("pij,pj->pi", data.geom_xmat[probes.geom], probes.place)
    height, normal = surface(terrain, place[:, :2])
    distances = (place[:, 2] - height) * normal[:, 2] - probes.radius
    _, chosen = jax.lax.top_k(-distances, probes.room)
    distance, normal, geom = distances[chosen], normal[chosen], jnp.asarray(probes.geom)[chosen]
    depth = jnp.asarray(probes.radius)[chosen] + distance / 2
    pair = jnp.stack([jnp.full_like(geom, probes.ground), geom], -1)
    fields = {
        "dist": distance,
        "pos": place[chosen] - normal * depth[:, None],
        "frame": frames(normal),
        "geom1": pair[:, 0],
        "geom2": pair[:, 1],
        "geom": pair,
    }
    return fields | mixed(model, probes.ground, geom), (distances < 0).sum() > probes.room


def surface(terrain: Terrain, xy: Array) -> tuple[Array, Array]:
    """Height [P] and normal [P, 3] of the ground at places [P, 2]. Cells are cut from lowest to highest x and y."""
    if terrain.heights is None:
        return jnp.zeros(xy.shape[0]), jnp.broadcast_to(jnp.array([0.0, 0.0, 1.0]), (xy.shape[0], 3))
    heights = jnp.asarray(terrain.heights)
    cells = len(terrain.heights) - 1
    place = jnp.clip((xy / terrain.config.size + 0.5) * cells, 0, cells - 1e-3)
    corner = place.astype(int)
    x, y = (place - corner).T
    column, row = corner.T
    first, right, above, last = (heights[row + j, column + i] for i, j in ((0, 0), (1, 0), (0, 1), (1, 1)))
    along_x = jnp.where(x > y, right - first, last - above)
    along_y = jnp.where(x > y, last - right, above - first)
    slope = jnp.stack([along_x, along_y], -1) * (cells / terrain.config.size)
    normal = jnp.concatenate([-slope, jnp.ones_like(x)[:, None]], -1)
    return first + x * along_x + y * along_y, normal / jnp.linalg.norm(normal, axis=-1, keepdims=True)


def frames(normal: Array) -> Array:
    """Axes of contacts [N, 3, 3], normal first, then y of the world as far as the ground goes that way."""
    side = jnp.array([0.0, 1.0, 0.0]) - normal * normal[:, 1:2]
    side = side / jnp.linalg.norm(side, axis=-1, keepdims=True)
    return jnp.stack([normal, side, jnp.cross(normal, side)], 1)


def mixed(model: mjx.Model, ground: int, geom: Array) -> dict[str, Array]:
    """Friction, margin and softness of contacts of the ground with geoms [N], by MuJoCo's rules for two geoms."""
    rank = (jnp.asarray(model.geom_priority)[geom] - model.geom_priority[ground])[:, None]
    weight, other = model.geom_solmix[geom, None], model.geom_solmix[ground]
    share = jnp.where(rank == 0, weight / jnp.maximum(weight + other, mujoco.mjMINVAL), rank > 0)

    def blend(values: Array) -> Array:
        return share * values[geom] + (1 - share) * values[ground]

    friction = jnp.where(
        rank == 0, jnp.maximum(model.geom_friction[geom], model.geom_friction[ground]), blend(model.geom_friction)
    )
    timed = (rank != 0) | ((model.geom_solref[geom, :1] > 0) & (model.geom_solref[ground, 0] > 0))
    direct = jnp.minimum(model.geom_solref[geom], model.geom_solref[ground])
    return {
        "friction": friction[:, [0, 0, 1, 2, 2]],
        "includemargin": model.geom_margin[geom] + model.geom_margin[ground],
        "solref": jnp.where(timed, blend(model.geom_solref), direct),
        "solimp": blend(model.geom_solimp),
    }
