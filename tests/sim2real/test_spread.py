import numpy as np
import pytest
from gambol.sim2real.spread import Spread


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99, 1.0])
def test_quantiles_are_those_of_the_times(share):
    spread, times = Spread(), np.random.default_rng(0).lognormal(-1, 2, 5000)
    for ms in times:
        spread.add(ms)
    exact = np.quantile(times, share, method="inverted_cdf")
    assert exact <= spread.quantile(share) * (1 + 1e-9) <= 1.0101 * exact


def test_any_time_counts():
    spread = Spread()
    assert spread.quantile(0.5) == 0
    for ms in (-1.0, 0.0, 1e-9, 1e9):
        spread.add(ms)
    assert spread.quantile(0.75) < 1e-3 and spread.quantile(1.0) > 1e4
