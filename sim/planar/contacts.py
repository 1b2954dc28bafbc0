"""Where bodies touch: separating axes for polygons, closest points for circles.

Contact slots k = 0..K-1 are ordered as in `scene.contact_slots`. Body a is the first of the pair, b the second; normals
point from a to b. Geometry follows Jax2D 1.0 (Matthews et al. 2024, arXiv 2410.23208, Sec. 3.1).
"""

from dataclasses import dataclass
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from .scene import MAX_VERTICES, Capacity, Physics, Scene, State, pairs
from .vectors import dot, length, nonzero, rotate, turn

FACE_PREFERENCE = 0.01
"""m by which b's face must separate better than a's to become the reference: keeps contacts from flickering."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Contacts:
    """Contact geometry of one physics step, [.., K, *W]."""

    normal: Array
    """[2, K] unit vector from a to b."""
    point: Array
    """[2, K] m, in the world."""
    penetration: Array
    """[K] m."""
    touching: Array
    """[K] bool."""


@dataclass(frozen=True)
class Slots:
    """Which bodies meet in which slot; constants of a capacity."""

    a: np.ndarray
    """[K] int32."""
    b: np.ndarray
    """[K] int32."""
    classes: tuple[slice, ...]
    """Slots solved together: first polygon points, second polygon points, circle-polygon, circle-circle."""
    lookup: np.ndarray
    """[2, N, N] int32: the slots of pair (a, b), first and second point; K where there is none."""


@lru_cache
def slots(capacity: Capacity) -> Slots:
    """The slot table of a capacity."""
    poly, mixed, circles = pairs(capacity)
    groups = (poly, poly, mixed, circles)
    ends = np.cumsum([len(g) for g in groups])
    a, b = np.concatenate(groups).T
    classes = tuple(slice(int(end) - len(group), int(end)) for end, group in zip(ends, groups, strict=True))
    lookup = np.full((2, capacity.bodies, capacity.bodies), len(a), np.int32)
    for point, group in ((0, slice(0, None)), (1, classes[1]), (0, classes[0])):
        lookup[point, a[group], b[group]] = np.arange(len(a))[group]
    return Slots(a, b, classes, lookup)


def touching_pairs(capacity: Capacity, touching: Array) -> Array:
    """[N, N, *W] bool from slots [K, *W]: pair (a, b) touches if either of its points does."""
    padded = jnp.concatenate([touching, jnp.zeros_like(touching[:1])])
    first, second = padded[slots(capacity).lookup]
    return first | second


def detect(scene: Scene, state: State, physics: Physics) -> Contacts:
    """All contacts of the current poses."""
    capacity = scene.capacity
    poly, mixed, circles = pairs(capacity)
    corners, normals = outline(scene, state)
    n_circle = capacity.polygons
    first, second = _polygons(scene, corners, normals, poly, physics.jax2d_quirks)
    parts = [first, second]
    parts.append(
        _circle_polygon(
            state.position[:, mixed[:, 0]],
            scene.radius[mixed[:, 0] - n_circle],
            corners[:, :, mixed[:, 1]],
            normals[:, :, mixed[:, 1]],
            scene.vertex_count[mixed[:, 1]],
            physics.jax2d_quirks,
        )
    )
    a, b = circles[:, 0], circles[:, 1]
    parts.append(
        _circles(state.position[:, a], state.position[:, b], scene.radius[a - n_circle], scene.radius[b - n_circle])
    )
    table = slots(capacity)
    mode_a, mode_b = scene.collision_mode[table.a], scene.collision_mode[table.b]
    allowed = (mode_a == 2) | (mode_b == 2) | (mode_a * mode_b > 0)
    allowed &= scene.active[table.a] & scene.active[table.b]
    normal, point, penetration, touching = (
        jnp.concatenate(x, axis=axis) for axis, x in zip((1, 1, 0, 0), zip(*parts, strict=True), strict=True)
    )
    return Contacts(normal, point, penetration, touching & allowed)


def outline(scene: Scene, state: State) -> tuple[Array, Array]:
    """World corners [2, 4, P] m and outward edge normals [2, 4, P] of all polygons; edge i runs from corner i to the next.

    A triangle repeats its first corner as the fourth and has a zero fourth normal.
    """
    p = scene.vertices.shape[2]
    local = scene.vertices
    triangle = scene.vertex_count == 3
    local = local.at[:, 3].set(jnp.where(triangle, local[:, 0], local[:, 3]))
    corners = rotate(local, state.angle[None, :p]) + state.position[:, None, :p]
    edge = jnp.roll(corners, -1, axis=1) - corners
    return corners, jnp.stack([-edge[1], edge[0]]) / nonzero(length(edge))


def point_velocity(state: State, body: np.ndarray, point: Array) -> Array:
    """Velocity [2, K] of the material point of `body` [K] that is at `point` [2, K]."""
    return state.velocity[:, body] + turn(state.angular_velocity[body], point - state.position[:, body])


def _polygons(scene: Scene, corners: Array, normals: Array, pair: np.ndarray, quirks: bool):
    """Both points of every polygon pair: reference face by separating axes, incident corners clamped to its sides."""
    i, j = pair[:, 0], pair[:, 1]
    count = scene.vertex_count
    face_a = _best_face(corners[:, :, i], normals[:, :, i], count[i], corners[:, :, j])
    face_b = _best_face(corners[:, :, j], normals[:, :, j], count[j], corners[:, :, i])
    b_leads = face_a[0] + FACE_PREFERENCE < face_b[0]
    separation = jnp.maximum(face_a[0], face_b[0])
    normal, start, end = (jnp.where(b_leads, y, x) for x, y in zip(face_a[1:], face_b[1:], strict=True))
    incident = jnp.where(b_leads, corners[:, :, i], corners[:, :, j])
    incident_count = jnp.where(b_leads, count[i], count[j])

    extent = length(end - start)
    along = (end - start) / nonzero(extent)
    if quirks:
        # Jax2D takes the face's direction through its angle; that cos(pi/2) is -4e-8 in float32 decides which of two
        # level corners counts as deeper, and so which impulse each of them inherits.
        angle = jnp.pi + jnp.arctan2(start[0] - end[0], start[1] - end[1])
        along = jnp.stack([jnp.sin(angle), jnp.cos(angle)])
    inward = jnp.stack([along[1], -along[0]])
    depth_of = [dot(inward, incident[:, k] - start) for k in range(MAX_VERTICES)]
    depth_of[3] = jnp.where(incident_count == 3, -jnp.inf, depth_of[3])
    points = _deepest_two(incident, depth_of) if quirks else _incident_edge(incident, depth_of, incident_count)
    ends = [(dot(along, p - start), depth) for p, depth in points]
    if not quirks:
        ends = _clip(ends, extent)
    colliding = separation < 0
    sign = jnp.where(b_leads, -1.0, 1.0)
    out = []
    for slot, (offset, depth) in enumerate(ends):
        at = start + along * jnp.clip(offset, 0.0, extent) + inward * depth
        if quirks:  # one penetration for both points; the second counts only if it is below the face
            touching, penetration = (colliding if slot == 0 else colliding & (depth > 0)), -separation
        else:
            touching, penetration = colliding & (depth > 0), depth
        out.append((sign * normal, at, penetration, touching))
    return out


def _best_face(corners: Array, normals: Array, count: Array, other: Array):
    """The face of a polygon that separates best from another: (separation [n], normal, start, end [2, n])."""
    best = None
    for e in range(MAX_VERTICES):
        start, end, normal = corners[:, e], corners[:, (e + 1) % MAX_VERTICES], normals[:, e]
        reach = [dot(normal, other[:, k] - start) for k in range(MAX_VERTICES)]
        separation = jnp.minimum(jnp.minimum(reach[0], reach[1]), jnp.minimum(reach[2], reach[3]))
        face = (jnp.where(e < count, separation, -jnp.inf), normal, start, end)
        best = face if best is None else _pick(face[0] > best[0], face, best)
    return best


def _pick(condition: Array, yes, no):
    """`where` over matching tuples."""
    return tuple(jnp.where(condition, y, n) for y, n in zip(yes, no, strict=True))


def _deepest_two(incident: Array, depth: list[Array]):
    """The two deepest corners, deepest first; equal depths keep corner order."""
    first = (incident[:, 0], depth[0])
    second = (incident[:, 0], jnp.full_like(depth[0], -jnp.inf))
    for k in range(1, MAX_VERTICES):
        corner = (incident[:, k], depth[k])
        leads = depth[k] > first[1]
        second = _pick(leads, first, _pick(depth[k] > second[1], corner, second))
        first = _pick(leads, corner, first)
    return first, second


def _incident_edge(incident: Array, depth: list[Array], count: Array):
    """The edge of the incident polygon that holds its deepest corner and lies flattest against the face."""
    best = None
    for k in range(MAX_VERTICES):
        ahead = (k + 1) % MAX_VERTICES
        last = k == count - 1
        end = jnp.where(last, incident[:, 0], incident[:, ahead])
        end_depth = jnp.where(last, depth[0], depth[ahead])
        lowest, highest = jnp.maximum(depth[k], end_depth), jnp.minimum(depth[k], end_depth)
        usable = k < count
        edge = (jnp.where(usable, lowest, -jnp.inf), jnp.where(usable, highest, -jnp.inf), incident[:, k], depth[k], end, end_depth)
        if best is not None:
            better = (edge[0] > best[0]) | ((edge[0] == best[0]) & (edge[1] > best[1]))
            edge = _pick(better, edge, best)
        best = edge
    assert best is not None
    return (best[2], best[3]), (best[4], best[5])


def _clip(ends, extent: Array):
    """Cut the incident segment at the reference face's sides; ends (offset, depth) come back in order of offset."""
    (s0, d0), (s1, d1) = ends
    swap = s1 < s0
    (s0, d0), (s1, d1) = _pick(swap, (s1, d1), (s0, d0)), _pick(swap, (s0, d0), (s1, d1))
    slope = (d1 - d0) / nonzero(s1 - s0)
    low, high = jnp.clip(s0, 0.0, extent), jnp.clip(s1, 0.0, extent)
    return (low, d0 + slope * (low - s0)), (high, d0 + slope * (high - s0))


