"""What all wrong results have in common is said where it holds for all of them, where inputs of two
sizes show it, and nowhere else.
"""

from __future__ import annotations

import re

import numpy as np
import pytest
import strategies as some
from hypothesis import assume, given
from hypothesis import strategies as st

from autograder.judge.diagnosis.relations import Result, relation, relations

RTOL, ATOL = 1e-4, 1e-5  # what a question has unless it says otherwise


def random_array(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape) + 0.1


def common(mistake, *expected, seen=None) -> str:
    """What is said where `mistake` is made of each of the expected results."""
    inputs = seen or expected
    wrong = [Result(e, mistake(e), (x,)) for e, x in zip(expected, inputs, strict=True)]
    return relation(wrong, RTOL, ATOL)


def arrays_of(seed: int, *shapes: tuple[int, ...]) -> list[np.ndarray]:
    return [random_array(seed + place, *shape) for place, shape in enumerate(shapes)]


def flipped(axis):
    return lambda e: np.flip(e, axis)


def with_other_border(e):
    g = e + 1.0
    g[..., 1:-1, 1:-1] = e[..., 1:-1, 1:-1]
    return g


MISTAKES = {
    "transposed": (lambda e: np.swapaxes(e, -1, -2), "The result is transposed"),
    "sign": (lambda e: -e, "The sign is wrong"),
    "twice": (lambda e: 2 * e, "Every value is 2 times what is expected"),
    "a ninth": (lambda e: e / 9, "Every value is 1/9 of what is expected"),
    "times the rows": (
        lambda e: len(e) * e,
        "All values of a result are off by one factor",
    ),
    "too large": (lambda e: e + 0.25, "Every value is 0.25 too large"),
    "too small": (lambda e: e - 128, "Every value is 128 too small"),
    "first axis": (flipped(0), "The result is reversed along axis 0"),
    "last axis": (flipped(1), "The result is reversed along axis 1"),
    "border": (with_other_border, "Only the border is off"),
    "one axis more": (lambda e: e[None], "The values are right; only the shape is not"),
    "a row less": (lambda e: e[1:] + 1, "The result has one row or column too few"),
    "both less": (lambda e: e[1:, 1:] + 1, "The result has one row or column too few"),
    "a column more": (
        lambda e: np.pad(e, ((0, 0), (0, 1))) + 1,
        "The result has one row or column too many",
    ),
}


@pytest.mark.parametrize(("mistake", "said"), MISTAKES.values(), ids=MISTAKES)
@given(some.seeds)
def test_what_two_inputs_of_different_sizes_show_is_said(mistake, said, seed):
    one, other = arrays_of(seed, (4, 6), (7, 5))
    larger = arrays_of(seed, (8, 8), (9, 9))
    assert common(mistake, one, other, seen=larger).startswith(said)


@pytest.mark.parametrize(("mistake", "said"), MISTAKES.values(), ids=MISTAKES)
@given(some.seeds)
def test_what_one_input_shows_may_be_chance(mistake, said, seed):
    one, again = arrays_of(seed, (4, 6), (4, 6))
    assert common(mistake, one) == ""
    assert common(mistake, one, again) == "", "two inputs of one size show no more"


@pytest.mark.parametrize(("mistake", "said"), MISTAKES.values(), ids=MISTAKES)
@given(some.seeds)
def test_what_does_not_hold_for_every_wrong_result_is_not_said(mistake, said, seed):
    one, other, third = arrays_of(seed, (4, 6), (7, 5), (6, 4))
    wrong = [Result(e, mistake(e), (e,)) for e in (one, other)]
    unrelated = Result(third, random_array(seed + 9, 6, 4), (third,))
    assert relation([*wrong, unrelated], RTOL, ATOL) == ""


@pytest.mark.parametrize(("mistake", "said"), MISTAKES.values(), ids=MISTAKES)
def test_inputs_of_a_single_pixel_show_nothing(mistake, said):
    """A kernel that is not used is a factor where it is one number."""
    ones = [np.full((1, 1), number) for number in (2.0, 3.5)]
    assert not common(mistake, random_array(0, 4, 6), *ones).startswith(said)


