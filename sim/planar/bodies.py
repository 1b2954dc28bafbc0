"""Mass properties of bodies, and which bodies the joints tie into one linkage.

Every function serves NumPy and JAX arrays alike, so that reading a level file compiles nothing.
"""

import math
from dataclasses import replace

from jax import Array

from .scene import MAX_VERTICES, Capacity, Joints, Scene, State
from .vectors import cross, dot, rotate, turn


def circle_mass(radius: Array, density: Array, quirks: bool) -> tuple[Array, Array]:
    """Mass in kg and inertia about the centre in kg m^2 of discs. `radius` [C, *W] m, `density` [C, *W] kg/m^2.

    With `quirks` the inertia is that about a diameter, half the true one (jax2d 1.0.x `calc_inverse_inertia_circle`).
    """
    mass = math.pi * radius**2 * density
    return mass, mass * radius**2 / (4 if quirks else 2)


def polygon_mass(vertices: Array, vertex_count: Array, density: Array, quirks: bool) -> tuple[Array, Array, Array]:
    """Mass [P, *W] in kg, inertia about the centre in kg m^2, and centre [2, P, *W] in m, of convex polygons.

    `vertices` [2, 4, P, *W] m, of which the first `vertex_count` [P, *W] count; `density` [P, *W] kg/m^2. The centre is
    the area centroid. With `quirks` it is the mean of the vertices, and a triangle's inertia takes the spare fourth
    vertex for the neighbour of the third (jax2d 1.0.x `calc_inverse_mass_polygon`, `calc_inverse_inertia_polygon`).
    """
    xp = vertices.__array_namespace__()
    real = xp.arange(MAX_VERTICES).reshape(-1, *[1] * vertex_count.ndim) < vertex_count
    corner = xp.where(real, vertices, vertices[:, :1])
    following = xp.roll(corner, -1, axis=1)
    doubled = cross(corner, following)
    area = abs(doubled.sum(0)) / 2
    if quirks:
        centre = (corner * real).sum(1) / xp.maximum(vertex_count, 1).astype(vertices.dtype)
        following = xp.roll(vertices, -1, axis=1)
    else:
        whole = doubled.sum(0)
        centre = ((corner + following) * doubled).sum(1) / xp.where(whole == 0, 1, 3 * whole)
    p, q = corner - centre[:, None], following - centre[:, None]
    # Each triangle (centre, p, q) has the area |p x q| / 2 and the inertia density * area * (p.p + p.q + q.q) / 6.
    inertia = (real * abs(cross(p, q)) * (dot(p, p) + dot(p, q) + dot(q, q))).sum(0) * density / 12
    return area * density, inertia, centre


def recompute_mass(scene: Scene, state: State, quirks: bool) -> tuple[Scene, State]:
    """Set masses, inertias and centres of mass from shapes and densities.

    Immovable bodies (inverse mass 0) and inactive ones are left alone; a body that does not rotate (inverse inertia 0)
    still does not. A polygon's frame moves to its centre of mass; vertices, joint and thruster anchors and the velocity
    of that point follow, so that nothing moves in the world. With `quirks`, as in jax2d 1.0.x, the frame moves without
    regard to the body's angle, and anchors and velocity stay.
    """
    xp = scene.vertices.__array_namespace__()
    polygons = scene.capacity.polygons
    moves = scene.active & (scene.inverse_mass != 0)
    mass, inertia, centre = polygon_mass(scene.vertices, scene.vertex_count, scene.density[:polygons], quirks)
    disc_mass, disc_inertia = circle_mass(scene.radius, scene.density[polygons:], quirks)
    mass, inertia = xp.concatenate([mass, disc_mass]), xp.concatenate([inertia, disc_inertia])
    turns = moves & (scene.inverse_inertia != 0)
    shift = xp.concatenate([xp.where(moves[:polygons], centre, 0), 0 * state.position[:, polygons:]], axis=1)
    scene = replace(
        scene,
        vertices=scene.vertices - shift[:, None, :polygons],
        inverse_mass=xp.where(moves, 1 / xp.where(mass == 0, 1, mass), scene.inverse_mass),
        inverse_inertia=xp.where(turns, 1 / xp.where(inertia == 0, 1, inertia), scene.inverse_inertia),
    )
    if quirks:
        return scene, replace(state, position=state.position + shift)
    joints, thrusters = scene.joints, scene.thrusters
    joints = replace(
        joints,
        anchor_a=joints.anchor_a - xp.take_along_axis(shift, joints.a[None], axis=1),
        anchor_b=joints.anchor_b - xp.take_along_axis(shift, joints.b[None], axis=1),
    )
    thrusters = replace(thrusters, anchor=thrusters.anchor - xp.take_along_axis(shift, thrusters.body[None], axis=1))
    arm = rotate(shift, state.angle)
    carried = turn(state.angular_velocity, arm)
    state = replace(state, position=state.position + arm, velocity=state.velocity + carried)
    return replace(scene, joints=joints, thrusters=thrusters), state


def separable(joints: Joints, capacity: Capacity) -> Array:
    """[N, N, *W] bool: whether contact impulses act between two bodies.

    False on the diagonal and between bodies that a chain of active joints links (jax2d `calculate_collision_matrix`).
    """
    xp = joints.a.__array_namespace__()
    body = xp.arange(capacity.bodies).reshape(-1, *[1] * joints.a.ndim)
    at_a, at_b = (body == joints.a) & joints.active, body == joints.b
    joined = (at_a[:, None] & at_b[None]).any(2)
    linked = joined | xp.swapaxes(joined, 0, 1) | (body == body[:, 0])
    # `linked` spans chains of one joint; each round doubles that, and no chain without loops has more than `longest`.
    longest = min(capacity.joints, capacity.bodies - 1)
    for _ in range((longest - 1).bit_length()):
        linked = (linked[:, :, None] & linked[None]).any(1)
    return ~linked
