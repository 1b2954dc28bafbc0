import numpy as np
from gambol.sim2real.brain import limits_of
from gambol.sim2real.onboard.tick import within_reach


def test_targets_keep_to_the_range_of_the_gate_and_what_is_not_finite_is_not_made_so(walker):
    limits = limits_of(walker.contract)
    asked = np.array(walker.contract.default_joint_pos)
    np.testing.assert_array_equal(within_reach(walker.contract, asked), asked)
    asked[:4] = [9, -9, np.inf, np.nan]
    found = within_reach(walker.contract, asked)
    assert found[0] == limits.upper[0] and found[1] == limits.lower[1]
    assert not np.isfinite(found[2:4]).any() and np.isfinite(found[4:]).all()
