"""What holds for any engine, whatever it computes: every test runs on the JAX engine and on the fused one."""

from dataclasses import replace
from functools import cache
from itertools import product

import jax
import numpy as np
from gambol.envs.planar.level import stack
from gambol.sim.planar.build import FLOOR_TOP, Joint, Shape, Thruster, box, build
from gambol.sim.planar.scene import CAPACITIES, WALLS

from benchmarks.planar_agreement import LIMITS, MOTION, finite
from benchmarks.planar_scenes import as_level, random_controls, random_levels

CAPACITY = CAPACITIES["l"]
P, N = CAPACITY.polygons, CAPACITY.bodies
KINDS = ({"vertices": box(0.5, 0.3)}, {"vertices": ((0.0, 0.3), (0.3, -0.2), (-0.3, -0.2))}, {"radius": 0.25})


def level(shapes, joints=(), thrusters=(), gravity=(0.0, -9.81)):
    scene, state = build(shapes, joints, thrusters, CAPACITY, gravity)
    return as_level(scene, state, np.zeros(N))


@cache
def colliding_pairs(jointed=False):
    """Two bodies of every two kinds that meet at the middle of the world, four times, without gravity."""
    rng, levels = np.random.default_rng(0), []
    joints = [Joint(0, 1, (2.4, 2.5), limits=(-0.5, 0.5), motor_speed=2.0)] * jointed
    for first, second in 4 * list(product(KINDS, KINDS)):
        bodies = [
            Shape(
                (2.5 + side * 0.45, rng.uniform(2.4, 2.6)),
                velocity=(-side * rng.uniform(1, 3), rng.uniform(-0.5, 0.5)),
                angle=rng.uniform(-3, 3),
                angular_velocity=rng.uniform(-4, 4),
                density=rng.uniform(0.5, 4),
                friction=rng.uniform(0, 2),
                restitution=rng.uniform(0, 1),
                **kind,
            )
            for side, kind in ((-1, first), (1, second))
        ]
        levels.append(level(bodies, joints, gravity=(0.0, 0.0)))
    return stack(levels)


def inertia_of(bank):
    """Mass and inertia [N, W] of bodies that can move; 0 of the others."""
    inverse = (bank.scene.inverse_mass, bank.scene.inverse_inertia)
    return (np.divide(1, x, out=np.zeros_like(x), where=x > 0) for x in map(np.asarray, inverse))


def momenta(bank, states):
    """Linear [2, T, W] and angular [T, W] momentum about the world's origin."""
    mass, inertia = inertia_of(bank)
    (x, y), (u, v) = np.moveaxis(states.position, 1, 0), np.moveaxis(states.velocity, 1, 0)
    linear = np.stack([(mass * u).sum(1), (mass * v).sum(1)])
    return linear, (mass * (x * v - y * u) + inertia * states.angular_velocity).sum(1)


def assert_kept(quantity):
    np.testing.assert_allclose(quantity, np.broadcast_to(quantity[..., :1, :], quantity.shape), atol=1e-5)


def test_a_colliding_pair_keeps_its_linear_and_angular_momentum(roll):
    bank = colliding_pairs()
    seen = roll(bank, 20)
    assert seen.touching.any((0, 1, 2)).all()
    assert abs(seen.state.velocity[-1] - seen.state.velocity[0]).max((0, 1)).min() > 1e-2  # every pair was turned aside
    linear, angular = momenta(bank, seen.state)
    assert_kept(linear)
    assert_kept(angular)


def test_a_jointed_pair_keeps_its_linear_momentum(roll):
    bank = colliding_pairs(jointed=True)
    seen = roll(bank, 20, motor=np.ones((CAPACITY.joints, bank.role.shape[-1]), np.float32))
    assert_kept(momenta(bank, seen.state)[0])


def test_a_resting_stack_gains_no_energy(roll):
    boxes = [
        Shape((2.5 + 0.02 * k, FLOOR_TOP + 0.15 + 0.3 * k), vertices=box(0.6, 0.3), density=1 + k) for k in range(3)
    ]
    bank = stack([level(boxes[:1]), level(boxes[:2]), level(boxes)])
    states = roll(bank, 150).state
    assert abs(states.velocity[-1]).max() < 1e-4
    mass, inertia = inertia_of(bank)
    moving = mass * (states.velocity**2).sum(1) + inertia * states.angular_velocity**2
    energy = (mass * 9.81 * states.position[:, 1] + moving / 2).sum(1)
    height = energy / (9.81 * mass.sum(0))  # to which the energy would lift the whole stack
    assert (height - height[0]).max() < 1e-5
    assert (height[60:] - height[60]).max() < 1e-5


