"""Uncertainty of solve rates: intervals for one level, for a suite of levels, and for the difference of two policies;
and of means over the steps of many episodes.

Only numpy; every function that draws numbers takes a seed and gives the same answer for the same seed.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

RESAMPLES = 5000
"""Bootstrap draws: the ends of a 95 % interval then repeat to about 2 % of its width between seeds."""
AT_ONCE = 4_000_000
"""Numbers that `pooled_bootstrap` draws together, which bounds its memory."""


@dataclass(frozen=True)
class Interval:
    """A mean and the interval around it."""

    mean: float
    lo: float
    hi: float


@dataclass(frozen=True)
class Difference:
    """Mean of b minus mean of a, its interval, and how easily resampling turns its sign."""

    mean: float
    lo: float
    hi: float
    p: float
    """Two-sided: twice the share of resamples on the far side of zero, at most 1, never 0."""


def wilson(solved: int, attempts: int, confidence: float = 0.95) -> Interval:
    """Wilson score interval of a binomial proportion; honest at 0 and at all solved (Wilson 1927, JASA 22:209).

    Raises ValueError where `attempts` is not positive or `solved` lies outside 0..attempts.
    """
    if attempts < 1:
        raise ValueError(f"attempts is {attempts}: it must be at least 1")
    if not 0 <= solved <= attempts:
        raise ValueError(f"solved is {solved}: it must lie in 0..{attempts}")
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    rate = solved / attempts
    shrink = 1 + z * z / attempts
    centre = (rate + z * z / (2 * attempts)) / shrink
    half = z / shrink * (rate * (1 - rate) / attempts + z * z / (4 * attempts**2)) ** 0.5
    return Interval(rate, max(0.0, centre - half), min(1.0, centre + half))


def bootstrap(
    values: ArrayLike,
    confidence: float = 0.95,
    *,
    new_levels: bool = True,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Percentile interval of the mean over levels of the mean over attempts; `values` is [levels, attempts].

    Attempts are resampled within their level (stratified), so every level keeps its weight. With `new_levels` the
    levels are resampled first: the interval then says where the mean would fall on other levels of the same kind.
    Without, the levels are taken as given: it says where the mean would fall if the same levels were attempted again,
    and is narrower. Resampling twice counts the spread of attempts twice, so with few attempts the wider interval errs
    on the wide side.
    """
    table = _table(values)
    rng = np.random.default_rng(seed)
    means = np.empty(resamples)
    for i in range(resamples):
        means[i] = _resampled_mean(table, _levels(len(table), new_levels, rng), rng)
    return Interval(float(table.mean()), *_ends(means, confidence))


def paired_bootstrap(
    a: ArrayLike,
    b: ArrayLike,
    confidence: float = 0.95,
    *,
    new_levels: bool = True,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Difference:
    """How much better b is than a on the same levels; `a` is [levels, attempts of a], `b` [levels, attempts of b].

    Each draw takes the same levels for both, so that a level hard for both widens nothing, and resamples the attempts
    of each on their own, because attempt 3 of a and attempt 3 of b have nothing in common. `new_levels` as in
    `bootstrap`. Raises ValueError where the two do not have the same number of levels.
    """
    first, second = _table(a), _table(b)
    if len(first) != len(second):
        raise ValueError(f"a has {len(first)} levels and b has {len(second)}: compare the same levels")
    rng = np.random.default_rng(seed)
    draws = np.empty(resamples)
    for i in range(resamples):
        levels = _levels(len(first), new_levels, rng)
        draws[i] = _resampled_mean(second, levels, rng) - _resampled_mean(first, levels, rng)
    tail = min(np.sum(draws <= 0), np.sum(draws >= 0))
    p = min(1.0, 2 * float(tail + 1) / (resamples + 1))
    return Difference(float(second.mean() - first.mean()), *_ends(draws, confidence), p)


def pooled_bootstrap(
    sums: ArrayLike, counts: ArrayLike, confidence: float = 0.95, *, resamples: int = RESAMPLES, seed: int = 0
) -> list[Interval]:
    """Percentile intervals of means over steps: column by column, the sum of `sums` over the sum of `counts`.

    Both are [episodes, columns]. Episodes are resampled whole, since the steps of one are alike, and the same for all
    columns. Resamples in which a column counts nothing are left out; where it never counts anything all is NaN. Raises
    ValueError where the shapes differ.
    """
    above, below = _table(sums), _table(counts)
    if above.shape != below.shape:
        raise ValueError(f"sums has shape {above.shape} and counts {below.shape}: they must be alike")
    rng, episodes = np.random.default_rng(seed), len(above)
    draws = []
    while resamples > 0:
        size = min(resamples, max(1, AT_ONCE // episodes))
        times = rng.multinomial(episodes, np.full(episodes, 1 / episodes), size).astype(float)
        draws.append(_quotient(times @ above, times @ below))
        resamples -= size
    means, drawn = _quotient(above.sum(0), below.sum(0)), np.concatenate(draws).T
    ends = [_ends(column[~np.isnan(column)], confidence) for column in drawn]
    return [Interval(float(mean), *pair) for mean, pair in zip(means, ends, strict=True)]


def _quotient(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """`above / below`, NaN where `below` is zero."""
    return np.where(below > 0, above / np.where(below > 0, below, 1), np.nan)


def _table(values: ArrayLike) -> np.ndarray:
    table = np.asarray(values, np.float64)
    if table.ndim != 2 or not table.size:
        raise ValueError(f"values has shape {table.shape}: it must be [levels, attempts], neither of them 0")
    return table


def _levels(count: int, new_levels: bool, rng: np.random.Generator) -> np.ndarray:
    return rng.integers(count, size=count) if new_levels and count > 1 else np.arange(count)


def _resampled_mean(table: np.ndarray, levels: np.ndarray, rng: np.random.Generator) -> float:
    attempts = rng.integers(table.shape[1], size=table.shape)
    return table[levels[:, None], attempts].mean()


def _ends(draws: np.ndarray, confidence: float) -> tuple[float, float]:
    if not draws.size:
        return np.nan, np.nan
    lo, hi = np.quantile(draws, [0.5 - confidence / 2, 0.5 + confidence / 2])
    return float(lo), float(hi)
