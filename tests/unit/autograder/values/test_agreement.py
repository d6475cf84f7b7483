"""Agreement lets rounding pass and nothing else."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import strategies as some
from hypothesis import assume, given
from hypothesis import strategies as st

from autograder.values.agreement import agree, as_float

RTOL, ATOL = 1e-4, 1e-5  # what a question has unless it says otherwise


def same(expected, got) -> bool:
    return agree(expected, got, RTOL, ATOL)


# --------------------------------------------------------------------------------------------------


@given(some.plain_values())
def test_every_value_agrees_with_itself(value):
    assert same(value, value)


@given(some.arrays_of_numbers(), some.seeds)
def test_float32_noise_passes(expected, seed):
    noise = (
        np.random.default_rng(seed).uniform(-1, 1, expected.shape)
        * np.finfo(np.float32).eps
        * np.abs(expected).max()
    )
    assert same(expected, expected.astype(np.float32))
    assert same(expected, expected + noise)


@given(some.seeds, st.integers(16, 40), st.integers(1, 40), st.integers(-4, 30))
def test_another_order_of_summation_passes(seed, rows, columns, exponent):
    X = (
        np.random.default_rng(seed).normal(size=(rows, columns)) * 10.0**exponent
    ).astype(np.float32)
    backwards = np.zeros(rows, np.float32)
    for column in reversed(range(columns)):
        backwards += X[:, column]
    assert same(X.astype(np.float64).sum(axis=1), backwards)


@given(some.arrays_of_numbers())
def test_one_part_in_a_thousand_fails(expected):
    assert not same(expected, expected * 1.001)
    one_off = expected.copy()
    one_off.flat[np.abs(expected).argmax()] *= 0.999
    assert not same(expected, one_off)


def test_below_a_thousandth_the_tolerance_is_absolute():
    assert same(np.zeros(3), np.full(3, 1e-9))
    assert not same(np.zeros(3), np.full(3, 1e-7))


@given(st.integers(-(10**6), 10**6), st.integers(-3, 3).filter(bool))
def test_a_whole_number_is_never_nearly_right(number, off):
    assert (
        same(number, number)
        and same(number, float(number))
        and same(np.array([number]), [number])
    )
    assert not same(number, number + off)
    assert not same(np.array([number, 10**7]), np.array([number + off, 10**7]))


@given(some.arrays_of_numbers(max_dims=3), some.arrays_of_numbers(max_dims=3))
def test_arrays_of_other_shapes_never_agree(one, other):
    assume(one.shape != other.shape and not (one.shape == () and other.shape == (1,)))
    assert not same(one, np.full(other.shape, one.flat[0]))
    assert not same(np.ones(one.shape), np.ones(other.shape))


@pytest.mark.parametrize("expected", [(3, 3), (1, 3), (3,), (3, 1, 1), (1,)])
def test_nothing_is_broadcast(expected):
    for got in [(3, 1), (), (1, 1)]:
        assert not same(np.ones(expected), np.ones(got))


def test_a_vector_of_one_stands_for_a_number_but_not_the_other_way_round():
    assert (
        same(2.0, np.array([2.0]))
        and same(np.array(2.0), [2.0])
        and same({"loss": 2.0}, {"loss": np.array([2.0])})
    )
    assert not same(np.array([2.0]), 2.0)
    assert not same(2.0, np.array([[2.0]])) and not same(2.0, np.array([2.0, 2.0]))


def test_the_numbers_of_a_tuple_may_be_vectors_of_one():
    """MXNet has no arrays without dimensions: its mean and variance are two vectors of one."""
    assert same((1.0, 2.0), (np.array([1.0]), np.array([2.0])))
    assert same((1.0, 2.0), [np.array([1.0]), 2.0])
    assert not same((1.0, 2.0), (np.array([2.0]), np.array([1.0])))
    assert not same((1.0, 2.0), np.array([[1.0], [2.0]]))


def listed(array, number):
    """`array` as lists in lists, each of its numbers made by `number`."""
    if array.ndim == 0:
        return number(array)
    return [listed(row, number) for row in array]


@given(some.arrays_of_numbers(max_dims=3))
def test_numbers_in_lists_in_lists_may_be_vectors_of_one(expected):
    vectors = listed(expected, lambda number: number.reshape(1))
    assert same(expected, vectors) and same(expected.tolist(), vectors)
    mixed = [*vectors[:1], *expected[1:].tolist()] if expected.ndim else vectors
    assert same(expected, mixed)
    # an axis of one in an array, or one more list, is no number
    assert not same(expected, expected[..., None]) or expected.ndim == 0
    assert not same(expected, listed(expected, lambda number: number.reshape(1, 1)))
    assert not same(expected[..., None], expected) or expected.ndim == 0


def test_vectors_of_one_that_are_expected_stay_vectors():
    column = np.array([[1.0], [2.0]])
    assert same(column, [np.array([1.0]), np.array([2.0])]) and not same(
        column, [1.0, 2.0]
    )


@pytest.mark.parametrize("shape", [(0,), (0, 3), (2, 0), (2, 0, 3), (0, 0)])
def test_lists_stand_for_every_array_without_numbers(shape):
    expected = np.zeros(shape)
    assert same(expected, expected.tolist()) and same(expected, expected)
    assert not same(expected, [1.0]) and not same(np.ones((1, 3)), [])
    assert not same(expected, np.zeros((*shape, 4)))


def test_the_tolerance_of_a_zero_comes_from_the_whole_result():
    """Of an interval whose lower end is 0, float32 leaves the rounding of the upper one."""
    for noise in (2.5e-8, -6e-8):
        assert same((0.0, 0.25), (noise, 0.25)) and same((1e-18, 0.25), [noise, 0.25])
        assert same(
            {"low": 0.0, "rest": [np.ones(3)]}, {"low": noise, "rest": [np.ones(3)]}
        )
        assert not same((0.0, 0.001), (noise, 0.001))
    assert not same((0.0, 0.25), (1e-5, 0.25))


def test_a_small_number_beside_a_large_one_keeps_its_own_tolerance():
    assert not same({"a": 1e-4, "b": 1000.0}, {"a": 1.1e-4, "b": 1000.0})
    assert not same(
        {"a": np.array([0, 2]), "b": 10**6}, {"a": np.array([0.4, 2]), "b": 10**6}
    )


@given(st.lists(st.floats(-1e6, 1e6, allow_subnormal=False), max_size=5))
def test_lists_tuples_and_vectors_of_numbers_stand_for_each_other(numbers):
    forms = [numbers, tuple(numbers), np.array(numbers, np.float64)]
    assert all(same(one, other) for one in forms for other in forms)


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_agree_only_with_themselves(odd):
    others = {np.inf, -np.inf, 0.0, 1e308} - {odd}
    assert same(odd, odd) and same(np.array([odd, 1.0]), np.array([odd, 1.0]))
    for other in [*others, *([] if np.isnan(odd) else [np.nan])]:
        assert not same(odd, other) and not same(other, odd)
        assert not same(np.array([odd, 1.0]), np.array([other, 1.0]))
    assert not same(np.array([odd, 1.0]), np.array([odd, 1.1]))


def test_numbers_beyond_64_bits_are_infinite_rather_than_an_error():
    assert (
        same(10**400, 10**400)
        and not same(1, 10**400)
        and not same(-(10**400), 10**400)
    )


def test_a_nan_that_signals_is_compared_without_a_warning():
    signalling = np.array([0x7F800001], np.uint32).view(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(as_float(signalling)).all()
