"""The habits that near misses of right answers have."""

import numpy as np
import pytest

from autograder.audit.near_misses import OF_ARGUMENTS, OF_RESULTS
from autograder.audit.numbers_in import map_numbers

HABITS = OF_ARGUMENTS | OF_RESULTS


@pytest.mark.parametrize(
    ("habit", "value", "changed"),
    [
        ("without its sign", [-1, 2], [1, 2]),
        ("three places", [0.12345, 2.0], [0.123, 2.0]),
        ("nearly agree", [1.00001, 1.0, 0.0], [1.0, 1.0, 0.0]),
        ("nearly agree", [123456.0, -1.00001], [123500.0, -1.0]),
        ("as if nothing", 0, 1),
        ("as if nothing", 0.0, 1.0),
        ("as if nothing", [0.0, 2.0], [0.0, 2.0]),
        ("the first row of {} only", [5, 6, 7], [5, 5, 5]),
        ("the first row of {} only", [], []),
        ("the last row of {} only", [5, 6, 7, 8], [5, 5, 5, 8]),
        ("eight bits", [255, 256, 300], [255, 0, 44]),
        ("eight bits", [256.5], [256.5]),
        ("below 0", -2.5, 0.0),
        ("above 1", [0.5, 3.0], [0.5, 1.0]),
    ],
)
def test_a_habit_changes_what_it_says(habit, value, changed):
    (change,) = [change for name, change in HABITS.items() if habit in name]
    assert map_numbers(value, change) == pytest.approx(changed, rel=1e-6)


@pytest.mark.parametrize("order", ["first", "last"])
def test_equal_values_are_put_in_an_order(order):
    change = OF_ARGUMENTS[f"takes the {order} of equal values of {{}} for the largest"]
    values = np.array([3.0, 1.0, 3.0])
    assert np.argmax(change(values)) == (0 if order == "first" else 2)
    assert np.allclose(change(values), values)


@pytest.mark.parametrize("habit", HABITS)
@pytest.mark.parametrize(
    "value",
    [
        np.zeros((0, 3)),
        np.float32([[1, np.nan], [np.inf, -1]]),
        np.array(2.5),
        [],
        7,
        True,
        None,
        "text",
    ],
)
def test_no_value_breaks_a_habit_or_changes_its_kind(habit, value):
    changed = map_numbers({"a": [value]}, HABITS[habit])["a"][0]
    assert type(changed) is type(value)
    assert np.shape(changed) == np.shape(value)
    assert np.asarray(changed).dtype == np.asarray(value).dtype
