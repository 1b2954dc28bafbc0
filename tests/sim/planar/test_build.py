import jax.numpy as jnp
import numpy as np
import pytest
from gambol.envs.planar import suites
from gambol.sim.planar.build import Joint, Shape, Thruster, box, build
from gambol.sim.planar.contacts import outline
from gambol.sim.planar.scene import CAPACITIES, Capacity


def test_the_walls_are_those_of_the_published_levels():
    scene, state = build([Shape((2.5, 2.5), radius=0.1)], capacity=CAPACITIES["s"])
    corners, _ = outline(scene, state)
    _, bank = suites.load(("kinetix/s",), CAPACITIES["s"], quirks=True)
    published, _ = outline(bank.scene, bank.state)
    walls = np.sort(np.asarray(corners)[:, :, :4], axis=0)
    np.testing.assert_allclose(walls, np.sort(np.asarray(published)[:, :, :4, 0], axis=0), atol=1e-5)
    assert bool((scene.collision_mode[:4] == 2).all())


def test_a_polygon_is_moved_to_its_centroid_and_stays_where_it_was():
    wedge = ((0.0, 0.0), (0.0, 0.6), (0.9, 0.0))
    scene, state = build([Shape((1.0, 2.0), vertices=wedge, angle=np.pi / 2)], capacity=CAPACITIES["s"])
    corners, _ = outline(scene, state)
    turned = [(1.0, 2.0), (0.4, 2.0), (1.0, 2.9)]
    np.testing.assert_allclose(np.asarray(corners)[:3, :, 4], turned, atol=1e-5)
    np.testing.assert_allclose(state.position[:, 4], np.mean(turned, axis=0), atol=1e-5)
    assert float(1 / scene.inverse_mass[4]) == pytest.approx(0.27)


def test_indices_are_those_of_the_list_whatever_the_kinds():
    shapes = [Shape((1.0, 1.0), radius=0.2), Shape((2.0, 1.0), vertices=box(0.2, 0.2)), Shape((3.0, 1.0), radius=0.1)]
    joint, jet = Joint(2, 1, (2.5, 1.2), limits=(-1.0, 0.5), motor_speed=2.0), Thruster(0, angle=0.3)
    scene, state = build(shapes, [joint], [jet], CAPACITIES["m"])
    first_circle = CAPACITIES["m"].polygons
    assert (int(scene.joints.a[0]), int(scene.joints.b[0])) == (first_circle + 1, 4)
    assert int(scene.thrusters.body[0]) == first_circle
    for body, anchor in ((scene.joints.a[0], scene.joints.anchor_a), (scene.joints.b[0], scene.joints.anchor_b)):
        np.testing.assert_allclose(state.position[:, body] + anchor[:, 0], [2.5, 1.2], atol=1e-6)
    assert scene.joints.active.tolist() == [True, False]
    assert scene.active.tolist() == [True] * 5 + [False] + [True, True, False]
    assert not bool(scene.separable[4, first_circle + 1])
    assert bool(scene.separable[4, first_circle])


def test_an_anchor_is_given_in_the_world_and_kept_in_the_body():
    shapes = [Shape((2.0, 2.0), vertices=box(0.4, 0.2), angle=np.pi / 2), Shape((2.0, 2.3), radius=0.1)]
    scene, _ = build(shapes, [Joint(0, 1, (2.0, 2.2))])
    np.testing.assert_allclose(scene.joints.anchor_a[:, 0], [0.2, 0.0], atol=1e-6)


def test_too_many_shapes_are_refused():
    with pytest.raises(ValueError, match="this scene needs Capacity\\(polygons=6"):
        build([Shape((1.0, 1.0), vertices=box(0.1, 0.1))] * 2, capacity=Capacity(5, 1, 1, 1))


def test_immovable_shapes_have_no_inverse_mass():
    scene, _ = build([Shape((1.0, 1.0), radius=0.2, immovable=True)])
    assert jnp.all(scene.inverse_mass == 0)
    assert jnp.all(scene.inverse_inertia == 0)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ({}, "radius 0.0 and 0 vertices"),
        ({"radius": 0.1, "vertices": box(1, 1)}, "radius 0.1 and 4 vertices"),
        ({"vertices": box(1, 1)[:2]}, "radius 0.0 and 2 vertices"),
        ({"radius": 0.1, "density": 0.0}, "density is 0.0"),
    ],
)
def test_a_shape_without_mass_is_refused(shape, message):
    with pytest.raises(ValueError, match=message):
        Shape((2.5, 2.5), **shape)
