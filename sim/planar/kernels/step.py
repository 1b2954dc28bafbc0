"""The kernel: one env step of one world per thread; see `..engine.step` and `envs.planar.env`."""

from functools import lru_cache

import warp as wp

from ..scene import Capacity, Physics, contact_slots
from . import contacts, joints, solver
from .records import (
    Bodies,
    Body,
    Boxes,
    Codes,
    Constants,
    Contact,
    Contacts,
    Hinge,
    Hinges,
    Layout,
    Reals,
    Vectors,
    constants_of,
    layout_of,
)
from .table import BODY
from .vectors import within

GREEN, BLUE, RED = 1, 2, 3

# Warp tells of every module it loads; what is imported should be silent.
wp.config.log_level = max(wp.config.log_level, wp.LOG_WARNING)


@wp.func
def physics_step(
    at: Layout,
    constants: Constants,
    reals: Reals,
    codes: Codes,
    motor: Reals,
    thrust: Reals,
    bodies: Bodies,
    corners: Vectors,
    normals: Vectors,
    boxes: Boxes,
    found: Contacts,
    order: Codes,
    starts: Codes,
    last: Codes,
    hinges: Hinges,
    pushes: wp.array(dtype=wp.vec2),
    hinge_impulses: wp.array(dtype=wp.vec3),
) -> int:
    """Advance the bodies and the impulses that are kept; returns how many contacts were `found` at the start."""
    fall = wp.vec2(reals[at.gravity], reals[at.gravity + 1]) * constants.dt
    for i in range(at.body_count):
        if bodies[i].inverse_mass != 0.0:
            bodies[i].velocity += fall
    count = contacts.detect(at, constants, reals, codes, bodies, corners, normals, boxes, found)
    live = joints.prepare(at, constants, reals, codes, motor, bodies, hinge_impulses, hinges)
    solver.prepare(found, count, bodies, pushes, constants)
    joints.drive(hinges, live, bodies)
    joints.thrust(at, constants, reals, codes, thrust, bodies)
    solver.deal(found, count, at.batch_count, starts, order)
    acting = starts[at.batch_count]
    solver.warm_start(found, order, acting, bodies)
    joints.warm_start(hinges, live, bodies)
    solver.last_slots(found, count, at, last)

    for _iteration in range(constants.iterations):
        if live > 0:
            joints.solve(hinges, live, bodies, constants)
            solver.follow(found, order, acting, bodies)
        solver.sweep(found, order, starts, last, at, bodies, constants.quirks)

    for i in range(pushes.shape[0]):
        pushes[i] = wp.vec2()
    for i in range(count):
        pushes[found[i].slot] = found[i].impulse
    for i in range(at.joint_count):
        hinge_impulses[i] = wp.vec3()
    for i in range(live):
        hinge_impulses[hinges[i].index] = wp.vec3(hinges[i].push[0], hinges[i].push[1], hinges[i].torque)
    for i in range(at.body_count):
        bodies[i] = finish(bodies[i], constants)
    return count


@wp.func
def finish(body: Body, constants: Constants) -> Body:
    """Semi-implicit Euler and clipping."""
    moved = body
    moved.position = held(body.position + body.velocity * constants.dt, constants.max_position)
    moved.angle = body.angle + body.spin * constants.dt
    moved.velocity = held(body.velocity, constants.max_velocity)
    moved.spin = within(body.spin, -constants.max_angular_velocity, constants.max_angular_velocity)
    return moved


@wp.func
def held(v: wp.vec2, most: float) -> wp.vec2:
    """Each component within `most` of zero."""
    return wp.vec2(within(v[0], -most, most), within(v[1], -most, most))


@wp.func
def outcome_of(found: Contacts, count: int, codes: wp.array(dtype=int), role_column: int) -> float:
    """-1 where green touches red, else 1 where green touches blue, else 0."""
    outcome = float(0.0)
    for k in range(count):
        a = codes[role_column + found[k].a]
        b = codes[role_column + found[k].b]
        if a == GREEN or b == GREEN:
            other = a + b - GREEN
            if other == RED:
                return -1.0
            if other == BLUE:
                outcome = 1.0
    return outcome


@wp.func
def goal_distance(bodies: Bodies, codes: wp.array(dtype=int), role_column: int, count: int) -> float:
    """m between centres, summed over all pairs of a green and a blue body."""
    total = float(0.0)
    for i in range(count):
        if codes[role_column + i] == GREEN:
            for j in range(count):
                if codes[role_column + j] == BLUE:
                    total += wp.length(bodies[i].position - bodies[j].position)
    return total


