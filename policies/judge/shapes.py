"""Geoms of a MuJoCo model as triangles, for whoever draws them without MuJoCo. Needs trimesh, which viser brings."""

import mujoco
import numpy as np
from numpy.typing import NDArray

Mesh = tuple[NDArray, NDArray]
"""Vertices [V, 3] in the geom's frame, m, and the vertices of each triangle [T, 3]."""

KINDS = mujoco.mjtGeom
ROUND = 24
"""Corners of a circle."""
SHOWN = 3
"""Geoms of this group and of later ones are not drawn, as in MuJoCo's own pictures."""


def drawn(model: mujoco.MjModel) -> list[int]:
    """The geoms that pictures show, planes left out."""
    seen = (model.geom_group < SHOWN) & (model.geom_rgba[:, 3] > 0) & (model.geom_type != KINDS.mjGEOM_PLANE)
    return np.flatnonzero(seen).tolist()


def mesh(model: mujoco.MjModel, geom: int) -> Mesh:
    """The triangles of a geom. Raises ValueError for a plane, which has no end, and for kinds that MuJoCo adds."""
    import trimesh.creation as create

    kind, (a, b, c), number = model.geom_type[geom], model.geom_size[geom], model.geom_dataid[geom]
    if kind == KINDS.mjGEOM_MESH:
        return of_mesh(model, number)
    if kind == KINDS.mjGEOM_HFIELD:
        return of_heights(model, number)
    if kind == KINDS.mjGEOM_BOX:
        made = create.box((2 * a, 2 * b, 2 * c))
    elif kind == KINDS.mjGEOM_SPHERE:
        made = create.icosphere(3, a)
    elif kind == KINDS.mjGEOM_ELLIPSOID:
        made = create.icosphere(3).apply_scale((a, b, c))
    elif kind == KINDS.mjGEOM_CYLINDER:
        made = create.cylinder(a, 2 * b, sections=ROUND)
    elif kind == KINDS.mjGEOM_CAPSULE:
        made = create.capsule(2 * b, a, count=(ROUND // 2, ROUND))
        made.apply_translation(-made.bounds.mean(0))  # versions of trimesh differ in where it stands
    else:
        raise ValueError(f"geom {model.geom(geom).name!r} is of kind {KINDS(kind).name}: it has no triangles")
    return np.asarray(made.vertices), np.asarray(made.faces)


def sharp(model: mujoco.MjModel, geom: int) -> bool:
    """Whether its faces are flat: shading must not round them."""
    return model.geom_type[geom] in (KINDS.mjGEOM_BOX, KINDS.mjGEOM_HFIELD)


def of_mesh(model: mujoco.MjModel, number: int) -> Mesh:
    """The triangles of one of the model's meshes."""
    vertex, face = model.mesh_vertadr[number], model.mesh_faceadr[number]
    return (
        model.mesh_vert[vertex : vertex + model.mesh_vertnum[number]],
        model.mesh_face[face : face + model.mesh_facenum[number]],
    )


def of_heights(model: mujoco.MjModel, number: int) -> Mesh:
    """The surface of a height field: two triangles per cell, seen from above."""
    rows, columns = model.hfield_nrow[number], model.hfield_ncol[number]
    half_x, half_y, height, _ = model.hfield_size[number]
    first = model.hfield_adr[number]
    y, x = np.meshgrid(np.linspace(-half_y, half_y, rows), np.linspace(-half_x, half_x, columns), indexing="ij")
    z = height * model.hfield_data[first : first + rows * columns]
    corner = np.arange(rows * columns).reshape(rows, columns)
    here, right, above, across = corner[:-1, :-1], corner[:-1, 1:], corner[1:, :-1], corner[1:, 1:]
    faces = np.stack([here, right, across, here, across, above], -1).reshape(-1, 3)
    return np.stack([x.ravel(), y.ravel(), z], -1), faces
