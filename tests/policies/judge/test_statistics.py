import numpy as np
import pytest
from gambol.policies.judge import statistics
from gambol.policies.judge.statistics import bootstrap, paired_bootstrap, pooled_bootstrap, wilson
from scipy.stats import binomtest


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
@pytest.mark.parametrize(("solved", "attempts"), [(0, 20), (1, 20), (10, 20), (20, 20), (93, 100), (1, 1)])
def test_wilson_matches_scipy(solved, attempts, confidence):
    ours = wilson(solved, attempts, confidence)
    theirs = binomtest(solved, attempts).proportion_ci(confidence, method="wilson")
    assert ours.mean == solved / attempts
    assert (ours.lo, ours.hi) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_wilson_matches_a_printed_table():
    # Newcombe 1998 (Stat. Med. 17:857), table I, method 3: 81/263, 15/148 and 0/20.
    for solved, attempts, lo, hi in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611)):
        interval = wilson(solved, attempts)
        assert (interval.lo, interval.hi) == pytest.approx((lo, hi), abs=5e-5)


@pytest.mark.parametrize(("solved", "attempts"), [(0, 0), (3, 2), (-1, 2)])
def test_wilson_refuses_impossible_counts(solved, attempts):
    with pytest.raises(ValueError, match="must"):
        wilson(solved, attempts)


def test_bootstrap_repeats_with_its_seed_only():
    table = np.random.default_rng(0).random((5, 8))
    assert bootstrap(table, seed=1) == bootstrap(table, seed=1)
    assert bootstrap(table, seed=1) != bootstrap(table, seed=2)


def test_bootstrap_over_attempts_has_the_width_of_the_closed_form():
    table = np.random.default_rng(0).random((12, 30)) < np.linspace(0.1, 0.9, 12)[:, None]
    rates = table.mean(1)
    error = np.sqrt(np.sum(rates * (1 - rates) / 30)) / 12
    interval = bootstrap(table, new_levels=False)
    assert interval.mean == pytest.approx(rates.mean())
    assert interval.hi - interval.lo == pytest.approx(2 * 1.96 * error, rel=0.06)


def test_bootstrap_over_levels_has_the_width_of_the_closed_form():
    rates = np.linspace(0, 1, 21)
    table = np.repeat(rates[:, None], 4, axis=1)  # no spread between attempts
    interval = bootstrap(table)
    assert interval.hi - interval.lo == pytest.approx(2 * 1.96 * rates.std() / np.sqrt(21), rel=0.06)
    fixed = bootstrap(table, new_levels=False)
    assert fixed.lo == pytest.approx(0.5) and fixed.hi == pytest.approx(0.5)


@pytest.mark.parametrize("new_levels", [False, True])
def test_bootstrap_covers_the_truth_about_as_often_as_it_says(new_levels):
    rng, trials = np.random.default_rng(0), 300
    levels = rng.beta(1.5, 1.5, 20)
    hits = 0
    for trial in range(trials):
        chosen = rng.beta(1.5, 1.5, 20) if new_levels else levels
        truth = 0.5 if new_levels else levels.mean()
        interval = bootstrap(rng.random((20, 20)) < chosen[:, None], new_levels=new_levels, resamples=200, seed=trial)
        hits += interval.lo <= truth <= interval.hi
    assert 0.9 <= hits / trials <= 0.985


def test_paired_bootstrap_finds_a_difference_and_its_sign():
    rng = np.random.default_rng(0)
    rates = rng.random((20, 1)) * 0.6
    a, b = rng.random((20, 20)) < rates, rng.random((20, 40)) < rates + 0.25
    better = paired_bootstrap(a, b)
    assert better.mean == pytest.approx(b.mean() - a.mean())
    assert 0.1 < better.lo < better.mean < better.hi < 0.4
    assert better.p < 0.001
    worse = paired_bootstrap(b, a)
    assert worse.hi < 0 and worse.p < 0.001


@pytest.mark.parametrize("new_levels", [False, True])
def test_paired_bootstrap_seldom_finds_what_is_not_there(new_levels):
    rng = np.random.default_rng(1)
    found = 0
    for trial in range(100):
        rates = rng.random((10, 1))
        a, b = rng.random((2, 10, 20)) < rates
        found += paired_bootstrap(a, b, new_levels=new_levels, resamples=300, seed=trial).p < 0.05
    assert found <= 12


def test_pairing_removes_what_is_common_to_a_level():
    rates = np.linspace(0, 0.8, 10)[:, None]
    a, b = np.repeat(rates, 20, axis=1), np.repeat(rates + 0.1, 20, axis=1)
    difference = paired_bootstrap(a, b)
    assert (difference.lo, difference.hi) == pytest.approx((0.1, 0.1))
    assert bootstrap(b).lo < bootstrap(a).hi  # apart, the two could not be told from each other


def test_no_difference_at_all_has_p_one():
    assert paired_bootstrap(np.zeros((3, 4)), np.zeros((3, 5))).p == 1.0


def test_tables_of_the_wrong_shape_are_refused():
    with pytest.raises(ValueError, match=r"shape \(3,\)"):
        bootstrap(np.zeros(3))
    with pytest.raises(ValueError, match="2 levels and b has 3"):
        paired_bootstrap(np.zeros((2, 4)), np.zeros((3, 4)))


def test_pooled_means_are_sums_over_sums():
    counts = np.array([[1.0, 0.0], [3.0, 0.0], [4.0, 0.0]])
    sums = np.array([[2.0, 0.0], [3.0, 0.0], [7.0, 0.0]])
    pooled, empty = pooled_bootstrap(sums, counts)
    assert pooled.mean == 12 / 8 and np.isnan([empty.mean, empty.lo, empty.hi]).all()
    # The mean lies between those of the single episodes, and so does what resampling makes of it.
    assert 1 <= pooled.lo < pooled.mean < pooled.hi <= 2


def test_pooled_intervals_have_the_width_of_the_closed_form():
    rng = np.random.default_rng(0)
    counts = rng.integers(1, 50, (400, 1)).astype(float)
    sums = counts * rng.normal(3, 1, (400, 1))
    (interval,) = pooled_bootstrap(sums, counts)
    # The linearised variance of a ratio (Cochran 1977, Sampling Techniques, eq. 2.39).
    residual = sums - interval.mean * counts
    error = np.sqrt((residual**2).sum()) / counts.sum()
    assert interval.hi - interval.lo == pytest.approx(2 * 1.96 * error, rel=0.06)


def test_pooled_columns_share_their_draws_and_repeat(monkeypatch):
    rng = np.random.default_rng(0)
    sums, counts = rng.random((30, 1)), rng.random((30, 1))
    both = pooled_bootstrap(np.hstack([sums, 2 * sums]), np.hstack([counts, counts]), seed=3)
    assert both[1].lo == pytest.approx(2 * both[0].lo) and both[1].hi == pytest.approx(2 * both[0].hi)
    (alone,), (other,) = (pooled_bootstrap(sums, counts, seed=seed) for seed in (3, 4))
    assert alone.hi == pytest.approx(both[0].hi) and abs(other.hi - alone.hi) > 1e-9
    monkeypatch.setattr(statistics, "AT_ONCE", 30 * 700)
    assert pooled_bootstrap(sums, counts, seed=3)[0].hi == pytest.approx(alone.hi)


def test_pooled_tables_must_be_alike():
    with pytest.raises(ValueError, match=r"sums has shape \(3, 2\) and counts \(3, 1\)"):
        pooled_bootstrap(np.ones((3, 2)), np.ones((3, 1)))
