"""The audit says which kinds of input a question never tries."""

import numpy as np
import pytest

from autograder.audit.untried import never_tried

PLAIN = (np.array([[0.5, 1.5], [2.5, 3.5]]), 2)


def untried(*inputs, results=()):
    return never_tried(inputs, results)


@pytest.mark.parametrize(
    ("kind", "args"),
    [
        ("an empty array or list", (np.zeros((0, 2)), 2)),
        ("an empty array or list", ([], 2)),
        ("a single item", (np.ones((1, 2)), 2)),
        ("a single item", ([7], 2)),
        ("more than 10 items", (np.ones((2, 11)), 2)),
        ("more than 100 items", (list(range(101)), 2)),
        ("more than 10 items", ([0.5, float("nan")] * 6, 2)),
        ("a number 0", (np.ones((2, 2)), 0)),
        ("a number 0", ({"momentum": 0.0},)),
        ("a 0 in an array", (np.array([0.0, 1.0]), 2)),
        ("a negative value", (np.array([1.0, 2.0]), -3)),
        ("a value beyond 100", (np.array([1.0, -101.0]), 2)),
        ("equal values", (np.array([1.0, 3.0, 1.0]), 2)),
        ("values that nearly agree", (np.array([1.0, 1.00001]), 2)),
        ("a matrix that is not square", (np.ones((2, 3)), 2)),
    ],
)
def test_a_kind_is_listed_until_an_input_is_of_it(kind, args):
    assert kind in untried(PLAIN)
    assert kind not in untried(PLAIN, args)


@pytest.mark.parametrize(
    ("kind", "result"),
    [
        ("a result with an axis of length 1", np.ones((1, 3))),
        ("a count above 255", np.array([256, 1])),
        ("a count above 255", 300),
        ("a negative result", np.array([-0.5])),
        ("a result of 0", 0.0),
        ("a result of 0", np.array([[0, 1]])),
    ],
)
def test_a_kind_of_result_is_listed_until_one_is_of_it(kind, result):
    plain = np.array([[1, 2], [3, 4]])
    assert kind in untried(results=[plain])
    assert kind not in untried(results=[plain, result])


def test_what_cannot_be_of_a_kind_is_not_asked_for():
    assert untried(("a text", {"key": "value"})) == ()
    assert "equal values" not in untried((1.0, 2.0))
    assert "a count above 255" not in untried(results=[np.array([0.5])])


@pytest.mark.parametrize(
    "odd", [np.array([np.nan, np.inf]), np.array([True, False]), None, b"x"]
)
def test_odd_values_are_no_error(odd):
    assert isinstance(untried((odd,), results=[odd]), tuple)


def test_equal_zeros_are_no_neighbours():
    assert "values that nearly agree" in untried((np.zeros(5),))