@wp.func
def load(
    reals: Reals,
    position: wp.array3d(dtype=float),
    angle: wp.array2d(dtype=float),
    velocity: wp.array3d(dtype=float),
    spin: wp.array2d(dtype=float),
    i: int,
    w: int,
) -> Body:
    """Body `i` of world `w`."""
    body = Body()
    body.position = wp.vec2(position[0, i, w], position[1, i, w])
    body.velocity = wp.vec2(velocity[0, i, w], velocity[1, i, w])
    body.angle = angle[i, w]
    body.spin = spin[i, w]
    body.inverse_mass = reals[BODY * i]
    body.inverse_inertia = reals[BODY * i + 1]
    body.friction = reals[BODY * i + 2]
    body.restitution = reals[BODY * i + 3]
    return body


@lru_cache
def make(capacity: Capacity, physics: Physics) -> wp.Kernel:
    """The kernel, with the sizes of its arrays and all constants of `physics` compiled in."""
    n, p, j, t = capacity.bodies, capacity.polygons, capacity.joints, capacity.thrusters
    k, layout, folded = contact_slots(capacity), layout_of(capacity, physics), constants_of(physics)
    bounds = layout.batch_count + 1

    @wp.kernel(module="unique", enable_backward=False)
    def planar_step(
        first_world: int,
        steps: int,
        reals_of: wp.array2d(dtype=float),
        codes_of: wp.array2d(dtype=int),
        level: wp.array(dtype=int),
        motor_of: wp.array2d(dtype=float),
        thrust_of: wp.array2d(dtype=float),
        position: wp.array3d(dtype=float),
        angle: wp.array2d(dtype=float),
        velocity: wp.array3d(dtype=float),
        spin: wp.array2d(dtype=float),
        contact_impulse: wp.array3d(dtype=float),
        joint_impulse: wp.array3d(dtype=float),
        next_position: wp.array3d(dtype=float),
        next_angle: wp.array2d(dtype=float),
        next_velocity: wp.array3d(dtype=float),
        next_spin: wp.array2d(dtype=float),
        next_contact_impulse: wp.array3d(dtype=float),
        next_joint_impulse: wp.array3d(dtype=float),
        touching: wp.array2d(dtype=int),
        outcome_of_world: wp.array(dtype=float),
        distance_of_world: wp.array(dtype=float),
    ):
        w = first_world + wp.tid()
        reals = reals_of[level[w]]
        codes = codes_of[level[w]]
        at = wp.static(layout)
        constants = wp.static(folded)

        bodies = wp.zeros(shape=n, dtype=Body)
        corners = wp.zeros(shape=(p, 4), dtype=wp.vec2)
        normals = wp.zeros(shape=(p, 4), dtype=wp.vec2)
        boxes = wp.zeros(shape=p, dtype=wp.vec4)
        found = wp.zeros(shape=k, dtype=Contact)
        hinges = wp.zeros(shape=j, dtype=Hinge)
        order = wp.zeros(shape=k, dtype=int)
        starts = wp.zeros(shape=bounds, dtype=int)
        last = wp.zeros(shape=4, dtype=int)
        rows = wp.zeros(shape=n, dtype=int)
        pushes = wp.zeros(shape=k, dtype=wp.vec2)
        hinge_impulses = wp.zeros(shape=j, dtype=wp.vec3)
        motor = wp.zeros(shape=j, dtype=float)
        thrust = wp.zeros(shape=t, dtype=float)

        for i in range(n):
            bodies[i] = load(reals, position, angle, velocity, spin, i, w)
        for i in range(k):
            pushes[i] = wp.vec2(contact_impulse[0, i, w], contact_impulse[1, i, w])
        for i in range(j):
            hinge_impulses[i] = wp.vec3(joint_impulse[0, i, w], joint_impulse[1, i, w], joint_impulse[2, i, w])
            motor[i] = motor_of[i, w]
        for i in range(t):
            thrust[i] = thrust_of[i, w]

        outcome = float(0.0)
        distance = float(0.0)
        count = int(0)
        for _step in range(steps):
            count = physics_step(
                at,
                constants,
                reals,
                codes,
                motor,
                thrust,
                bodies,
                corners,
                normals,
                boxes,
                found,
                order,
                starts,
                last,
                hinges,
                pushes,
                hinge_impulses,
            )
            if outcome == 0.0:
                outcome = outcome_of(found, count, codes, at.roles)
                distance = goal_distance(bodies, codes, at.roles, n)

        for i in range(n):
            body = bodies[i]
            next_position[0, i, w] = body.position[0]
            next_position[1, i, w] = body.position[1]
            next_velocity[0, i, w] = body.velocity[0]
            next_velocity[1, i, w] = body.velocity[1]
            next_angle[i, w] = body.angle
            next_spin[i, w] = body.spin
        for i in range(k):
            next_contact_impulse[0, i, w] = pushes[i][0]
            next_contact_impulse[1, i, w] = pushes[i][1]
        for i in range(j):
            for axis in range(3):
                next_joint_impulse[axis, i, w] = hinge_impulses[i][axis]
        for i in range(count):
            rows[found[i].a] = rows[found[i].a] | (1 << found[i].b)
        for i in range(n):
            touching[i, w] = rows[i]
        outcome_of_world[w] = outcome
        distance_of_world[w] = distance

    return planar_step
