import pytest
from gambol.policies.rtc.delay import DelayEstimator


def test_the_longest_of_the_last_ten_but_not_of_the_first_two():
    expect = DelayEstimator(first=2, most=6)
    for slow in (50, 40):
        expect.measured(slow)
        assert expect() == 2
    for taken in (4, *[1] * 9):
        expect.measured(taken)
        assert expect() == 4
    expect.measured(1)
    assert expect() == 1
    expect.measured(99)
    assert expect() == 6


@pytest.mark.parametrize(("first", "most"), [(-1, 4), (5, 4)])
def test_what_cannot_be_is_refused(first, most):
    with pytest.raises(ValueError, match=f"first is {first}: it must be 0 to most, {most}"):
        DelayEstimator(first, most)
