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
    for point, group in zip((0, 1, 0, 0), classes, strict=True):
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
    normal, point, penetration, touching = (
        jnp.concatenate(x, axis=axis) for axis, x in zip((1, 1, 0, 0), zip(*parts, strict=True), strict=True)
    )
    touching &= may_touch(scene, table.a, table.b)
    # Unused bodies may be degenerate; nothing of them may reach the sums of the solver.
    normal, point, penetration = (jnp.where(touching, x, 0.0) for x in (normal, point, penetration))
    return Contacts(normal, point, penetration, touching)


def may_touch(scene: Scene, a: np.ndarray, b: np.ndarray) -> Array:
    """[K, *W] bool: bodies a and b [K] are both active, and their collision modes meet."""
    mode_a, mode_b = scene.collision_mode[a], scene.collision_mode[b]
    meet = (mode_a == 2) | (mode_b == 2) | (mode_a * mode_b > 0)
    return meet & scene.active[a] & scene.active[b]


def may_push(scene: Scene, a: np.ndarray, b: np.ndarray) -> Array:
    """[K, *W] bool: impulses act between bodies a and b [K]: no joints tie them, and one of them can move."""
    return scene.separable[a, b] & ((scene.inverse_mass[a] != 0) | (scene.inverse_mass[b] != 0))


def closed(scene: Scene) -> Array:
    """Vertices [2, 4, P] of all polygons; a triangle repeats its first as the fourth."""
    vertices = scene.vertices
    return vertices.at[:, 3].set(jnp.where(scene.vertex_count == 3, vertices[:, 0], vertices[:, 3]))


def outline(scene: Scene, state: State) -> tuple[Array, Array]:
    """World corners [4, 2, P] m and outward edge normals [4, 2, P] of all polygons.

    Edge i runs from corner i to the next. A triangle repeats its first corner as the fourth; its fourth normal is zero.
    """
    p = scene.vertices.shape[2]
    corners = rotate(closed(scene), state.angle[None, :p]) + state.position[:, None, :p]
    edge = jnp.roll(corners, -1, axis=1) - corners
    normals = jnp.stack([-edge[1], edge[0]]) / nonzero(length(edge))
    return corners.swapaxes(0, 1), normals.swapaxes(0, 1)


def point_velocity(state: State, body: np.ndarray, point: Array) -> Array:
    """Velocity [2, K] of the material point of `body` [K] that is at `point` [2, K]."""
    return state.velocity[:, body] + turn(state.angular_velocity[body], point - state.position[:, body])


def _polygons(scene: Scene, corners: Array, normals: Array, pair: np.ndarray, quirks: bool):
    """Both points of every polygon pair: reference face by separating axes, incident corners clamped to its sides."""
    i, j = pair[:, 0], pair[:, 1]
    n = len(i)
    own, other = np.concatenate([i, j]), np.concatenate([j, i])
    count = scene.vertex_count
    faces = _best_face(corners[:, :, own], normals[:, :, own], count[own], corners[:, :, other])
    of_a, of_b = ([faces[0][half], *(x[:, half] for x in faces[1:])] for half in (slice(n), slice(n, None)))
    b_leads = of_a[0] + FACE_PREFERENCE < of_b[0]
    separation = jnp.maximum(of_a[0], of_b[0])
    normal, start, end = (jnp.where(b_leads, y, x) for x, y in zip(of_a[1:], of_b[1:], strict=True))
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
    find = _deepest_two if quirks else _incident_edge
    ends = [(dot(along, p - start), depth) for p, depth in find(incident, start, inward, incident_count)]
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

    def look(best, edge):
        index, start, end, normal = edge
        reach = [dot(normal, corner - start) for corner in other]
        separation = jnp.minimum(jnp.minimum(reach[0], reach[1]), jnp.minimum(reach[2], reach[3]))
        face = (jnp.where(index < count, separation, -jnp.inf), normal, start, end)
        return _pick(face[0] > best[0], face, best), None

    worst = (jnp.full(count.shape, -jnp.inf), *jnp.zeros((3, 2, *count.shape)))
    # A loop, not an unrolled chain: XLA would compute the chain anew inside every one of its consumers.
    return jax.lax.scan(look, worst, (np.arange(MAX_VERTICES), corners, jnp.roll(corners, -1, axis=0), normals))[0]


def _pick(condition: Array, yes, no):
    """`where` over matching tuples."""
    return tuple(jnp.where(condition, y, n) for y, n in zip(yes, no, strict=True))


def _deepest_two(incident: Array, start: Array, inward: Array, count: Array):
    """The two deepest corners, deepest first, as (point, depth); equal depths keep corner order."""

    def look(best, indexed):
        index, corner = indexed
        first, second = best
        candidate = (corner, jnp.where(index < count, dot(inward, corner - start), -jnp.inf))
        leads = candidate[1] > first[1]
        second = _pick(leads, first, _pick(candidate[1] > second[1], candidate, second))
        return (_pick(leads, candidate, first), second), None

    nothing = (jnp.zeros_like(start), jnp.full(count.shape, -jnp.inf))
    return jax.lax.scan(look, (nothing, nothing), (np.arange(MAX_VERTICES), incident))[0]


def _incident_edge(incident: Array, start: Array, inward: Array, count: Array):
    """Both ends, as (point, depth), of the edge with the deepest corner; of its two, the flatter against the face."""

    def look(best, edge):
        index, head, tail = edge
        head_depth, tail_depth = dot(inward, head - start), dot(inward, tail - start)
        usable = index < count
        deep = jnp.where(usable, jnp.maximum(head_depth, tail_depth), -jnp.inf)
        shallow = jnp.minimum(head_depth, tail_depth)
        better = (deep > best[0]) | ((deep == best[0]) & (shallow > best[1]) & usable)
        return _pick(better, (deep, shallow, head, head_depth, tail, tail_depth), best), None

    low, origin = jnp.full(count.shape, -jnp.inf), jnp.zeros_like(start)
    edges = (np.arange(MAX_VERTICES), incident, jnp.roll(incident, -1, axis=0))
    best = jax.lax.scan(look, (low, low, origin, low, origin, low), edges)[0]
    return best[2:4], best[4:6]


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
    best = (jnp.full(count.shape, jnp.inf), centre)
    inside = jnp.ones(count.shape, bool)
    for e in range(MAX_VERTICES):
        start, end = corners[e], corners[(e + 1) % MAX_VERTICES]
        extent = length(end - start)
        along = (end - start) / nonzero(extent)
        near = start + along * jnp.clip(dot(along, centre - start), 0.0, extent)
        real = e < count
        away = jnp.where(real, length(near - centre), jnp.inf)
        best = _pick(away < best[0], (away, near), best)
        inside &= (dot(normals[e], centre - start) < 0) | ~real
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