def _circle_polygon(centre: Array, radius: Array, corners: Array, normals: Array, count: Array, quirks: bool):
    """Circle against the nearest edge; a centre inside is pushed out through that edge."""
    best, inside = None, None
    for e in range(MAX_VERTICES):
        start, end = corners[:, e], corners[:, (e + 1) % MAX_VERTICES]
        extent = length(end - start)
        along = (end - start) / nonzero(extent)
        near = start + along * jnp.clip(dot(along, centre - start), 0.0, extent)
        real = e < count
        candidate = (jnp.where(real, length(near - centre), jnp.inf), near)
        below = (dot(normals[:, e], centre - start) < 0) | ~real
        best = candidate if best is None else _pick(candidate[0] < best[0], candidate, best)
        inside = below if inside is None else inside & below
    assert best is not None
    distance, near = best
    outward = (centre - near) / nonzero(distance)
    normal = jnp.where(inside, outward, -outward)
    buried = radius if quirks else radius + distance
    return normal, near, jnp.where(inside, buried, radius - distance), (distance <= radius) | inside


def _circles(a: Array, b: Array, radius_a: Array, radius_b: Array):
    """Two circles: one point on a's rim."""
    gap = b - a
    distance = length(gap)
    normal = gap / nonzero(distance)
    return normal, a + normal * radius_a, radius_a + radius_b - distance, distance < radius_a + radius_b
