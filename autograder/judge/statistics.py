"""Tests of distributions that take nothing for granted but that the draws are independent.

Each counts or ranks, and says yes only to what has a chance of `RARE` where both samples come from
one distribution. `expected` and `got` are the two samples of one quantity.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Pair = tuple[np.ndarray, np.ndarray]
"""The same quantity in both samples; or two quantities in one of them."""

RARE = 1e-9
"""The chance that a right answer fails one of the tests. There are some dozens for a value that is
ranked and some hundreds for one that is counted; a class of 200 with four such checks a student
sees a false rejection in one of some thousand classes.
"""

_BEYOND = 32
"""So many values beyond the other sample's largest have a chance of 2 ** -32 where the samples
are of equal size and distribution.
"""

_ENOUGH = 30
"""Fewer values are not ranked: even two samples that lie apart would hardly be so rare."""

_ENOUGH_PAIRS = 4
"""Of fewer pairs, Fisher's z has no standard error."""

_SMALL = 200
"""Samples of at most so many values are tested exactly."""

_SURELY_COMMON = 2.5
"""Kolmogorov and Smirnov's distance, times the root of the size, that has a chance of some
millionths at least: the exact test, which takes longer, is left out.
"""

_DEVIATIONS = 4
"""So many standard deviations between two shares are far from rare: the exact test is left out."""

_FEW = 0.1
"""Of quantities that are unusual more rarely than this, ranks tell nothing that counts do not."""

_MOST_CORRELATION = 0.99
"""Beyond it Fisher's z grows without bound."""


def is_beyond(expected: np.ndarray, got: np.ndarray) -> bool:
    """Whether too many values of one sample lie outside the range of the other."""
    if expected.size == 0 or got.size == 0:
        return False
    return _reaches_beyond(expected, got) or _reaches_beyond(got, expected)


def _reaches_beyond(values: np.ndarray, others: np.ndarray) -> bool:
    above = (values > others.max()).sum()
    below = (values < others.min()).sum()
    return bool(max(above, below) > _BEYOND)


def ranks_differ(expected: np.ndarray, got: np.ndarray) -> bool:
    """Kolmogorov and Smirnov's test, exact for small samples: of so rare events the limit tells
    too many.
    """
    if min(expected.size, got.size) < _ENOUGH:
        return False
    expected = np.sort(expected, axis=None)
    got = np.sort(got, axis=None)
    both = np.concatenate([expected, got])
    share_below_expected = np.searchsorted(expected, both, "right") / expected.size
    share_below_got = np.searchsorted(got, both, "right") / got.size
    distance = np.abs(share_below_expected - share_below_got).max()
    size = expected.size * got.size / (expected.size + got.size)
    if distance * np.sqrt(size) <= _SURELY_COMMON:
        return False
    from scipy.stats import ks_2samp

    is_small = max(expected.size, got.size) <= _SMALL
    method = "exact" if is_small else "asymp"
    test = ks_2samp(expected, got, method=method)
    return bool(test.pvalue < RARE)


def counts_differ(expected: np.ndarray, got: np.ndarray) -> bool:
    """Of two boolean arrays, by Fisher's exact test (1922)."""
    true = np.array([expected.sum(), got.sum()])
    sizes = np.array([expected.size, got.size])
    share = true.sum() / sizes.sum()
    variance = share * (1 - share) * (1 / sizes).sum()
    expected_share, got_share = true / sizes
    if abs(expected_share - got_share) <= _DEVIATIONS * np.sqrt(variance):
        return False
    from scipy.stats import fisher_exact

    table = np.array([true, sizes - true])
    test = fisher_exact(table)
    return bool(test.pvalue < RARE)


@dataclass(frozen=True, eq=False)
class Side:
    """Two quantities in one sample, draw by draw.

    ranks:   gives the ranks of their values; called only where they are needed.
    unusual: whether each has another value than its usual one; None where they are ranked and not
             counted.
    """

    values: Pair
    ranks: Callable[[], Pair]
    unusual: Pair | None


def depend_differently(expected: Side, got: Side, near: float) -> bool:
    """Whether two quantities are equal, or both unusual, or correlated in rank, more often in one
    sample than in the other. Values nearer than `near` are equal.
    """
    if expected.values[0].size < _ENOUGH_PAIRS:
        return False
    expected_are_equal = _equal(expected.values, near)
    got_are_equal = _equal(got.values, near)
    if counts_differ(expected_are_equal, got_are_equal):
        return True
    if expected.unusual and got.unusual:
        if counts_differ(_both(expected.unusual), _both(got.unusual)):
            return True
        rarest = min(is_unusual.mean() for is_unusual in expected.unusual)
        if rarest < _FEW:
            return False
    return _correlations_differ(expected, got, near)


def _equal(values: Pair, near: float) -> np.ndarray:
    one, other = values
    return np.asarray(np.abs(one - other) <= near)


def _both(unusual: Pair) -> np.ndarray:
    one, other = unusual
    return np.asarray(one & other)


def _correlations_differ(expected: Side, got: Side, near: float) -> bool:
    from scipy.stats import norm

    expected_z, expected_error = _correlation(expected, near)
    got_z, got_error = _correlation(got, near)
    error = np.hypot(expected_error, got_error)
    deviations = abs(expected_z - got_z) / error
    chance = 2 * norm.sf(deviations)
    return bool(chance < RARE)


def _correlation(side: Side, near: float) -> tuple[float, float]:
    """Fisher's z of the ranks with its standard error; nothing where a quantity is constant."""
    reach = min(map(np.ptp, side.values))
    if reach > near:
        return _fisher_z(*side.ranks())
    pairs = side.values[0].size
    return 0.0, _normal_error(pairs)


def _normal_error(pairs: int) -> float:
    """The standard error of Fisher's z for normal values."""
    return float(1 / np.sqrt(pairs - 3))


def _fisher_z(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """Fisher's z (1915) of the correlation of ranks, Spearman's (1904), and its standard error:
    that of normal values, or, where it is larger, by the influence of each pair (Devlin et al.
    1975).
    """
    u = _standardised(one)
    v = _standardised(other)
    product = u * v
    r = float(np.clip(product.mean(), -_MOST_CORRELATION, _MOST_CORRELATION))
    influence = product - r * (u**2 + v**2) / 2
    seen_error = influence.std() / (1 - r**2) / np.sqrt(one.size)
    z = float(np.arctanh(r))
    error = float(max(_normal_error(one.size), seen_error))
    return z, error


def _standardised(ranks: np.ndarray) -> np.ndarray:
    standardised: np.ndarray = (ranks - ranks.mean()) / ranks.std()
    return standardised
