"""A named difference is found where it is and nowhere else."""

from __future__ import annotations

import re

import numpy as np
import pytest
import strategies as some
from hypothesis import assume, example, given
from hypothesis import strategies as st

from autograder.judge.differences import differences
from autograder.values.agreement import agree, close

RTOL, ATOL = 1e-4, 1e-5  # what a question has unless it says otherwise


def same(expected, got) -> bool:
    return agree(expected, got, RTOL, ATOL)


def told(expected, got) -> list[str]:
    return differences(expected, got, RTOL, ATOL)


def random_array(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape) + 0.1


@given(some.plain_values(), some.plain_values())
def test_any_two_values_can_be_compared_and_what_disagrees_has_a_difference(one, other):
    if not same(one, other):
        sentences = told(one, other)
        assert sentences
        assert all(sentence and sentence == sentence.strip() for sentence in sentences)


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        (1.0, None),
        (None, 0),
        (None, False),
        ("a", "b"),
        ("1", 1),
        (1, "1"),
        ({"a": 1}, {"b": 1}),
        ({"a": 1}, {"a": 1, "b": 1}),
        ({"a": 1, "b": 1}, {"a": 1}),
        ({"a": 1}, [1]),
        ({1: 1}, {"1": 1}),
        ([1, 2], [1]),
        ([1], [1, 2]),
        (["a", 1], ["a", 2]),
        ([np.ones(2), np.ones(3)], [np.ones(3), np.ones(2)]),
        ([np.ones(2), None], [np.ones(2)]),
        (np.ones(2), "ab"),
        (np.ones(1), None),
        (np.zeros(0), np.zeros((0, 3))),
        (np.array([1 + 1j]), np.array([1 + 0j])),
        (np.array([1.0]), np.array([1 + 1j])),
    ],
    ids=repr,
)
def test_what_is_not_the_same_does_not_agree(expected, got):
    assert not same(expected, got)
    assert told(expected, got)


@given(some.plain_values().filter(lambda value: value is not None))
def test_a_forgotten_return_is_named(expected):
    assert told(expected, None) == [
        "The function returned None. Is a `return` missing?"
    ]


@given(some.seeds, st.integers(2, 9), st.data())
def test_nan_and_infinity_are_counted(seed, size, data):
    e = random_array(seed, size)
    where = data.draw(st.lists(st.integers(0, size - 1), min_size=1, unique=True))
    for odd, word in [(np.nan, "NaN"), (np.inf, "infinite"), (-np.inf, "infinite")]:
        g = e.copy()
        g[where] = odd
        verb = "is" if len(where) == 1 else "are"
        assert told(e, g) == [f"{len(where)} of {size} values {verb} {word}."]


@pytest.mark.parametrize("odd", ["nan", "inf", "-inf"])
def test_of_a_single_number_it_is_told_what_it_is(odd):
    assert told(2.5, float(odd)) == [f"Expected 2.5, got {odd}."]


@given(some.seeds, st.integers(2, 9))
def test_all_zeros_are_named(seed, size):
    assert told(random_array(seed, size), np.zeros(size)) == ["All values are zero."]


def test_the_wrong_value_of_a_number_is_told_whatever_form_it_has():
    for got in [4.5, np.array(4.5), np.array([4.5]), [4.5]]:
        assert told(3.0, got) == ["Expected 3, got 4.5."]


def test_the_entries_of_a_dict_are_told_apart():
    e = {"weight": np.array([1.0, 2.0, 4.0]), "bias": 1.0}
    assert told(e, {"weight": e["weight"]}) == ["Missing: bias."]
    assert told(e, {**e, "extra": 1}) == ["Not expected: extra."]
    assert told(e, {**e, "weight": 0 * e["weight"]}) == ["weight: All values are zero."]
    assert told(e, {"weight": 0 * e["weight"]}) == [
        "weight: All values are zero.",
        "Missing: bias.",
    ]


def test_keys_of_another_type_are_told_apart_from_those_that_they_look_like():
    e = {"0": 1.0, "1": 2.0}
    assert told(e, {0: 1.0, 1: 2.0}) == [
        "The keys should be strings, not whole numbers: '0', for example."
    ]
    assert told(e, {"0": 1.0}) == ["Missing: '1'."]
    assert told({"a b": 1, "c": 2}, {"c": 2}) == ["Missing: a b."]
    assert told({}, {"": 1, 3: 2}) == ["Not expected: '', 3."]


@given(st.integers(-(10**12), 10**12), st.integers(-(10**12), 10**12))
def test_counts_are_told_with_all_their_digits(expected, got):
    if not same(expected, got):
        assert told(expected, got) == [f"Expected {expected}, got {got}."]