@given(some.seeds, st.sampled_from([np.int64, np.uint8]))
def test_values_that_lost_their_fraction_are_named(seed, dtype):
    one, other = (
        np.random.default_rng(seed + k).uniform(0, 200, 6 + k) for k in range(2)
    )
    assert common(lambda e: e.astype(dtype), one, other) == (
        "The values are whole numbers: they were rounded or stored as integers on the way."
    )


@given(some.seeds)
def test_zeros_and_ones_are_not_called_rounded(seed):
    """An interval that ends at 0 or 1, an indicator without its softmax."""
    one, other = (
        np.random.default_rng(seed + k).uniform(0, 1, 6 + k) for k in range(2)
    )
    assert "whole" not in common(np.rint, one, other)
    assert "whole" not in common(lambda e: np.eye(len(e))[0], one, other)


def test_a_batch_or_a_list_that_is_short_by_one_is_no_matter_of_windows():
    """Windows leave rows and columns; images and channels are counted otherwise."""
    for shapes in [((2, 3, 5, 6), (4, 3, 7, 8)), ((5,), (7,))]:
        images = arrays_of(0, *shapes)
        assert "row or column" not in common(lambda e: e[1:] + 1, *images)
    counts = arrays_of(0, (5, 6), (7, 8))
    assert "row" not in common(
        lambda e: e[1:] + 1, *counts, seen=[np.ones(3), np.ones(4)]
    )


@given(some.seeds, st.sampled_from([2.0, 0.5, 9.0, 1 / 9, -3.0, 255.0, 1.002]))
def test_a_constant_factor_is_named_with_its_size(seed, factor):
    sentence = common(lambda e: e * factor, *arrays_of(seed, (5,), (8,)))
    stated = re.match(
        r"Every value is (?:1/(-?\d+) of|(-?[\d.]+) times) what is expected", sentence
    )
    assert stated
    told = 1 / int(stated[1]) if stated[1] else float(stated[2])
    assert told == pytest.approx(factor, rel=1e-3)


@given(some.seeds, st.integers(3, 6))
def test_single_numbers_show_it_together(seed, count):
    numbers = random_array(seed, count).tolist()
    assume(len(np.unique(np.round(numbers, 3))) == count)
    assert common(lambda e: e / 4, *numbers).startswith("Every value is 1/4 of")
    assert common(lambda e: e + 1, *numbers).startswith("Every value is 1 too large")
    assert common(lambda e: -e, *numbers).startswith("The sign is wrong")
    assert common(lambda e: e / 4, *numbers[:2]) == ""


def test_few_whole_numbers_have_a_factor_by_chance():
    assert common(lambda e: 2 * e, 1, 2, 3) == ""
    assert common(lambda e: 2 * e, 1, 2, 3, 5).startswith("Every value is 2 times")


def test_parts_are_told_apart():
    one, other = ({"weight": random_array(k, 2 + k, 3), "bias": 1.0} for k in range(2))
    wrong = [
        Result(e, {**e, "weight": -e["weight"]}, (e["weight"],)) for e in (one, other)
    ]
    assert relations(wrong, RTOL, ATOL) == [
        "weight: The sign is wrong: every value is the negative of what is expected."
    ]
    wrong = [
        Result([e["weight"], e["bias"]], [2 * e["weight"], e["bias"]], (e["weight"],))
        for e in (one, other)
    ]
    assert relations(wrong, RTOL, ATOL) == [
        "item 0: Every value is 2 times what is expected: a constant factor is off."
    ]


@given(st.lists(st.tuples(some.plain_values(), some.plain_values()), max_size=3))
def test_any_results_can_be_looked_at(pairs):
    for sentence in relations([Result(*pair) for pair in pairs], RTOL, ATOL):
        assert sentence == sentence.strip()