def mirrored(bank):
    """The bank, seen from behind: x runs the other way about the middle of the world, corners stay clockwise."""
    scene, state, joints, thrusters = bank.scene, bank.state, bank.scene.joints, bank.scene.thrusters
    flip = np.array([-1, 1], np.float32).reshape(2, 1, 1)
    three, four = (np.array(order).reshape(4, 1, 1) for order in ([0, 2, 1, 3], [0, 3, 2, 1]))
    corner = np.where(scene.vertex_count == 3, three, four)
    vertices = flip[:, None] * np.take_along_axis(scene.vertices, corner[None], axis=1)
    joints = replace(
        joints,
        anchor_a=flip * joints.anchor_a,
        anchor_b=flip * joints.anchor_b,
        rest_angle=-joints.rest_angle,
        lower=-joints.upper,
        upper=-joints.lower,
    )
    thrusters = replace(thrusters, anchor=flip * thrusters.anchor, angle=np.float32(np.pi) - thrusters.angle)
    scene = replace(scene, vertices=vertices, joints=joints, thrusters=thrusters, gravity=flip[:, 0] * scene.gravity)
    return replace(bank, scene=scene, state=reflected(state))


def reflected(state):
    """Poses and velocities seen from behind; [.., 2, N, W]."""
    flip = np.array([-1, 1], np.float32).reshape(2, 1, 1)
    moved = {"position": flip * state.position + np.array([5, 0], np.float32).reshape(2, 1, 1)}
    moved |= {"velocity": flip * state.velocity, "angle": -state.angle, "angular_velocity": -state.angular_velocity}
    return replace(state, **moved)


def test_mirrored_worlds_move_like_mirrored_worlds(roll, physics):
    count, rng = 56, np.random.default_rng(0)
    bank = jax.tree.map(np.array, random_levels(count, CAPACITY, seed=2))
    bank.scene.active[:WALLS] = False  # those at the sides would have to swap places
    bank.state.angle[:] += rng.uniform(0.01, 0.1, bank.state.angle.shape).astype(np.float32)  # level edges are ties
    joints = bank.scene.joints  # between limits closer than its margins a motor keeps to the upper one
    joints.upper[:] = np.maximum(joints.upper, joints.lower + 2.1 * physics.motor_limit_margin)
    motor, thrust = random_controls(rng, CAPACITY, count)
    seen = roll(bank, 1, motor=motor, thrust=thrust)
    behind = roll(mirrored(bank), 1, motor=-motor, thrust=thrust)
    np.testing.assert_array_equal(seen.touching, behind.touching)
    # Without quirks the points of a polygon pair are solved from left to right: seen from behind, the other way about.
    like = np.ones(count, bool) if physics.jax2d_quirks else ~seen.touching[:, :P, :P].any((0, 1, 2))
    assert like.sum() >= 20 and seen.touching[..., like].any()
    assert_close(reflected(behind.state), seen.state, like)


def assert_close(state, expected, worlds=slice(None)):
    """Poses and velocities equal as those of two engines are."""
    for name in MOTION:
        got, wanted = (getattr(x, name)[..., worlds] for x in (state, expected))
        np.testing.assert_allclose(got, wanted, rtol=0, atol=LIMITS[name], err_msg=name)


def separated(count):
    """Worlds of groups of bodies apart from each other: three pairs of polygons, two circles, a circle on a hinge."""
    rng, levels = np.random.default_rng(0), []
    for _ in range(count):
        shapes = []
        for x in (0.7, 2.5, 4.3):
            shapes += [random_body(rng, (x - 0.15, 1.5), KINDS[0]), random_body(rng, (x + 0.15, 1.5), KINDS[1])]
        shapes += [random_body(rng, (2.7, 3.7), KINDS[1])]
        shapes += [random_body(rng, (x, 3.7), KINDS[2]) for x in (0.8, 1.2, 2.9)]
        jets = [Thruster(2, 0.5), Thruster(9, 0.1)]
        levels.append(level(shapes, [Joint(6, 9, (2.8, 3.7), motor_speed=1.0)], jets, gravity=(0.0, 0.0)))
    return stack(levels)


def random_body(rng, place, kind):
    """A slow body, so that what is apart stays so."""
    slow = {"velocity": tuple(rng.uniform(-0.5, 0.5, 2)), "angular_velocity": rng.uniform(-1, 1)}
    more = {name: rng.uniform(0.2, 1) for name in ("density", "friction", "restitution")}
    return Shape(place, angle=rng.uniform(-3, 3), **slow, **more, **kind)


