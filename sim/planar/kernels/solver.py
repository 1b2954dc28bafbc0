"""Sequential impulses over the contacts there are, in batches; see `..solver`.

A batch is a run of `order`: the live contacts whose impulses are found from the same velocities.
"""

import warp as wp

from .records import Bodies, Codes, Constants, Contacts, Layout
from .vectors import at_anchor, cross, safe, within


@wp.func
def prepare(contacts: Contacts, count: int, bodies: Bodies, impulses: wp.array(dtype=wp.vec2), constants: Constants):
    """What the start of the step fixes: velocities to reach, friction, and the impulses of the last step."""
    for k in range(count):
        contact = contacts[k]
        a = bodies[contact.a]
        b = bodies[contact.b]
        drift = at_anchor(b.velocity, b.spin, contact.point - b.position)
        drift = drift - at_anchor(a.velocity, a.spin, contact.point - a.position)
        rebound = wp.dot(drift, contact.normal) * wp.min(a.restitution, b.restitution)
        push_out = constants.push_out * wp.max(0.0, contact.penetration - constants.slop)
        contacts[k].target = push_out - rebound
        contacts[k].friction = constants.friction * wp.sqrt(a.friction * a.friction + b.friction * b.friction)
        contacts[k].impulse = impulses[contact.slot]


@wp.func
def deal(contacts: Contacts, count: int, batches: int, starts: Codes, order: Codes):
    """Sort the live contacts by batch: those of batch i are order[starts[i]] to order[starts[i + 1] - 1]."""
    for i in range(batches + 1):
        starts[i] = 0
    for k in range(count):
        if contacts[k].live:
            starts[contacts[k].batch + 1] += 1
    for i in range(batches):
        starts[i + 1] += starts[i]
    for k in range(count):
        if contacts[k].live:
            batch = contacts[k].batch
            order[starts[batch]] = k
            starts[batch] += 1
    for i in range(batches):
        starts[batches - i] = starts[batches - i - 1]
    starts[0] = 0


@wp.func
def levers(contacts: Contacts, k: int, bodies: Bodies):
    """Lever arms and effective masses of a contact where the bodies are now."""
    contact = contacts[k]
    a = bodies[contact.a]
    b = bodies[contact.b]
    arm_a = contact.point - a.position
    arm_b = contact.point - b.position
    tangent = wp.vec2(contact.normal[1], -contact.normal[0])
    normal_a = cross(arm_a, contact.normal)
    normal_b = cross(arm_b, contact.normal)
    tangent_a = cross(arm_a, tangent)
    tangent_b = cross(arm_b, tangent)
    mass = a.inverse_mass + b.inverse_mass
    inertia_a = a.inverse_inertia
    inertia_b = b.inverse_inertia
    contacts[k].normal_a = normal_a
    contacts[k].normal_b = normal_b
    contacts[k].tangent_a = tangent_a
    contacts[k].tangent_b = tangent_b
    contacts[k].normal_mass = 1.0 / safe(mass + inertia_a * normal_a * normal_a + inertia_b * normal_b * normal_b)
    contacts[k].tangent_mass = 1.0 / safe(mass + inertia_a * tangent_a * tangent_a + inertia_b * tangent_b * tangent_b)
    contacts[k].coupling = inertia_a * normal_a * tangent_a + inertia_b * normal_b * tangent_b


@wp.func
def follow(contacts: Contacts, order: Codes, count: int, bodies: Bodies):
    """New levers for the contacts whose bodies joints have shifted."""
    for i in range(count):
        k = order[i]
        if bodies[contacts[k].a].hinged or bodies[contacts[k].b].hinged:
            levers(contacts, k, bodies)


@wp.func
def apply(contacts: Contacts, k: int, impulse: wp.vec2, bodies: Bodies):
    """Give an impulse (normal, tangential) to both bodies of a contact."""
    a = contacts[k].a
    b = contacts[k].b
    normal = contacts[k].normal
    push = impulse[0] * normal + impulse[1] * wp.vec2(normal[1], -normal[0])
    spin_a = impulse[0] * contacts[k].normal_a + impulse[1] * contacts[k].tangent_a
    spin_b = impulse[0] * contacts[k].normal_b + impulse[1] * contacts[k].tangent_b
    bodies[a].velocity = bodies[a].velocity - push * bodies[a].inverse_mass
    bodies[b].velocity = bodies[b].velocity + push * bodies[b].inverse_mass
    bodies[a].spin = bodies[a].spin - spin_a * bodies[a].inverse_inertia
    bodies[b].spin = bodies[b].spin + spin_b * bodies[b].inverse_inertia


@wp.func
def warm_start(contacts: Contacts, order: Codes, count: int, bodies: Bodies):
    """Apply the impulses of the last step once more."""
    for i in range(count):
        k = order[i]
        levers(contacts, k, bodies)
        apply(contacts, k, contacts[k].impulse, bodies)


@wp.func
def find(contacts: Contacts, k: int, bodies: Bodies) -> wp.vec2:
    """Normal impulse, then friction against the velocity that leaves; returns the change, which is not yet applied."""
    a = contacts[k].a
    b = contacts[k].b
    normal = contacts[k].normal
    held = contacts[k].impulse
    drift = bodies[b].velocity - bodies[a].velocity
    spin_a = bodies[a].spin
    spin_b = bodies[b].spin
    approach = wp.dot(drift, normal) + spin_b * contacts[k].normal_b - spin_a * contacts[k].normal_a
    slide = drift[0] * normal[1] - drift[1] * normal[0]
    slide += spin_b * contacts[k].tangent_b - spin_a * contacts[k].tangent_a
    push = wp.max(held[0] + (contacts[k].target - approach) * contacts[k].normal_mass, 0.0)
    slide += (push - held[0]) * contacts[k].coupling
    grip = contacts[k].friction * push
    impulse = wp.vec2(push, within(held[1] - slide * contacts[k].tangent_mass, -grip, grip))
    contacts[k].impulse = impulse
    return impulse - held


@wp.func
def solve(contacts: Contacts, order: Codes, first: int, end: int, bodies: Bodies):
    """One batch: all impulses from the same velocities, then all of them applied."""
    if end == first + 1:
        apply(contacts, order[first], find(contacts, order[first], bodies), bodies)
        return
    for i in range(first, end):
        contacts[order[i]].change = find(contacts, order[i], bodies)
    for i in range(first, end):
        apply(contacts, order[i], contacts[order[i]].change, bodies)


@wp.func
def last_slots(contacts: Contacts, count: int, at: Layout, last: Codes):
    """Which contact, if any (-1), is in the last slot of each class."""
    end = int(0)
    for c in range(4):
        last[c] = -1
        end += at.sizes[c]
        for i in range(count):
            if contacts[i].slot == end - 1:
                last[c] = i


@wp.func
def sweep(contacts: Contacts, order: Codes, starts: Codes, last: Codes, at: Layout, bodies: Bodies, quirks: bool):
    """All batches of all classes in order."""
    batch = int(0)
    for c in range(4):
        size = at.sizes[c]
        batches = (size + at.width - 1) / at.width
        for i in range(batches):
            if starts[batch + 1] > starts[batch]:
                solve(contacts, order, starts[batch], starts[batch + 1], bodies)
            # Jax2D's padding index -1 erases the last slot of a class whose batch is padded.
            if quirks and last[c] >= 0 and i + batches * (at.width - 1) >= size:
                contacts[last[c]].impulse = wp.vec2()
            batch += 1
