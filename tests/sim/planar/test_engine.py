"""The engine against closed forms of mechanics, with the known Jax2D defects mended unless said otherwise."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gambol.sim.planar import engine
from gambol.sim.planar.build import FLOOR_TOP, Joint, Shape, Thruster, box, build
from gambol.sim.planar.scene import Capacity, Physics

CAPACITY = Capacity(6, 2, 2, 1)
RIGHT = Physics(jax2d_quirks=False)
G = 9.81


@jax.jit
def _run(scene, state, motor, thrust):
    def one(state, _):
        state, touching = engine.step(scene, state, motor, thrust, RIGHT)
        return state, (state, touching)

    return jax.lax.scan(one, state, length=120)[1]


def simulate(shapes, joints=(), thrusters=(), motor=(0.0, 0.0), thrust=0.0, gravity=(0.0, -G)):
    """States [120, ...] and contacts [120, N, N]; shapes are bodies 4.. (polygons) and 6.. (circles)."""
    scene, state = build(shapes, joints, thrusters, CAPACITY, gravity)
    states, touching = _run(scene, state, jnp.asarray(motor), jnp.full(1, thrust))
    return scene, jax.tree.map(np.asarray, states), np.asarray(touching)


def test_free_fall_is_semi_implicit_euler():
    _, states, touching = simulate([Shape((2.5, 4.5), radius=0.2)])
    n = np.arange(1, 41)
    np.testing.assert_allclose(states.position[:40, 1, 6], 4.5 - G / 3600 * n * (n + 1) / 2, rtol=1e-5)
    np.testing.assert_allclose(states.velocity[:40, 1, 6], -G * n / 60, rtol=1e-5)
    assert not touching[:40].any()


@pytest.mark.parametrize("size", [{"radius": 0.3}, {"vertices": box(0.5, 0.6)}])
def test_a_resting_body_keeps_the_slop_and_comes_to_rest(size):
    _, states, touching = simulate([Shape((2.5, FLOOR_TOP + 0.3), **size)])
    body = 6 if "radius" in size else 4
    depth = FLOOR_TOP + 0.3 - states.position[-1, 1, body]
    assert 0.0 < depth < 0.0125  # slop 0.01 plus what pushes out in one step
    assert abs(states.velocity[-1, :, body]).max() < 1e-3
    assert touching[-1][(0, 4) if body == 4 else (6, 0)]


def test_resting_contact_carries_the_weight():
    scene, states, _ = simulate([Shape((2.5, FLOOR_TOP + 0.25), vertices=box(0.5, 0.5), density=3.0)])
    weight = G / 60 / float(scene.inverse_mass[4])
    assert states.contact_impulse[-1, 0].sum() == pytest.approx(weight, rel=1e-3)


def test_elastic_circles_of_equal_mass_swap_velocities():
    balls = [
        # The twelfth step ends 5 mm deep, within the slop: no push-out adds to the rebound.
        Shape((2.005, 2.5), radius=0.2, velocity=(1.0, 0.0), restitution=1.0, friction=0.0),
        Shape((2.6, 2.5), radius=0.2, restitution=1.0, friction=0.0),
    ]
    _, states, _ = simulate(balls, gravity=(0.0, 0.0))
    np.testing.assert_allclose(states.velocity[-1, :, 6], [0.0, 0.0], atol=1e-4)
    np.testing.assert_allclose(states.velocity[-1, :, 7], [1.0, 0.0], atol=1e-4)


def test_collisions_conserve_momentum():
    bodies = [
        Shape((1.9, 2.5), vertices=box(0.4, 0.4), velocity=(1.5, 0.1), density=2.0, angle=0.4),
        Shape((2.6, 2.5), vertices=box(0.5, 0.3), velocity=(-1.0, 0.0)),
    ]
    scene, states, touching = simulate(bodies, gravity=(0.0, 0.0))
    assert touching[:, 4, 5].any()
    mass = 1 / np.asarray(scene.inverse_mass[4:6])
    inertia = 1 / np.asarray(scene.inverse_inertia[4:6])
    momentum = (states.velocity[:, :, 4:6] * mass).sum(-1)
    np.testing.assert_allclose(momentum, np.broadcast_to(momentum[0], momentum.shape), atol=1e-4)
    position, velocity = states.position[:, :, 4:6], states.velocity[:, :, 4:6]
    orbital = (mass * (position[:, 0] * velocity[:, 1] - position[:, 1] * velocity[:, 0])).sum(-1)
    angular = orbital + (inertia * states.angular_velocity[:, 4:6]).sum(-1)
    np.testing.assert_allclose(angular, np.full_like(angular, angular[0]), atol=2e-3)


def test_sliding_friction_decelerates_by_mu_g():
    _, states, _ = simulate([Shape((1.0, FLOOR_TOP + 0.095), vertices=box(0.8, 0.2), velocity=(4.0, 0.0))])
    speed = states.velocity[:, 0, 4]
    mu = np.hypot(0.4, 0.4)
    assert (speed[5] - speed[25]) / (20 / 60) == pytest.approx(mu * G, rel=0.03)
    assert abs(speed[-1]) < 1e-3


def test_a_rolling_disc_falls_down_a_slope_like_a_solid_disc():
    slope = -0.2
    tilted = (G * np.sin(slope), -G * np.cos(slope))  # an inclined plane is a tilted gravity
    _, states, _ = simulate([Shape((4.0, FLOOR_TOP + 0.195), radius=0.2)], gravity=tilted)
    rate = (states.velocity[60, 0, 6] - states.velocity[20, 0, 6]) / (40 / 60)
    assert rate == pytest.approx(2 / 3 * G * np.sin(slope), rel=0.02)
    rim = states.angular_velocity[60, 6] * 0.2  # it rolls on a circle up to the slop smaller than its rim
    assert rim == pytest.approx(-states.velocity[60, 0, 6], rel=0.05)


def test_thruster_force_and_torque():
    bodies = [Shape((2.5, 2.5), vertices=box(0.5, 0.5))]
    jet = Thruster(0, angle=np.pi / 2, anchor=(0.1, 0.0), power=0.05)
    scene, states, _ = simulate(bodies, thrusters=[jet], thrust=1.0, gravity=(0.0, 0.0))
    force = 0.5
    np.testing.assert_allclose(states.velocity[0, :, 4], [0.0, force / 60 * float(scene.inverse_mass[4])], atol=1e-6)
    assert states.angular_velocity[0, 4] == pytest.approx(0.1 * force / 60 * float(scene.inverse_inertia[4]), rel=1e-4)


def test_pendulum_swings_with_the_small_angle_period():
    bob = Shape((2.5 + 1.0 * np.sin(0.1), 3.0 - 1.0 * np.cos(0.1)), radius=0.1)
    nail = Shape((2.5, 3.0), vertices=box(0.1, 0.1), immovable=True)
    _, states, _ = simulate([bob, nail], joints=[Joint(1, 0, (2.5, 3.0))])
    x = states.position[:, 0, 6] - 2.5
    assert abs(np.hypot(x, states.position[:, 1, 6] - 3.0) - 1.0).max() < 0.02
    crossing = np.flatnonzero((x[:-1] > 0) & (x[1:] <= 0))[0]
    quarter = 2 * np.pi * np.sqrt((1.0 + 0.1**2 / 2) / G) / 4
    assert (crossing + 1) / 60 == pytest.approx(quarter, rel=0.05)


def _wheel(**joint):
    hub = Shape((2.5, 2.5), vertices=box(0.2, 0.2), immovable=True)
    return [hub, Shape((2.5, 2.5), radius=0.3)], [Joint(0, 1, (2.5, 2.5), **joint)]


def test_motor_reaches_its_speed():
    shapes, joints = _wheel(motor_speed=2.0)
    _, states, _ = simulate(shapes, joints, motor=(0.5, 0.0))
    assert states.angular_velocity[-1, 6] == pytest.approx(0.5 * 2.0 * 6.0, rel=1e-2)


def test_motor_stops_at_the_joint_limit():
    shapes, joints = _wheel(motor_speed=1.0, limits=(-0.5, 0.5))
    _, states, _ = simulate(shapes, joints, motor=(1.0, 0.0))
    assert 0.35 < states.angle[-1, 6] < 0.55
    assert abs(states.angular_velocity[-1, 6]) < 0.2


def test_fixed_joint_carries_its_load_without_turning():
    arm = [Shape((2.5, 2.5), vertices=box(0.2, 0.2), immovable=True), Shape((2.7, 2.5), vertices=box(0.4, 0.1))]
    _, states, touching = simulate(arm, [Joint(0, 1, (2.5, 2.5), fixed=True)])
    assert abs(states.angle[-1, 5]) < 0.05
    assert abs(states.position[-1, :, 5] - [2.7, 2.5]).max() < 0.05
    assert touching[-1, 4, 5]  # linked bodies overlap and are seen to touch, but do not push each other


def test_triangle_lies_down_on_its_base():
    wedge = ((0.0, 0.4), (0.3, -0.2), (-0.3, -0.2))
    scene, states, _ = simulate([Shape((2.5, FLOOR_TOP + 0.25), vertices=wedge, angle=0.2)])
    assert int(scene.vertex_count[4]) == 3
    assert abs(states.angle[-1, 4]) < 0.01
    assert states.position[-1, 1, 4] == pytest.approx(FLOOR_TOP + 0.2, abs=0.0125)


def test_a_circle_deep_inside_a_block_is_pushed_out_through_the_nearest_face():
    block = Shape((2.5, 2.5), vertices=box(1.0, 1.0), immovable=True)
    _, states, _ = simulate([block, Shape((2.9, 2.5), radius=0.1)], gravity=(0.0, 0.0))
    assert states.position[-1, 0, 6] > 3.0
    assert states.position[-1, 1, 6] == pytest.approx(2.5, abs=1e-3)


def test_collision_modes():
    ghosts = [
        Shape((2.0, 2.5), radius=0.2, collision_mode=0, velocity=(1.0, 0.0)),
        Shape((2.6, 2.5), radius=0.2, collision_mode=1),
    ]
    _, states, touching = simulate(ghosts, gravity=(0.0, 0.0))
    assert not touching[:, 6, 7].any()
    assert states.position[-1, 0, 6] == pytest.approx(4.0, abs=1e-3)
    _, _, touching = simulate([dataclasses.replace(ghosts[0], position=(2.5, 0.7))])
    assert touching[:, 6, 0].any()  # mode 0 still meets the walls


def test_worlds_do_not_see_each_other():
    drops = [
        build([Shape((2.5, y), vertices=box(0.4, 0.3), angle=a)], capacity=CAPACITY)
        for y, a in ((1.0, 0.3), (0.8, 1.0))
    ]
    batch = jax.tree.map(lambda *x: jnp.stack(x, -1), *drops)
    together, _ = _run(*batch, jnp.zeros((2, 2)), jnp.zeros((1, 2)))
    for world, (scene, state) in enumerate(drops):
        alone, _ = _run(scene, state, jnp.zeros(2), jnp.zeros(1))
        np.testing.assert_allclose(together.position[..., world], alone.position, atol=2e-3)


def test_quirk_the_last_circle_polygon_pair_forgets_its_impulse():
    scene, state = build(
        [Shape((2.5, 1.0), vertices=box(1.0, 0.4), immovable=True), Shape((2.5, 1.4), radius=0.2)],
        capacity=Capacity(5, 1, 1, 1),
    )
    rest = {}
    for quirks in (True, False):
        step = jax.jit(
            lambda s, q=quirks: engine.step(scene, s, jnp.zeros(1), jnp.zeros(1), Physics(jax2d_quirks=q))[0]
        )
        now = state
        for _ in range(60):
            now = step(now)
        rest[quirks] = now
    assert rest[False].contact_impulse[0].max() > 0.9 * G / 60 / float(scene.inverse_mass[5])
    assert rest[True].contact_impulse.max() == 0.0
