"""Where bodies touch; see `..contacts`. Only pairs whose bounding boxes meet are looked at."""

import warp as wp

from .. import contacts as reference
from .faces import INFINITY, apart, best_face, deepest_two, incident_edge, outline
from .records import Bodies, Boxes, Codes, Constants, Contact, Contacts, Layout, Reals, Vectors
from .table import PAIR_BITS
from .vectors import safe, within

PI = wp.constant(3.14159265358979)
FACE_PREFERENCE = wp.constant(reference.FACE_PREFERENCE)


@wp.func
def add(
    contacts: Contacts, count: int, pair: int, slot: int, rank: int, normal: wp.vec2, point: wp.vec2, depth: float
) -> int:
    """Append a contact; returns how many there are."""
    contact = Contact()
    contact.a = first_body(pair)
    contact.b = second_body(pair)
    contact.live = (pair & 1) == 1
    contact.slot = slot
    contact.batch = rank
    contact.normal = normal
    contact.point = point
    contact.penetration = depth
    contacts[count] = contact
    return count + 1


@wp.func
def first_body(pair: int) -> int:
    """Body a of a pair's code."""
    return (pair >> PAIR_BITS) & ((1 << PAIR_BITS) - 1)


@wp.func
def second_body(pair: int) -> int:
    """Body b of a pair's code."""
    return (pair & ((1 << PAIR_BITS) - 1)) >> 1


@wp.func
def polygons(
    corners: Vectors,
    normals: Vectors,
    codes: wp.array(dtype=int),
    edge_column: int,
    pair: int,
    pair_count: int,
    quirks: bool,
    contacts: Contacts,
    count: int,
    hits: int,
):
    """Both points of a polygon pair; the second slot of a pair lies `pair_count` behind its first.

    Returns how many contacts there are, and how many pairs with a first point.
    """
    a = first_body(pair)
    b = second_body(pair)
    of_a = best_face(corners, normals, a, codes[edge_column + a], b)
    if of_a.separation >= 0.0:
        return count, hits
    of_b = best_face(corners, normals, b, codes[edge_column + b], a)
    if of_b.separation >= 0.0:
        return count, hits
    face = of_a
    incident = b
    sign = float(1.0)
    if of_a.separation + FACE_PREFERENCE < of_b.separation:
        face = of_b
        incident = a
        sign = -1.0
    edges = codes[edge_column + incident]
    normal = face.normal * sign
    run = face.end - face.start
    extent = wp.length(run)
    slot = pair >> (2 * PAIR_BITS)
    if quirks:
        angle = PI + wp.atan2(-run[0], -run[1])
        along = wp.vec2(wp.sin(angle), wp.cos(angle))
        inward = wp.vec2(along[1], -along[0])
        first, second = deepest_two(corners, incident, edges, face.start, inward)
        penetration = -wp.max(of_a.separation, of_b.separation)
        offset = within(wp.dot(along, first.at - face.start), 0.0, extent)
        point = face.start + along * offset + inward * first.depth
        count = add(contacts, count, pair, slot, hits, normal, point, penetration)
        if second.depth > 0.0:
            offset = within(wp.dot(along, second.at - face.start), 0.0, extent)
            point = face.start + along * offset + inward * second.depth
            count = add(contacts, count, pair, slot + pair_count, hits, normal, point, penetration)
        return count, hits + 1

    along = run / safe(extent)
    inward = wp.vec2(along[1], -along[0])
    head, tail = incident_edge(corners, incident, edges, face.start, inward)
    near = wp.vec2(wp.dot(along, head.at - face.start), head.depth)
    far = wp.vec2(wp.dot(along, tail.at - face.start), tail.depth)
    if far[0] < near[0]:
        swapped = near
        near = far
        far = swapped
    slope = (far[1] - near[1]) / safe(far[0] - near[0])
    offset = within(near[0], 0.0, extent)
    depth = near[1] + slope * (offset - near[0])
    if depth > 0.0:
        point = face.start + along * offset + inward * depth
        count = add(contacts, count, pair, slot, hits, normal, point, depth)
        hits += 1
    offset = within(far[0], 0.0, extent)
    depth = far[1] + slope * (offset - far[0])
    if depth > 0.0:
        point = face.start + along * offset + inward * depth
        count = add(contacts, count, pair, slot + pair_count, hits - 1, normal, point, depth)
    return count, hits