def test_noise_far_below_the_scale_is_not_called_a_factor():
    assert common(lambda e: 1e-10 * np.cos(9 * e), *arrays_of(0, (8,), (9,))) == ""


def test_beside_a_count_of_billions_one_of_thousands_is_no_factor():
    """A slip that shows in one of three counts only: no factor holds for all of them."""
    counts = [
        Result(e, g, (e,))
        for e, g in [(5280, 9680), (37180, 40560), (10**11, 9 * 10**10)]
    ]
    assert relation(counts, RTOL, ATOL) == ""


def test_what_is_nearly_right_is_off_by_no_factor():
    """Whole numbers are compared exactly: 20 biases too many are no factor of 1.00007."""
    counts = [Result(e, e * 1.00007, (e,)) for e in (288000.0, 156000.0, 840000.0)]
    assert "factor" not in relation(counts, RTOL / 100, ATOL)


def test_a_table_that_no_window_made_has_no_border():
    """Counts of classes: the last row was never filled."""
    tables = arrays_of(0, (4, 4), (6, 6))
    assert "border" in common(with_other_border, *tables)
    assert "border" not in common(
        with_other_border, *tables, seen=[np.arange(9), np.arange(7)]
    )


CONSTANTS = ("twice", "a ninth", "too large", "too small")


@pytest.mark.parametrize("kind", CONSTANTS)
@given(some.seeds)
def test_a_right_result_speaks_against_a_constant(kind, seed):
    """Who adds a constant does so on every input."""
    mistake, said = MISTAKES[kind]
    one, other, third = arrays_of(seed, (4, 6), (7, 5), (6, 4))
    results = [Result(e, mistake(e), (e,)) for e in (one, other)]
    assert relation(results, RTOL, ATOL).startswith(said)
    with_a_right_one = [*results, Result(third, third, (third,))]
    assert not relation(with_a_right_one, RTOL, ATOL).startswith(said)


@pytest.mark.parametrize("kind", sorted(MISTAKES.keys() - CONSTANTS))
def test_what_is_no_constant_may_be_made_on_some_inputs_only(kind):
    """A sign that is forgotten when minimising."""
    mistake, said = MISTAKES[kind]
    one, other, third = arrays_of(0, (4, 6), (7, 5), (6, 4))
    larger = arrays_of(0, (8, 8), (9, 9))
    results = [
        Result(e, mistake(e), (x,)) for e, x in zip((one, other), larger, strict=True)
    ]
    right = Result(third, third, (third,))
    assert relation([*results, right], RTOL, ATOL).startswith(said)


@pytest.mark.parametrize("right", [0.0, np.zeros(3), None, np.array([np.nan])])
def test_a_right_result_that_a_factor_leaves_alone_speaks_against_none(right):
    results = [Result(e, 4 * e, (e,)) for e in (0.5, 1.25, 2.75)]
    results.append(Result(right, right, (right,)))
    assert relation(results, RTOL, ATOL).startswith("Every value is 4 times")


def test_a_right_number_speaks_against_a_constant():
    """Epochs that are paid again, always the same five, where a configuration is number 0."""
    results = [Result(e, e + 5, (e,)) for e in (310, 322, 341, 352)]
    assert relation(results, RTOL, ATOL).startswith("Every value is 5 too large")
    assert relation([*results, Result(10, 10, (1,))], RTOL, ATOL) == ""


def test_a_part_that_is_right_elsewhere_speaks_against_a_constant():
    arrays = arrays_of(0, (4, 6), (7, 5), (6, 4))
    results = [Result([e, -e], [e + 2, e], (e,)) for e in arrays[:2]]
    larger = "item 0: Every value is 2 too large: a constant is added or missing."
    negative = (
        "item 1: The sign is wrong: every value is the negative of what is expected."
    )
    assert relations(results, RTOL, ATOL) == [larger, negative]
    last = arrays[2]
    results.append(Result([last, -last], [last, last], (last,)))
    assert relations(results, RTOL, ATOL) == [negative]
