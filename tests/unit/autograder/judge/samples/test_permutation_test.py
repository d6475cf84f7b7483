"""The chance that is computed is never smaller than the true one, and hardly larger."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.judge.samples.permutation_test import (
    BUDGET,
    Counted,
    deviations,
    log_chance,
    log_level,
    most_telling,
)

ROUNDED_OFF = 1.25
"""Where nearly no choice is left the approximation may be too small by a fifth."""


def of_ones(ones: int, size: int) -> np.ndarray:
    return (np.arange(size) < ones).astype(float)


def hypergeometric(expected: tuple[int, int], got: tuple[int, int]) -> float:
    """The chance that so many of the ones, or more, or as few, or fewer, fall into the second
    sample; each a pair (ones, size).
    """
    ones, size = expected[0] + got[0], expected[1] + got[1]
    ways = [
        math.comb(ones, k) * math.comb(size - ones, got[1] - k) if k <= ones else 0
        for k in range(got[1] + 1)
    ]
    return min(sum(ways[got[0] :]), sum(ways[: got[0] + 1])) / math.comb(size, got[1])


@given(st.integers(1, 4), st.integers(20, 60), st.floats(0, 1), st.floats(0, 1))
def test_of_ones_and_zeros_it_is_the_hypergeometric_chance(times, size, share, other):
    expected = round(share * size * times), size * times
    got = round(other * size), size
    chance = 2 * hypergeometric(expected, got)
    computed = math.exp(log_chance(of_ones(*expected), of_ones(*got)))
    assert min(chance, 1) / ROUNDED_OFF <= computed <= min(1, 40 * chance)


@given(st.integers(0, 2**32 - 1), st.sampled_from(["normal", "skew", "few"]))
def test_of_any_numbers_it_is_the_share_of_choices(seed, kind):
    rng = np.random.default_rng(seed)
    numbers = {
        "normal": rng.normal(size=13),
        "skew": rng.exponential(size=13) ** 3,
        "few": rng.integers(0, 3, 13).astype(float),
    }[kind]
    size = 4
    middle = size * numbers.mean()
    sums = (
        np.array([sum(choice) for choice in itertools.combinations(numbers, size)])
        - middle
    )
    away = numbers[-size:].sum() - middle
    beyond = (np.sign(away) * sums >= abs(away) - 1e-9).mean()
    computed = math.exp(log_chance(numbers[:-size], numbers[-size:]))
    assert computed >= min(1, 2 * beyond) / 3  # of 13 numbers: more are nearer


def test_what_never_varies_tells_nothing():
    counted = Counted(np.full((40, 3), 7.0), np.full((10, 3), 7.0))
    assert np.array_equal(deviations(counted), np.zeros(3))
    assert most_telling(counted) == (0, 0.0)
    assert log_chance(np.ones(5), np.ones(5)) == 0


@pytest.mark.parametrize("sign", [1, -1])
def test_the_number_that_tells_most_is_found_on_either_side(sign):
    rng = np.random.default_rng(0)
    expected, got = rng.normal(size=(200, 5)), rng.normal(size=(50, 5))
    got[:, 3] += sign * 2
    test, chance = most_telling(Counted(expected, got))
    assert test == 3 and chance < log_level(5)


def test_all_tests_together_have_the_budget():
    assert math.exp(log_level(1)) == pytest.approx(BUDGET)
    assert 400 * math.exp(log_level(400)) == pytest.approx(BUDGET)