@wp.func
def circle_polygon(
    centre: wp.vec2,
    radius: float,
    corners: Vectors,
    normals: Vectors,
    edges: int,
    pair: int,
    slot: int,
    quirks: bool,
    contacts: Contacts,
    count: int,
    hits: int,
) -> int:
    """A circle against the nearest edge; a centre inside is pushed out through that edge."""
    polygon = second_body(pair)
    distance = float(INFINITY)
    near = centre
    inside = bool(True)
    for e in range(edges):
        start = corners[polygon, e]
        run = corners[polygon, (e + 1) % 4] - start
        extent = wp.length(run)
        along = run / safe(extent)
        at = start + along * within(wp.dot(along, centre - start), 0.0, extent)
        away = wp.length(at - centre)
        if away < distance:
            distance = away
            near = at
        if not (wp.dot(normals[polygon, e], centre - start) < 0.0):
            inside = False
    if not (distance <= radius or inside):
        return count
    outward = (centre - near) / safe(distance)
    if not inside:
        return add(contacts, count, pair, slot, hits, -outward, near, radius - distance)
    if quirks:
        return add(contacts, count, pair, slot, hits, outward, near, radius)
    return add(contacts, count, pair, slot, hits, outward, near, radius + distance)


@wp.func
def circles(
    centre_a: wp.vec2,
    centre_b: wp.vec2,
    radius_a: float,
    radius_b: float,
    pair: int,
    slot: int,
    contacts: Contacts,
    count: int,
    hits: int,
) -> int:
    """Two circles: one point on a's rim."""
    gap = centre_b - centre_a
    distance = wp.length(gap)
    if not (distance < radius_a + radius_b):
        return count
    normal = gap / safe(distance)
    return add(contacts, count, pair, slot, hits, normal, centre_a + normal * radius_a, radius_a + radius_b - distance)


@wp.func
def detect(
    at: Layout,
    constants: Constants,
    reals: Reals,
    codes: Codes,
    bodies: Bodies,
    corners: Vectors,
    normals: Vectors,
    boxes: Boxes,
    found: Contacts,
) -> int:
    """All contacts of the current poses; returns how many there are."""
    for i in range(at.polygon_count):
        if codes[at.edges + i] > 0:
            outline(reals, at.corners, bodies[i], i, corners, normals, boxes)

    count = int(0)
    hits = int(0)
    column = at.pairs
    for i in range(codes[at.counts]):
        pair = codes[column + i]
        if not apart(boxes[first_body(pair)], boxes[second_body(pair)]):
            count, hits = polygons(
                corners, normals, codes, at.edges, pair, at.sizes[0], constants.quirks, found, count, hits
            )
    for i in range(count):
        # Both points of a pair go with the first.
        group = wp.where(found[i].slot >= at.sizes[0], 1, 0)
        found[i].batch = dealt(at, group, at.sizes[0] - hits + found[i].batch)

    begin = count
    column += at.sizes[0]
    for i in range(codes[at.counts + 1]):
        pair = codes[column + i]
        circle = first_body(pair)
        polygon = second_body(pair)
        centre = bodies[circle].position
        radius = reals[at.radii + circle - at.polygon_count]
        box = wp.vec4(centre[0] - radius, centre[1] - radius, centre[0] + radius, centre[1] + radius)
        if not apart(box, boxes[polygon]):
            slot = 2 * at.sizes[0] + (pair >> (2 * PAIR_BITS))
            edges = codes[at.edges + polygon]
            count = circle_polygon(
                centre, radius, corners, normals, edges, pair, slot, constants.quirks, found, count, count - begin
            )
    for i in range(begin, count):
        found[i].batch = dealt(at, 2, at.sizes[2] - (count - begin) + found[i].batch)

    begin = count
    column += at.sizes[2]
    for i in range(codes[at.counts + 2]):
        pair = codes[column + i]
        a = first_body(pair)
        b = second_body(pair)
        radius_a = reals[at.radii + a - at.polygon_count]
        radius_b = reals[at.radii + b - at.polygon_count]
        slot = 2 * at.sizes[0] + at.sizes[2] + (pair >> (2 * PAIR_BITS))
        count = circles(
            bodies[a].position, bodies[b].position, radius_a, radius_b, pair, slot, found, count, count - begin
        )
    for i in range(begin, count):
        found[i].batch = dealt(at, 3, at.sizes[3] - (count - begin) + found[i].batch)
    return count


@wp.func
def dealt(at: Layout, group: int, rank: int) -> int:
    """The batch of a contact, given its rank in its class when those that touch come last."""
    return at.firsts[group] + rank % ((at.sizes[group] + at.width - 1) / at.width)
