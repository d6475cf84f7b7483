"""One walk over plain values finds all numbers and changes them, and nothing else."""

import numpy as np
import pytest
import strategies as some
from hypothesis import given

from autograder.audit.numbers_in import arrays_in, is_number, leaves, map_numbers


@pytest.mark.parametrize(
    "value", [0, -3, 2.5, float("nan"), float("inf"), np.float64(1)]
)
def test_a_number(value):
    assert is_number(value)


@pytest.mark.parametrize("value", [True, None, "1", 1j, np.array(1.0), [1]])
def test_no_number(value):
    assert not is_number(value)


def test_leaves_are_arrays_flat_lists_and_numbers_in_order():
    array = np.zeros((2, 3))
    value = {"a": [array, 7, "text"], "b": ([1, 2.5], (), [[3], None]), "c": True}
    found = leaves(value)
    assert found[0] is array
    assert found[1:] == [7, [1, 2.5], (), [3]]


def test_what_is_changed_is_afterwards_what_it_was():
    flags = np.array([True, False])
    value = {"a": [np.array([1, 2]), 7], "b": ([1, 2.5], (3, 4)), "c": [flags, True]}
    changed = map_numbers(value, lambda array: array + 1)
    assert changed["a"][0].tolist() == [2, 3]
    assert changed["a"][1] == 8
    assert changed["b"] == ([2, 3.5], (4, 5))
    assert type(changed["b"][0][0]) is int, "beside a float a whole number stays one"
    assert changed["c"][0] is flags
    assert changed["c"][1] is True


@given(some.plain_values())
def test_a_change_that_changes_nothing_gives_the_same(value):
    kept = map_numbers(value, lambda array: array)
    assert repr(kept) == repr(value)


@pytest.mark.parametrize("value", [2**70, -(2**63) - 1, [2**70, 2**71], (2**70, 1.5)])
def test_numbers_that_no_dtype_holds_stay(value):
    halved = map_numbers(value, lambda array: array / 2)
    assert halved == ((2**70, 0.75) if value == (2**70, 1.5) else value)


def test_what_is_found_is_what_would_be_changed():
    found = arrays_in([2**70, 1.5, np.arange(3), np.array(["a"]), [True], [4, 5]])
    assert [array.tolist() for array in found] == [1.5, [0, 1, 2], [4, 5]]
