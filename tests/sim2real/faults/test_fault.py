import numpy as np
from gambol.sim2real.faults import fault
from gambol.sim2real.onboard import rotation

VALUES = {"rate": np.array([1.0, 2.0, 3.0]), "turn": np.array([1.0, 0.0, 0.0, 0.0])}
FIRST = {"rate": np.array([7.0, 8.0, 9.0]), "turn": np.array([0.0, 1.0, 0.0, 0.0])}


def test_readings_are_spoilt_as_named_and_the_true_ones_are_left():
    assert fault.put("rate", 5.0, 1)(VALUES, FIRST)["rate"].tolist() == [1, 5, 3]
    assert fault.put("rate", 5.0)(VALUES, FIRST)["rate"].tolist() == [5, 5, 5]
    assert fault.held("rate")(VALUES, FIRST)["rate"].tolist() == [7, 8, 9]
    assert fault.held_at("rate", 2)(VALUES, FIRST)["rate"].tolist() == [1, 2, 9]
    assert fault.plus("rate", 0.5, 0)(VALUES, FIRST)["rate"].tolist() == [1.5, 2, 3]
    assert fault.times("rate", 2.0)(VALUES, FIRST)["rate"].tolist() == [2, 4, 6]
    assert fault.swapped("rate", 0, 2)(VALUES, FIRST)["rate"].tolist() == [3, 2, 1]
    assert VALUES["rate"].tolist() == [1, 2, 3]


def test_a_turned_imu():
    found = fault.turned(0.0, 0.3, 0.0)(VALUES, FIRST)["turn"]
    np.testing.assert_allclose(rotation.to_vector(found), [0, 0.3, 0], atol=1e-12)
