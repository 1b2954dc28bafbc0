"""What a thread keeps of its world while it steps it. SI units, world frame."""

import warp as wp

from ..contacts import slots
from ..scene import Capacity, Physics
from .table import columns


@wp.struct
class Layout:
    """Sizes of a capacity, and where the parts of a level's row begin; see `table.Columns`."""

    body_count: wp.int32
    polygon_count: wp.int32
    joint_count: wp.int32
    thruster_count: wp.int32
    sizes: wp.vec4i
    """Slots of each contact class."""
    firsts: wp.vec4i
    """The first batch of each contact class."""
    batch_count: wp.int32
    width: wp.int32
    """Contacts solved at once."""
    corners: wp.int32
    radii: wp.int32
    joints: wp.int32
    thrusters: wp.int32
    gravity: wp.int32
    roles: wp.int32
    edges: wp.int32
    hinges: wp.int32
    mounts: wp.int32
    counts: wp.int32
    pairs: wp.int32


@wp.struct
class Constants:
    """`scene.Physics`, folded into the kernel at compile time."""

    dt: wp.float32
    quirks: wp.bool
    slop: wp.float32
    push_out: wp.float32
    """1/s: share of the penetration that is pushed out per second."""
    friction: wp.float32
    joint_baumgarte_velocity: wp.float32
    joint_baumgarte_position: wp.float32
    fixed_joint_baumgarte: wp.float32
    joint_limit_baumgarte: wp.float32
    joint_stiffness: wp.float32
    motor_speed: wp.float32
    motor_power: wp.float32
    motor_decay: wp.float32
    motor_limit_margin: wp.float32
    thruster_power: wp.float32
    iterations: wp.int32
    max_position: wp.float32
    max_velocity: wp.float32
    max_angular_velocity: wp.float32


@wp.struct
class Body:
    """A body that moves."""

    position: wp.vec2
    velocity: wp.vec2
    angle: wp.float32
    spin: wp.float32
    inverse_mass: wp.float32
    inverse_inertia: wp.float32
    friction: wp.float32
    restitution: wp.float32
    hinged: wp.bool
    """Whether a joint can shift it between iterations."""


@wp.struct
class Contact:
    """A point at which b is pushed along the normal and a against it."""

    a: wp.int32
    b: wp.int32
    slot: wp.int32
    batch: wp.int32
    """First the rank of its pair among those of its class that touch, then its batch among all."""
    live: wp.bool
    """Whether impulses act."""
    normal: wp.vec2
    point: wp.vec2
    penetration: wp.float32
    target: wp.float32
    """m/s: the normal velocity to reach."""
    friction: wp.float32
    impulse: wp.vec2
    """N s: normal and tangential, accumulated."""
    change: wp.vec2
    """Of the impulse, found but not yet applied."""
    normal_a: wp.float32
    normal_b: wp.float32
    tangent_a: wp.float32
    tangent_b: wp.float32
    normal_mass: wp.float32
    tangent_mass: wp.float32
    coupling: wp.float32
    """Tangential velocity per unit of normal impulse."""


@wp.struct
class Hinge:
    """A live joint."""

    index: wp.int32
    a: wp.int32
    b: wp.int32
    fixed: wp.bool
    arm_a: wp.vec2
    arm_b: wp.vec2
    mass: wp.float32
    """kg: effective, of both bodies together."""
    inertia: wp.float32
    """kg m^2: likewise."""
    twist: wp.float32
    """rad: relative rotation beyond the rest angle."""
    excess: wp.float32
    """rad beyond a limit; 0 within."""
    drive: wp.float32
    """N m s: the motor's impulse in this step."""
    push: wp.vec2
    """N s, accumulated."""
    torque: wp.float32
    """N m s, accumulated."""


Reals = wp.array(dtype=float)
Codes = wp.array(dtype=int)
Vectors = wp.array2d(dtype=wp.vec2)
Boxes = wp.array(dtype=wp.vec4)
Bodies = wp.array(dtype=Body)
Contacts = wp.array(dtype=Contact)
Hinges = wp.array(dtype=Hinge)


def layout_of(capacity: Capacity, physics: Physics) -> Layout:
    """The layout of a capacity."""
    layout, at = Layout(), columns(capacity)
    classes = [x.stop - x.start for x in slots(capacity).classes]
    batches = [-(-size // physics.batch) for size in classes]
    layout.body_count, layout.polygon_count = capacity.bodies, capacity.polygons
    layout.joint_count, layout.thruster_count = capacity.joints, capacity.thrusters
    layout.sizes, layout.width = wp.vec4i(*classes), physics.batch
    layout.firsts, layout.batch_count = wp.vec4i(*(sum(batches[:i]) for i in range(4))), sum(batches)
    for name in ("corners", "radii", "joints", "thrusters", "gravity", "roles", "edges", "hinges", "mounts"):
        setattr(layout, name, getattr(at, name))
    layout.counts, layout.pairs = at.counts, at.pairs
    return layout


def constants_of(physics: Physics) -> Constants:
    """The constants of the solver."""
    constants = Constants()
    constants.quirks, constants.push_out = physics.jax2d_quirks, physics.contact_baumgarte / physics.dt
    for name in set(Constants.vars) - {"quirks", "push_out"}:
        setattr(constants, name, getattr(physics, name))
    return constants