def reordered(bank, order):
    """The bank with body `order[i]` in place i."""
    back, p = np.argsort(order).astype(np.int32), np.arange(P)
    scene, joints, thrusters = bank.scene, bank.scene.joints, bank.scene.thrusters
    bodies = ("inverse_mass", "inverse_inertia", "density", "friction", "restitution", "collision_mode", "active")
    scene = replace(
        scene,
        **{name: getattr(scene, name)[order] for name in bodies},
        vertices=scene.vertices[:, :, order[p]],
        vertex_count=scene.vertex_count[order[p]],
        radius=scene.radius[order[P:] - P],
        separable=scene.separable[order][:, order],
        joints=replace(joints, a=back[joints.a], b=back[joints.b]),
        thrusters=replace(thrusters, body=back[thrusters.body]),
    )
    return replace(bank, scene=scene, state=of_bodies(bank.state, order), role=bank.role[order])


def of_bodies(state, order):
    """Poses and velocities [.., N, W] of bodies in another order."""
    return replace(state, **{name: getattr(state, name)[..., order, :] for name in MOTION})


def test_the_order_of_bodies_does_not_matter_where_they_are_apart(roll):
    bank = jax.tree.map(np.asarray, separated(8))
    # Pairs keep their inner order, for the first of a pair is preferred; the last places, with their quirk, stay empty.
    order = np.array([0, 1, 2, 3, 8, 4, 6, 9, 10, 5, 7, 11, 14, 12, 13, 15])
    thrust = np.ones((CAPACITY.thrusters, 8), np.float32)
    motor = np.ones((CAPACITY.joints, 8), np.float32)
    seen = roll(bank, 10, motor=motor, thrust=thrust)
    other = roll(reordered(bank, order), 10, motor=motor, thrust=thrust)
    met = seen.touching.any((0, -1))
    assert met[4, 5] and met[6, 7] and met[8, 9] and met[12, 13]
    assert_close(other.state, of_bodies(seen.state, order))


POISON = (np.nan, np.inf, -np.inf, 1e30, -1e30)


def test_numbers_that_are_none_or_huge_stay_in_their_own_world(roll, physics, crowd):
    worlds = crowd.role.shape[-1]
    motor, thrust = random_controls(np.random.default_rng(0), CAPACITY, worlds)
    state = jax.tree.map(lambda x: x[-1], roll(crowd, 2, motor=motor, thrust=thrust).state)
    clean = roll(crowd, 2, state, motor, thrust)
    state, motor, thrust = jax.tree.map(np.array, (state, motor, thrust))
    places = [x[..., 4, :] for x in (state.position, state.angle, state.velocity, state.angular_velocity)]
    places += [state.contact_impulse, state.joint_impulse, motor, thrust]
    poisoned = np.arange(len(places) * len(POISON)) * 2 + 1
    for world, (place, value) in zip(poisoned, product(places, POISON), strict=True):
        place[..., world] = value
    after = roll(crowd, 2, state, motor, thrust)

    healthy = ~np.isin(np.arange(worlds), poisoned)
    jax.tree.map(lambda x, y: np.testing.assert_array_equal(x[..., healthy], y[..., healthy]), after, clean)
    for name, most in (
        ("position", physics.max_position),
        ("velocity", physics.max_velocity),
        ("angular_velocity", physics.max_angular_velocity),
    ):
        x = getattr(after.state, name)
        assert (np.abs(x[np.isfinite(x)]) <= most).all()
    seen = finite(jax.tree.map(lambda x: x[-1], after.state))[poisoned].reshape(len(places), -1)
    assert not seen[:4, 0].any()  # a pose or velocity that is no number stays none, for the task to see


def test_the_order_of_worlds_does_not_matter(roll, engine_name, crowd):
    worlds = crowd.role.shape[-1]
    motor, thrust = random_controls(np.random.default_rng(0), CAPACITY, worlds)
    order = np.random.default_rng(1).permutation(worlds)
    seen = roll(crowd, 1, motor=motor, thrust=thrust)
    other = roll(jax.tree.map(lambda x: x[..., order], crowd), 1, motor=motor[:, order], thrust=thrust[:, order])
    expected = jax.tree.map(lambda x: x[..., order], seen)
    assert_close(other.state, expected.state)
    if engine_name == "fused":  # in XLA the place in a vector decides the last bit
        jax.tree.map(np.testing.assert_array_equal, other, expected)
