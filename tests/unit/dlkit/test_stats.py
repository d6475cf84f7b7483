"""The interval is the textbook's, axis by axis, and holds the truth as often as it says."""

import numpy as np
import pytest

from dlkit.stats import interval


def test_five_values_by_hand():
    mean, half = interval([1.0, 2.0, 3.0, 4.0, 5.0])
    assert (mean, half) == (3.0, pytest.approx(2.776445 * np.sqrt(2.5 / 5)))


def test_each_column_has_its_own():
    values = np.random.default_rng(0).normal(size=(6, 2, 3))
    mean, half = interval(values)
    assert mean.shape == half.shape == (2, 3)
    assert (mean[1, 2], half[1, 2]) == interval(values[:, 1, 2])


def test_it_holds_the_truth_in_95_of_a_hundred():
    draws = np.random.default_rng(1).normal(7, 2, (3, 20_000))
    mean, half = interval(draws)
    assert np.mean(np.abs(mean - 7) <= half) == pytest.approx(0.95, abs=0.01)


@pytest.mark.parametrize("values", [[], [1.0], 3.0])
def test_fewer_than_two_are_refused(values):
    with pytest.raises(ValueError, match="at least 2"):
        interval(values)
