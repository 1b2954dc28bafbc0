"""Pictures for people: the right colour in the right place."""

from dataclasses import replace

import jax
import numpy as np
import pytest
from gambol.envs.planar.draw import BINDINGS, FIXED_ROLES, INK, ROLES, SKY, WALL, draw
from gambol.envs.planar.level import read_level, stack
from gambol.envs.planar.suites import find

SIDE = 520
"""100 pixels per metre: 5 m of world and twice 0.1 m of frame."""


def read(name):
    (ref,) = find((name,))
    return read_level(ref.path)


def colour(image, x, y):
    """Of the picture at a place in m."""
    return tuple(image[round(100 * (5.1 - y)), round(100 * (x + 0.1))].tolist())


@pytest.fixture(scope="module")
def car():
    return read("kinetix/m/h1_car_left")


@pytest.fixture(scope="module")
def rocket():
    return read("kinetix/s/h4_thrust_aim")


def test_bodies_have_the_colour_of_their_role(car):
    image = draw(car, car.state, (SIDE, SIDE))
    assert image.shape == (SIDE, SIDE, 3) and image.dtype == np.uint8
    places = np.asarray(car.state.position).T
    (green,), (blue,), (red,) = (np.flatnonzero(np.asarray(car.role) == role) for role in (1, 2, 3))
    assert colour(image, *places[green]) == ROLES[1]
    assert colour(image, *places[blue]) == ROLES[2]
    assert colour(image, places[red, 0] + 0.1, places[red, 1] - 0.1) == ROLES[3]
    assert colour(image, 2.5, 0.2) == WALL
    assert colour(image, -0.05, 2.5) == colour(image, 5.05, 2.5) == colour(image, 2.5, 5.05) == WALL
    assert colour(image, 2.5, 4.5) == SKY
    assert colour(image, 2.04 + 0.032, 0.64) == BINDINGS[0]


def test_a_body_is_drawn_where_the_state_puts_it_and_dark_when_immovable(car):
    blue = int(np.flatnonzero(np.asarray(car.role) == 2)[0])
    moved = replace(car.state, position=car.state.position.at[:, blue].set(np.array([4.4, 3.4])))
    assert colour(draw(car, moved, (SIDE, SIDE)), 4.45, 3.45) == ROLES[2]
    fixed = replace(car, scene=replace(car.scene, inverse_mass=car.scene.inverse_mass.at[blue].set(0.0)))
    assert colour(draw(fixed, moved, (SIDE, SIDE)), 4.45, 3.45) == FIXED_ROLES[2]
    absent = replace(car, scene=replace(car.scene, active=car.scene.active.at[blue].set(False)))
    assert colour(draw(absent, moved, (SIDE, SIDE)), 4.45, 3.45) == SKY


def test_the_flame_leaves_against_the_push(rocket):
    thrusters, state = rocket.scene.thrusters, rocket.state
    body = int(thrusters.body[0])
    assert not np.asarray(thrusters.anchor[:, 0]).any(), "this test takes the thruster to sit in the centre of its body"
    state = replace(state, position=state.position.at[:, body].set(np.array([2.5, 2.5])))
    angle = float(state.angle[body] + thrusters.angle[0])
    behind, ahead = (2.5 + 0.25 * sign * np.array([np.cos(angle), np.sin(angle)]) for sign in (-1, 1))
    cold, hot = (draw(rocket, state, (SIDE, SIDE), thrust=np.array([power])) for power in (0.0, 1.0))
    assert colour(cold, *behind) != colour(hot, *behind)
    assert colour(cold, *ahead) == colour(hot, *ahead)
    np.testing.assert_array_equal(cold, draw(rocket, state, (SIDE, SIDE)))


def test_motor_commands_turn_arrows_either_way(car):
    at = np.array([2.04, 0.64])
    still, left, right = (draw(car, car.state, (SIDE, SIDE), motor=np.array([0.0, m])) for m in (0.0, 0.3, -0.3))
    west, east = (at + 0.083 * np.array([sign * np.sin(0.5), np.cos(0.5)]) for sign in (-1, 1))
    assert colour(left, *west) == BINDINGS[0] != colour(still, *west)
    assert colour(right, *east) == BINDINGS[0] != colour(still, *east)
    assert colour(left, *east) == colour(still, *east)


def test_fixed_joints_and_limits_leave_their_marks():
    level = read("kinetix/l/mjc_half_cheetah")
    joints = level.scene.joints
    plain = replace(level, scene=replace(level.scene, joints=replace(joints, limited=np.zeros_like(joints.limited))))
    with_arcs, without = (draw(each, each.state, (SIDE, SIDE)) for each in (level, plain))
    assert 50 < (with_arcs != without).any(-1).sum() < 5000
    i = int(np.flatnonzero(np.asarray(joints.active & joints.fixed))[0])
    a = int(joints.a[i])
    angle, anchor = float(level.state.angle[a]), np.asarray(joints.anchor_a[:, i])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    assert colour(without, *(np.asarray(level.state.position[:, a]) + turn @ anchor)) == INK


@pytest.mark.parametrize("caption", ["kinetix/m/h1_car_left   step 12", "a very long caption " * 20])
def test_the_caption_stays_on_the_floor(car, caption):
    plain, written = (draw(car, car.state, (SIDE, SIDE), text) for text in ("", caption))
    rows, columns = np.nonzero((plain != written).any(-1))
    assert len(rows) > 100
    assert rows.min() >= 100 * (5.1 - 0.4) and columns.min() >= 10 and columns.max() <= 510


def test_any_shape_of_picture_shows_the_whole_world(car):
    wide = draw(car, car.state, (2 * SIDE, SIDE))
    assert wide.shape == (SIDE, 2 * SIDE, 3)
    np.testing.assert_allclose(
        wide[:, SIDE // 2 : -SIDE // 2][5:-5, 12:-12], draw(car, car.state, (SIDE, SIDE))[5:-5, 12:-12]
    )


def test_a_body_that_is_nowhere_is_left_out(car):
    lost = replace(car.state, position=car.state.position.at[:, 4].set(np.nan))
    assert colour(draw(car, lost, (SIDE, SIDE)), *np.asarray(car.state.position[:, 4])) == SKY


def test_wrong_input_is_named(car):
    with pytest.raises(ValueError, match=r"size is \(0, 500\)"):
        draw(car, car.state, (0, 500))
    bank = stack([car, car])
    with pytest.raises(ValueError, match="one world"):
        draw(bank, bank.state)
    one = jax.tree.map(lambda x: x[..., 0], bank)
    np.testing.assert_array_equal(draw(one, one.state), draw(car, car.state))