@given(some.seeds, st.lists(st.integers(1, 4), min_size=1, max_size=4), st.data())
def test_a_wrong_shape_is_told_and_nothing_is_guessed_from_one_result(
    seed, shape, data
):
    e = random_array(seed, *shape)
    other = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    assume(tuple(other) != e.shape)
    assert told(e, random_array(seed, *other)) == [
        f"The shape should be {e.shape}, not {tuple(other)}."
    ]


def test_the_items_of_a_list_are_told_apart():
    e = [np.ones(2), np.ones((2, 2)), "a"]
    assert told(e, e[1:]) == ["Expected 3 items, got 2."]
    assert told(e, [np.ones(2), np.zeros((2, 2)), "b"]) == [
        "item 1: All values are zero.",
        "item 2: Expected 'a', got 'b'.",
    ]


CLAIMS = {
    r"All values are zero\.": lambda e, g, m: not g.any(),
    r"Expected (-?[\d.]+), got (-?[\d.]+)\.": lambda e, g, m: (
        (float(m[1]), float(m[2])) == (e.item(), g.item())
    ),
    r"(\d+) of (\d+) values (?:are|is) NaN": lambda e, g, m: (
        np.isnan(g).sum() == int(m[1]) and g.size == int(m[2])
    ),
    r"(\d+) of (\d+) values (?:differ; the largest difference is|differs, the one) at "
    r"\[([\d, ]*)\]: expected (\S+), got (\S+)\.$": lambda e, g, m: (
        int(m[1]) == (~np.isclose(e, g, rtol=1e-4, atol=1e-4, equal_nan=True)).sum()
        and np.allclose(
            e[tuple(map(int, m[3].split(", ")))], float(m[4]), rtol=1e-3, equal_nan=True
        )
        and np.allclose(
            g[tuple(map(int, m[3].split(", ")))], float(m[5]), rtol=1e-3, equal_nan=True
        )
        and m[4] != m[5]
    ),
    r"The shape should be \((\d), (\d)\), not \((\d), (\d)\)": lambda e, g, m: (
        (*e.shape, *g.shape) == tuple(map(int, m.groups())) and e.shape != g.shape
    ),
}


def holds(sentence: str, e: np.ndarray, g: np.ndarray) -> bool:
    """Whether what the sentence claims of the two arrays is true; a sentence that no claim
    covers is not.
    """
    found = [
        (match, check)
        for pattern, check in CLAIMS.items()
        if (match := re.match(pattern, sentence))
    ]
    return len(found) == 1 and bool(found[0][1](e, g, found[0][0]))


@given(some.small_integer_arrays, some.small_integer_arrays)
def test_no_sentence_claims_what_is_not_so(e, g):
    """Matrices of few values are often transposed, reversed or shifted by accident: then the
    sentence may say so, and only then.
    """
    if not same(e, g):
        assert all(holds(sentence, e, g) for sentence in told(e, g)), told(e, g)


@given(some.seeds, st.integers(3, 5))
@example(573023, 3)  # where one of nine agrees by chance
def test_unrelated_arrays_get_the_plain_sentence(seed, size):
    one, other = random_array(seed, size, size), random_array(seed + 1, size, size)
    differ = np.count_nonzero(~close(one, other, RTOL, ATOL))
    [sentence] = told(one, other)
    assert sentence.startswith(f"{differ} of {size * size} values differ")


def test_a_last_item_that_is_missing_is_told_if_the_others_are_right():
    e = [np.ones(2), np.ones((2, 2)), np.zeros(3)]
    missing = "The last of 3 items is missing; the others are right."
    assert told(e, e[:2]) == [missing]
    assert told(e, [np.ones(2), np.ones(2)]) == ["Expected 3 items, got 2."]


def test_rows_of_different_lengths_are_told():
    e = np.ones((3, 2))
    assert told(e, [[1.0, 1.0], [1.0], [1.0, 1.0]]) == [
        "Expected an array of shape (3, 2), got a list whose rows have different lengths "
        "(2, 1, 2)."
    ]


@pytest.mark.parametrize(
    ("e", "g", "said"),
    [
        (431080.5, 12.25, "Expected 431080, got 12.25."),
        (431080.0, 12.0, "Expected 431080, got 12."),
        (2e20, 1.5, "Expected 2.000e+20, got 1.5."),
    ],
)
def test_numbers_below_a_million_million_are_written_out(e, g, said):
    assert told(np.array(e), np.array(g)) == [said]


@given(some.small_integer_arrays, some.seeds)
def test_a_sentence_about_arrays_with_nan_is_true_as_well(e, seed):
    e, g = e.copy(), np.random.default_rng(seed).permutation(e.ravel()).reshape(e.shape)
    e.flat[seed % e.size] = np.nan
    assume(e.size > 1 and not same(e, g))
    assert all(holds(sentence, e, g) for sentence in told(e, g)), (told(e, g), e, g)
