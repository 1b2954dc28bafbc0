import jax
import numpy as np
import pytest
from gambol.envs.planar import suites
from gambol.sim.planar.kernels.table import BODY, DRIVEN, FIXED, LIMITED, LIVE, MOST_BODIES, PAIR_BITS, columns, pack
from gambol.sim.planar.scene import CAPACITIES, Capacity, pairs


@pytest.fixture(scope="module")
def packed():
    names, bank = suites.load(("kinetix/l",), CAPACITIES["l"], quirks=True)
    return names, jax.tree.map(np.asarray, bank), jax.tree.map(np.asarray, jax.jit(pack)(bank.scene, bank.role))


def test_a_row_is_as_long_as_its_columns(packed):
    names, bank, table = packed
    at = columns(bank.scene.capacity)
    assert table.reals.shape == (len(names), at.reals)
    assert table.codes.shape == (len(names), at.codes)
    np.testing.assert_array_equal(table.reals[:, at.gravity : at.reals].T, bank.scene.gravity)
    np.testing.assert_array_equal(table.reals[:, at.bodies : at.corners : BODY].T, bank.scene.inverse_mass)


def test_pairs_that_can_touch_come_first_in_slot_order(packed):
    """Against the definition, pair by pair."""
    _, bank, table = packed
    scene, at = bank.scene, columns(bank.scene.capacity)
    for level in range(0, len(table.codes), 5):
        begin = at.pairs
        for group, count in zip(pairs(scene.capacity), table.codes[level, at.counts : at.pairs], strict=True):
            modes = scene.collision_mode[group, level]
            meet = (modes == 2).any(1) | (modes.prod(1) > 0)
            meet &= scene.active[group, level].all(1)
            assert count == meet.sum()
            codes = table.codes[level, begin : begin + count]
            mask = (1 << PAIR_BITS) - 1
            np.testing.assert_array_equal(codes >> 2 * PAIR_BITS, np.flatnonzero(meet))
            np.testing.assert_array_equal((codes >> PAIR_BITS) & mask, group[meet, 0])
            np.testing.assert_array_equal((codes & mask) >> 1, group[meet, 1])
            acts = scene.separable[*group[meet].T, level] & (scene.inverse_mass[group[meet], level] != 0).any(1)
            np.testing.assert_array_equal(codes & 1, acts)
            begin += len(group)


def test_flags_say_what_a_joint_does(packed):
    _, bank, table = packed
    joints, at = bank.scene.joints, columns(bank.scene.capacity)
    a, b, flags = table.codes[:, at.hinges : at.mounts].reshape(len(table.codes), -1, 3).transpose(2, 1, 0)
    np.testing.assert_array_equal(a, joints.a)
    np.testing.assert_array_equal(b, joints.b)
    live = flags & LIVE > 0
    assert live.any() and (joints.active | ~live).all()
    np.testing.assert_array_equal((flags & FIXED > 0)[live], joints.fixed[live])
    np.testing.assert_array_equal((flags & LIMITED > 0)[live], (joints.limited & ~joints.fixed)[live])
    np.testing.assert_array_equal((flags & DRIVEN > 0)[live], (joints.motor_on & ~joints.fixed)[live])


def test_a_world_of_too_many_bodies_names_the_fix():
    most = Capacity(MOST_BODIES - 1, 1, 1, 1)
    columns(most)
    assert max(map(len, pairs(most))) < 1 << (31 - 2 * PAIR_BITS)
    with pytest.raises(ValueError, match=r"capacity.bodies is 32: .* use the engine xla"):
        columns(Capacity(MOST_BODIES, 1, 1, 1))
