"""One test tells two samples of a random operation apart, whatever is looked at.

A sample is a number of calls, each with a generator of its own; within a call anything may depend
on anything. What is looked at is a number for each call: how many of its images lie here, how many
pairs are equal. If both samples are of one distribution, every choice of calls among those of both
is as likely to be the second sample, and how likely a sum at least as far from its mean is follows
from the numbers alone (Fisher's and Pitman's permutation test). Nothing is taken for granted about
the operation, and nothing about how the numbers are distributed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BUDGET = 1e-7
"""The chance that a right answer is refused on one input, all that is looked at together. With at
most ten inputs a check refuses one of a million right answers at worst.
"""

SURELY_COMMON = 4.0
"""What lies nearer than so many standard deviations is far from rare and not looked at again."""

_CANDIDATES = 8
"""So many of the numbers that deviate most are tested: their order is nearly that of chances."""

_STEPS = 60
_SMALL_GAIN = 1e-6
_FAR_ENOUGH = 300.0
"""Of chances below e ** -300 nobody needs to know more."""

_HALVINGS = 30


@dataclass(frozen=True, eq=False)
class Counted:
    """What is looked at: a number for each call and each test; (calls, tests) each."""

    expected: np.ndarray
    got: np.ndarray

    @property
    def tests(self) -> int:
        return int(self.expected.shape[1])


def log_level(tests: int) -> float:
    """The logarithm of the chance that each of so many tests may have (Bonferroni 1936)."""
    return float(np.log(BUDGET / max(tests, 1)))


def deviations(counted: Counted) -> np.ndarray:
    """By how many standard deviations the sums of the second sample differ from what a choice of
    calls at random would have.
    """
    calls = len(counted.got)
    pooled = np.concatenate([counted.expected, counted.got]).astype(float)
    total = len(pooled)
    middle = pooled.mean(axis=0)
    # Of a sum of so many that are drawn without putting back.
    others = total - calls
    variance = pooled.var(axis=0) * calls * others / max(total - 1, 1)
    away = counted.got.sum(axis=0) - calls * middle
    scale = np.abs(pooled).max(axis=0, initial=0)
    least = 1e-9 * np.maximum(scale, 1)
    varies = variance > least**2
    deviation = np.sqrt(np.where(varies, variance, 1))
    found: np.ndarray = np.where(varies, away / deviation, 0)
    return found


def most_telling(counted: Counted) -> tuple[int, float]:
    """Which test is the least likely, and the logarithm of its chance: 0 where all are likely."""
    away = np.abs(deviations(counted))
    order = np.argsort(-away)[:_CANDIDATES]
    chosen, least = 0, 0.0
    for test in order:
        if away[test] < SURELY_COMMON:
            break
        chance = log_chance(counted.expected[:, test], counted.got[:, test])
        if chance < least:
            chosen, least = int(test), chance
    return chosen, least


def log_chance(expected: np.ndarray, got: np.ndarray) -> float:
    """The logarithm of the chance that calls chosen at random have a sum at least as far from the
    mean, on either side.

    It is computed too large rather than too small: the exponential part of the saddlepoint
    approximation (Robinson 1982), without the factor that makes it some ten times smaller where
    there is much to choose from.
    """
    pooled = np.concatenate([expected, got]).astype(float)
    spread = pooled.std()
    if spread == 0:
        return 0.0
    values = (pooled - pooled.mean()) / spread
    total = float(values[len(expected) :].sum())
    side = np.sign(total) or 1.0
    of_one_side = -_exponent(side * values, side * total, len(got))
    of_both_sides = float(np.log(2)) + of_one_side
    return min(0.0, of_both_sides)


def _exponent(values: np.ndarray, total: float, count: int) -> float:
    """The largest of ``a * total + b * count - K(a, b)``, where K is the logarithm of the moments'
    generating function if each value were chosen by itself with the same probability. Every (a, b)
    gives a bound, so that a search that ends early makes the chance larger.
    """
    share = count / len(values)
    sides = np.stack([values, np.ones_like(values)])
    wanted = np.array([total, count])
    at = np.zeros(2)
    best, chosen = _bound(at, sides, wanted, share)
    for _ in range(_STEPS):
        step = _newton_step(sides, wanted, chosen)
        gain = 0.0
        for _ in range(_HALVINGS):
            value, chances = _bound(at + step, sides, wanted, share)
            gain = value - best
            if gain > 0:
                break
            step = step / 2
        if gain <= 0:
            break
        at = at + step
        best = value
        chosen = chances
        if gain < _SMALL_GAIN or best > _FAR_ENOUGH:
            break
    return best - _narrowed(chosen, share)


def _newton_step(
    sides: np.ndarray, wanted: np.ndarray, chosen: np.ndarray
) -> np.ndarray:
    """From where each value is chosen with these probabilities to where the bound is largest, if
    it were a parabola.
    """
    gradient = wanted - sides @ chosen
    variances = chosen * (1 - chosen)
    curvature = (sides * variances) @ sides.T
    step: np.ndarray = np.linalg.lstsq(curvature, gradient, rcond=1e-12)[0]
    return step


def _narrowed(chosen: np.ndarray, share: float) -> float:
    """The logarithm of how much narrower the number of chosen values is distributed than without
    the wish: what Stirling's formula leaves out where nearly no choice is left.
    """
    count = len(chosen)
    before = 2 * np.pi * count * share * (1 - share)
    variances = chosen * (1 - chosen)
    now = 2 * np.pi * variances.sum()
    narrower = np.log(before / max(now, 1.0)) / 2
    return float(max(0.0, narrower))


def _bound(
    at: np.ndarray, sides: np.ndarray, wanted: np.ndarray, share: float
) -> tuple[float, np.ndarray]:
    """What `_exponent` makes as large as possible, and how likely each value is chosen there."""
    exponents = np.clip(at @ sides, -500, 500)
    odds = share * np.exp(exponents)
    whole = 1 - share + odds
    bound = float(at @ wanted - np.log(whole).sum())
    return bound, odds / whole
