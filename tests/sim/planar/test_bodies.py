import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gambol.envs.planar import suites
from gambol.envs.planar.level import read_level
from gambol.sim.planar.bodies import circle_mass, polygon_mass, recompute_mass, separable
from gambol.sim.planar.scene import CAPACITIES, Capacity, Joints
from jax2d import engine as jax2d
from jax2d.sim_state import Joint, StaticSimParams

TRIANGLE = np.array([[0.0, 0.3, -0.3], [0.5, -0.25, -0.25]], np.float32)
KITE = np.array([[0.1, 0.6, 0.2, -0.3], [0.5, 0.0, -0.2, 0.1]], np.float32)


def polygons(*corners):
    """Vertices [2, 4, P] and counts [P]; the spare fourth vertex of a triangle holds rubbish."""
    vertices = np.full((2, 4, len(corners)), 7.0, np.float32)
    for i, corner in enumerate(corners):
        vertices[:, : corner.shape[1], i] = corner
    return vertices, np.array([corner.shape[1] for corner in corners], np.int32)


def integrate(corner, density, cells=600):
    """Mass, inertia and centre by adding up the cells of a grid that lie inside a clockwise polygon."""
    low, high = corner.min(1), corner.max(1)
    step = (high - low) / cells
    x, y = np.meshgrid(*(low[k] + step[k] * (np.arange(cells) + 0.5) for k in range(2)))
    inside = np.ones_like(x, bool)
    for (ax, ay), (bx, by) in zip(corner.T, np.roll(corner, -1, 1).T, strict=True):
        inside &= (bx - ax) * (y - ay) - (by - ay) * (x - ax) < 0
    cell = density * step.prod()
    centre = np.array([x[inside].mean(), y[inside].mean()])
    return cell * inside.sum(), cell * ((x - centre[0]) ** 2 + (y - centre[1]) ** 2)[inside].sum(), centre


@pytest.mark.parametrize("corner", [TRIANGLE, KITE], ids=["triangle", "kite"])
def test_mass_of_a_polygon_is_its_integral(corner):
    mass, inertia, centre = polygon_mass(*polygons(corner), np.array([1.7], np.float32), quirks=False)
    for got, right in zip((mass[0], inertia[0], centre[:, 0]), integrate(corner, 1.7), strict=True):
        np.testing.assert_allclose(got, right, rtol=2e-2, atol=1e-3)


def test_mass_of_a_box_and_a_disc_in_closed_form():
    box = np.array([[1.0, 1.0, -1.0, -1.0], [0.5, -0.5, -0.5, 0.5]], np.float32)
    for quirks in (True, False):
        mass, inertia, centre = polygon_mass(*polygons(box), np.array([3.0], np.float32), quirks)
        np.testing.assert_allclose((mass[0], inertia[0]), (6.0, 6.0 * (4 + 1) / 12), rtol=1e-6)
        np.testing.assert_allclose(centre[:, 0], 0, atol=1e-7)
    mass, inertia = circle_mass(np.array([2.0]), np.array([0.5]), quirks=False)
    np.testing.assert_allclose((mass[0], inertia[0]), (2 * np.pi, 4 * np.pi), rtol=1e-6)


def test_quirks_are_those_of_jax2d():
    random = np.random.default_rng(0)
    noise = random.uniform(-0.08, 0.08, (2, 4)).astype(np.float32)
    vertices, count = polygons(TRIANGLE, KITE, KITE + noise, TRIANGLE + noise[:, :3])
    density = random.uniform(0.5, 2, 4).astype(np.float32)
    mass, inertia, centre = polygon_mass(vertices, count, density, quirks=True)
    static = StaticSimParams()
    for i in range(4):
        corner = vertices[:, :, i].T
        inverse, shift = jax2d.calc_inverse_mass_polygon(corner, count[i], static, density[i])
        np.testing.assert_allclose(1 / mass[i], inverse, rtol=1e-5)
        np.testing.assert_allclose(centre[:, i], shift, atol=1e-6)
        inverse = jax2d.calc_inverse_inertia_polygon(corner - shift, count[i], static, density[i])
        np.testing.assert_allclose(1 / inertia[i], inverse, rtol=1e-5)
    radius = np.abs(noise[0]) + 0.1
    mass, disc_inertia = circle_mass(radius, density, quirks=True)
    np.testing.assert_allclose(1 / mass, jax2d.calc_inverse_mass_circle(radius, density), rtol=1e-5)
    np.testing.assert_allclose(1 / disc_inertia, jax2d.calc_inverse_inertia_circle(radius, density), rtol=1e-5)
    assert inertia[0] != pytest.approx(polygon_mass(vertices, count, density, quirks=False)[1][0], rel=0.1)


@pytest.fixture(scope="module")
def car():
    """A level whose masses are wrong, with one lopsided polygon that turns: NumPy arrays."""
    level = jax.tree.map(np.array, read_level(suites.find(("kinetix/m/h1_car_left",))[0].path))
    scene, state = level.scene, level.state
    scene.vertices[:, :, 4] = KITE
    state.angle[4], state.angular_velocity[4] = 0.7, 2.0
    scene.inverse_mass[4:] = 5.0
    scene.inverse_mass[5] = 0.0
    scene.inverse_inertia[6] = 0.0
    return scene, state


