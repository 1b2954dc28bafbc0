"""The engine against jax2d, the published implementation, on all 74 published levels."""

import numpy as np
import pytest
from gambol.sim.planar.scene import CAPACITIES

from benchmarks.planar_parity import compare


@pytest.fixture(scope="module")
def parities():
    return {size: compare(size) for size in CAPACITIES}


@pytest.mark.parametrize("size", CAPACITIES)
def test_one_step_agrees_on_every_level(parities, size):
    parity = parities[size]
    assert parity.position_error[0].max() <= 1e-5, parity.names[parity.position_error[0].argmax()]
    assert parity.velocity_error[0].max() <= 1e-3, parity.names[parity.velocity_error[0].argmax()]


def test_64_steps_agree_on_nine_levels_of_ten(parities):
    last = np.concatenate([p.position_error[-1] for p in parities.values()])
    assert last.shape == (74,)
    assert np.median(last) <= 1e-3
    assert (last <= 1e-2).mean() >= 0.9


@pytest.mark.parametrize("size", CAPACITIES)
def test_contacts_and_outcomes_agree_until_paths_part(parities, size):
    parity = parities[size]
    theirs, ours = parity.rewards
    assert (theirs != 0).any()  # some episodes do end within these steps
    assert parity.same_contacts[parity.on_path].all()
    np.testing.assert_array_equal(ours[parity.on_path], theirs[parity.on_path])
