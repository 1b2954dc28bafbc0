"""Joints, their motors, and thrusters; see `..joints`. Only live joints are kept."""

import warp as wp

from .records import Bodies, Codes, Constants, Hinge, Hinges, Layout, Reals
from .table import DRIVEN, FIXED, JOINT, LIMITED, LIVE, THRUSTER
from .vectors import at_anchor, cross, safe, sign, turned, within


@wp.func
def prepare(
    at: Layout,
    constants: Constants,
    reals: Reals,
    codes: Codes,
    motor: Reals,
    bodies: Bodies,
    impulses: wp.array(dtype=wp.vec3),
    hinges: Hinges,
) -> int:
    """Everything that the poses at the start of the step fix, motors included; returns how many joints are live."""
    count = int(0)
    for index in range(at.joint_count):
        flags = codes[at.hinges + 3 * index + 2]
        if flags & LIVE != 0:
            row = at.joints + JOINT * index
            hinge = Hinge()
            hinge.index = index
            hinge.a = codes[at.hinges + 3 * index]
            hinge.b = codes[at.hinges + 3 * index + 1]
            hinge.fixed = flags & FIXED != 0
            a = bodies[hinge.a]
            b = bodies[hinge.b]
            hinge.arm_a = turned(wp.vec2(reals[row], reals[row + 1]), a.angle)
            hinge.arm_b = turned(wp.vec2(reals[row + 2], reals[row + 3]), b.angle)
            hinge.mass = 1.0 / (a.inverse_mass + b.inverse_mass)
            hinge.inertia = 1.0 / safe(a.inverse_inertia + b.inverse_inertia)
            hinge.twist = b.angle - a.angle - reals[row + 4]
            lower = reals[row + 5]
            upper = reals[row + 6]
            if flags & LIMITED != 0:
                hinge.excess = hinge.twist - within(hinge.twist, lower, upper)
            if flags & DRIVEN != 0 and motor[index] != 0.0:
                fade = float(1.0)
                if flags & LIMITED != 0:
                    margin = constants.motor_limit_margin
                    beyond = hinge.twist - within(hinge.twist, lower + margin, upper - margin)
                    if beyond != 0.0 and sign(beyond) == sign(motor[index]):
                        fade = wp.max(0.0, 1.0 - wp.abs(beyond) / margin)
                error = b.spin - a.spin - reals[row + 7] * motor[index] * constants.motor_speed
                impulse = constants.motor_power * reals[row + 8] * constants.dt * hinge.inertia
                hinge.drive = impulse * fade * wp.tanh(error * constants.motor_decay)
            held = impulses[index]
            hinge.push = wp.vec2(held[0], held[1])
            hinge.torque = held[2]
            bodies[hinge.a].hinged = True
            bodies[hinge.b].hinged = True
            hinges[count] = hinge
            count += 1
    return count


@wp.func
def drive(hinges: Hinges, count: int, bodies: Bodies):
    """Turn the bodies by what the motors give."""
    for k in range(count):
        hinge = hinges[k]
        bodies[hinge.a].spin += hinge.drive * bodies[hinge.a].inverse_inertia
        bodies[hinge.b].spin -= hinge.drive * bodies[hinge.b].inverse_inertia


@wp.func
def thrust(at: Layout, constants: Constants, reals: Reals, codes: Codes, command: Reals, bodies: Bodies):
    """Push the bodies that thrusters sit on."""
    for index in range(at.thruster_count):
        row = at.thrusters + THRUSTER * index
        force = reals[row + 3] * constants.thruster_power * command[index] * constants.dt
        if force != 0.0:
            body = codes[at.mounts + index]
            angle = bodies[body].angle
            arm = turned(wp.vec2(reals[row], reals[row + 1]), angle)
            push = force * wp.vec2(wp.cos(reals[row + 2] + angle), wp.sin(reals[row + 2] + angle))
            bodies[body].velocity += push * bodies[body].inverse_mass
            bodies[body].spin += cross(arm, push) * bodies[body].inverse_inertia


@wp.func
def warm_start(hinges: Hinges, count: int, bodies: Bodies):
    """Apply the impulses of the last step once more."""
    for k in range(count):
        hinge = hinges[k]
        a = bodies[hinge.a]
        b = bodies[hinge.b]
        bodies[hinge.a].velocity = a.velocity + hinge.push * a.inverse_mass
        bodies[hinge.b].velocity = b.velocity - hinge.push * b.inverse_mass
        bodies[hinge.a].spin = a.spin + (cross(hinge.arm_a, hinge.push) + hinge.torque) * a.inverse_inertia
        bodies[hinge.b].spin = b.spin - (cross(hinge.arm_b, hinge.push) + hinge.torque) * b.inverse_inertia


@wp.func
def solve(hinges: Hinges, count: int, bodies: Bodies, constants: Constants):
    """One sweep over the joints in order: velocity impulse, direct position correction, angular limit or lock."""
    for k in range(count):
        a = hinges[k].a
        b = hinges[k].b
        arm_a = hinges[k].arm_a
        arm_b = hinges[k].arm_b
        spin_a = bodies[a].spin
        spin_b = bodies[b].spin
        mass_a = bodies[a].inverse_mass
        mass_b = bodies[b].inverse_mass
        inertia_a = bodies[a].inverse_inertia
        inertia_b = bodies[b].inverse_inertia
        gap = bodies[b].position + arm_b - bodies[a].position - arm_a
        share = gap * (mass_a * hinges[k].mass)
        drift = at_anchor(bodies[b].velocity, spin_b, arm_b - gap + share)
        drift = drift - at_anchor(bodies[a].velocity, spin_a, arm_a + share)

        lever_a = cross(arm_a, drift)
        lever_b = cross(arm_b, drift)
        # Divided first: the square of a lever overflows in a world that breaks down, where the JAX engine stays finite.
        square = safe(wp.dot(drift, drift))
        turning = inertia_a * (lever_a * (lever_a / square)) + inertia_b * (lever_b * (lever_b / square))
        resistance = mass_a + mass_b + turning
        push = constants.joint_stiffness * (drift + constants.joint_baumgarte_velocity * gap) / safe(resistance)
        torque_a = cross(arm_a, push)
        torque_b = cross(arm_b, push)

        slip = spin_b - inertia_b * torque_b - spin_a - inertia_a * torque_a
        torque = float(0.0)
        if hinges[k].fixed:
            torque = slip + constants.fixed_joint_baumgarte * hinges[k].twist
        elif hinges[k].excess != 0.0:
            bias = hinges[k].excess * constants.joint_limit_baumgarte
            if sign(slip) == sign(bias):
                torque = slip + bias
        torque = torque * hinges[k].inertia

        shift = constants.joint_baumgarte_position * hinges[k].mass * gap
        bodies[a].position = bodies[a].position + shift * mass_a
        bodies[b].position = bodies[b].position - shift * mass_b
        bodies[a].velocity = bodies[a].velocity + push * mass_a
        bodies[b].velocity = bodies[b].velocity - push * mass_b
        bodies[a].spin = spin_a + inertia_a * (torque_a + torque)
        bodies[b].spin = spin_b - inertia_b * (torque_b + torque)
        hinges[k].push = hinges[k].push + push
        # A limit pushes only while it is violated, so its impulse is not carried over.
        if hinges[k].fixed:
            hinges[k].torque = hinges[k].torque + torque