def in_world(state, body, point):
    c, s = np.cos(state.angle[body]), np.sin(state.angle[body])
    return state.position[:, body] + np.stack([c * point[0] - s * point[1], s * point[0] + c * point[1]])


def test_recomputed_masses_move_nothing_in_the_world(car):
    scene, state = car
    new_scene, new_state = recompute_mass(scene, state, quirks=False)
    corners = np.full(4, 4)
    points = [(corners, new_scene.vertices[:, :, 4], scene.vertices[:, :, 4])]
    points += [(scene.joints.a, new_scene.joints.anchor_a, scene.joints.anchor_a)]
    points += [(scene.joints.b, new_scene.joints.anchor_b, scene.joints.anchor_b)]
    points += [(scene.thrusters.body, new_scene.thrusters.anchor, scene.thrusters.anchor)]
    for body, now, before in points:
        np.testing.assert_allclose(in_world(new_state, body, now), in_world(state, body, before), atol=1e-6)
    mass, inertia, centre = integrate(KITE, scene.density[4])
    assert 1 / new_scene.inverse_mass[4] == pytest.approx(mass, rel=1e-2)
    assert 1 / new_scene.inverse_inertia[4] == pytest.approx(inertia, rel=1e-2)
    arm = in_world(state, 4, centre) - state.position[:, 4]
    np.testing.assert_allclose(new_state.velocity[:, 4], 2.0 * np.array([-arm[1], arm[0]]), atol=1e-3)


def test_what_does_not_move_or_turn_stays_so(car):
    scene, state = car
    for quirks in (True, False):
        new_scene, _ = recompute_mass(scene, state, quirks)
        assert (new_scene.inverse_mass[[0, 1, 2, 3, 5]] == 0).all()
        np.testing.assert_array_equal(new_scene.vertices[:, :, :4], scene.vertices[:, :, :4])
        assert new_scene.inverse_inertia[6] == 0
        mass = np.pi * scene.radius[0] ** 2 * scene.density[6]
        assert new_scene.inverse_mass[6] == pytest.approx(1 / mass, rel=1e-5)


def test_recompute_serves_batches_under_jit(car):
    scene, state = car
    expected = recompute_mass(scene, state, quirks=False)
    batch = jax.tree.map(lambda x: jnp.stack([x, x, x], axis=-1), (scene, state))
    got = jax.jit(lambda pair: recompute_mass(*pair, quirks=False))(batch)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a[..., 1], b, rtol=1e-5, atol=1e-6), got, expected)


def test_published_masses_come_out_again():
    for ref in suites.find(("kinetix/s", "kinetix/m")):
        level = jax.tree.map(np.asarray, read_level(ref.path))
        scene, _ = recompute_mass(level.scene, level.state, quirks=True)
        live = scene.active
        for name in ("inverse_mass", "inverse_inertia"):
            now, before = getattr(scene, name)[live], getattr(level.scene, name)[live]
            np.testing.assert_allclose(now, before, rtol=2e-3, err_msg=ref.name)


def test_separable_is_jax2ds_on_every_published_level():
    for ref in suites.find(("kinetix",)):
        scene = read_level(ref.path).scene
        capacity, joints = scene.capacity, scene.joints
        unused = jnp.zeros(capacity.joints)
        fields = dict.fromkeys(Joint.__dataclass_fields__, unused)
        fields |= {"a_index": joints.a, "b_index": joints.b, "active": joints.active}
        static = StaticSimParams(
            num_polygons=capacity.polygons, num_circles=capacity.circles, num_joints=capacity.joints
        )
        expected = jax2d.calculate_collision_matrix(static, Joint(**fields))
        np.testing.assert_array_equal(scene.separable, expected, err_msg=ref.name)


def linked_by_walking(pairs, n):
    """Sets of bodies reached from one another, by merging sets."""
    group = list(range(n))
    for a, b in pairs:
        group = [group[a] if g == group[b] else g for g in group]
    return np.array(group)


def joints_of(a, b, active):
    rest = {f: np.zeros(len(a), np.float32) for f in Joints.__dataclass_fields__}
    return Joints(**rest | {"a": np.array(a), "b": np.array(b), "active": np.array(active)})


def test_separable_follows_long_chains_and_ignores_inactive_joints():
    capacity = Capacity(polygons=12, circles=8, joints=19, thrusters=1)
    random = np.random.default_rng(1)
    order = random.permutation(capacity.bodies)
    for active in (np.ones(19, bool), np.arange(19) != 7, random.random(19) < 0.5):
        joints = joints_of(order[:-1], order[1:], active)
        pairs = [(a, b) for a, b, on in zip(joints.a, joints.b, active, strict=True) if on]
        group = linked_by_walking(pairs, capacity.bodies)
        np.testing.assert_array_equal(separable(joints, capacity), group[:, None] != group)


def test_separable_serves_batches():
    capacity = CAPACITIES["m"]
    one, other = joints_of([4, 5], [5, 7], [True, True]), joints_of([4, 5], [5, 7], [True, False])
    both = jax.tree.map(lambda x, y: np.stack([x, y], -1), one, other)
    got = separable(both, capacity)
    np.testing.assert_array_equal(got[..., 0], separable(one, capacity))
    np.testing.assert_array_equal(got[..., 1], separable(other, capacity))
    assert not got[4, 7, 0] and got[4, 7, 1]
