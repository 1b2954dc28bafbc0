"""Polygons in the world: corners, edges, bounding boxes, and the faces that separate two of them; see `..contacts`."""

import warp as wp

from .records import Body, Boxes, Vectors
from .table import CORNERS
from .vectors import safe

INFINITY = wp.constant(1.0e38)
MARGIN = wp.constant(1.0e-3)
"""m by which bounding boxes may miss each other and still be looked at: far more than rounding."""


@wp.struct
class Face:
    """The face of a polygon that separates best from another."""

    separation: wp.float32
    normal: wp.vec2
    start: wp.vec2
    end: wp.vec2


@wp.struct
class Corner:
    """A corner of the incident polygon, and how far it is below the reference face."""

    at: wp.vec2
    depth: wp.float32


@wp.func
def outline(
    reals: wp.array(dtype=float), column: int, body: Body, index: int, corners: Vectors, normals: Vectors, boxes: Boxes
):
    """World corners, outward edge normals and bounding box of one polygon."""
    c = wp.cos(body.angle)
    s = wp.sin(body.angle)
    low = wp.vec2(INFINITY, INFINITY)
    high = -low
    for i in range(4):
        x = reals[column + CORNERS * index + 2 * i]
        y = reals[column + CORNERS * index + 2 * i + 1]
        at = wp.vec2(c * x - s * y, s * x + c * y) + body.position
        corners[index, i] = at
        low = wp.min(low, at)
        high = wp.max(high, at)
    boxes[index] = wp.vec4(low[0], low[1], high[0], high[1])
    for i in range(4):
        edge = corners[index, (i + 1) % 4] - corners[index, i]
        normals[index, i] = wp.vec2(-edge[1], edge[0]) / safe(wp.length(edge))


@wp.func
def apart(a: wp.vec4, b: wp.vec4) -> bool:
    """Whether two bounding boxes miss each other."""
    if a[0] > b[2] + MARGIN or b[0] > a[2] + MARGIN:
        return True
    return a[1] > b[3] + MARGIN or b[1] > a[3] + MARGIN


@wp.func
def best_face(corners: Vectors, normals: Vectors, own: int, edges: int, other: int) -> Face:
    """Stops at the first face that separates."""
    best = Face()
    best.separation = -INFINITY
    for e in range(edges):
        start = corners[own, e]
        normal = normals[own, e]
        near = wp.min(wp.dot(normal, corners[other, 0] - start), wp.dot(normal, corners[other, 1] - start))
        far = wp.min(wp.dot(normal, corners[other, 2] - start), wp.dot(normal, corners[other, 3] - start))
        separation = wp.min(near, far)
        if separation > best.separation:
            best.separation = separation
            best.normal = normal
            best.start = start
            best.end = corners[own, (e + 1) % 4]
            if separation >= 0.0:
                return best
    return best


@wp.func
def deepest_two(corners: Vectors, body: int, edges: int, start: wp.vec2, inward: wp.vec2):
    """The two deepest corners, deepest first; equal depths keep corner order."""
    first = Corner()
    second = Corner()
    first.depth = -INFINITY
    second.depth = -INFINITY
    for i in range(edges):
        candidate = Corner()
        candidate.at = corners[body, i]
        candidate.depth = wp.dot(inward, candidate.at - start)
        if candidate.depth > first.depth:
            second = first
            first = candidate
        elif candidate.depth > second.depth:
            second = candidate
    return first, second


@wp.func
def incident_edge(corners: Vectors, body: int, edges: int, start: wp.vec2, inward: wp.vec2):
    """Both ends of the edge with the deepest corner; of its two, the flatter against the face."""
    head = Corner()
    tail = Corner()
    deepest = float(-INFINITY)
    shallowest = float(-INFINITY)
    for i in range(edges):
        p = corners[body, i]
        q = corners[body, (i + 1) % 4]
        p_depth = wp.dot(inward, p - start)
        q_depth = wp.dot(inward, q - start)
        deep = wp.max(p_depth, q_depth)
        shallow = wp.min(p_depth, q_depth)
        if deep > deepest or (deep == deepest and shallow > shallowest):
            deepest = deep
            shallowest = shallow
            head.at = p
            head.depth = p_depth
            tail.at = q
            tail.depth = q_depth
    return head, tail
