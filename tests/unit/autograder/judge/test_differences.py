"""A named difference is found where it is and nowhere else."""

from __future__ import annotations

import re

import numpy as np
import pytest
import strategies as some
from hypothesis import assume, given
from hypothesis import strategies as st

from autograder.judge.differences import differences
from autograder.values.agreement import agree

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


@given(some.seeds, st.integers(2, 6), st.integers(2, 6))
def test_a_transpose_is_named(seed, rows, columns):
    e = random_array(seed, rows, columns)
    [*_, sentence] = told(e, e.T)
    assert "transposed" in sentence
    if rows != columns:
        assert (
            told(e, e.T)[0] == f"The shape should be ({rows}, {columns}), not ({columns}, {rows})."
        )


@given(some.seeds, some.shapes.filter(lambda shape: np.prod(shape) > 1))
def test_a_wrong_sign_is_named(seed, shape):
    e = random_array(seed, *shape)
    assert told(e, -e) == ["The sign is wrong: every value is the negative of what is expected."]


@given(some.seeds, st.integers(3, 30), st.sampled_from([2.0, 0.5, 9.0, 1 / 9, -3.0, 255.0, 1.002]))
def test_a_constant_factor_is_named_with_its_size(seed, size, factor):
    e = random_array(seed, size)
    [sentence] = told(e, e * factor)
    stated = re.match(
        r"Every value is (?:1/(-?\d+) of|(-?[\d.]+) times) what is expected", sentence
    )
    assert stated
    assert (1 / int(stated[1]) if stated[1] else float(stated[2])) == pytest.approx(
        factor, rel=1e-3
    )
    assert stated[0] != "Every value is 1 times what is expected"


@given(some.seeds, st.integers(3, 30), st.sampled_from([1.0, -1.0, 0.25, 128.0]))
def test_a_constant_offset_is_named_with_its_size(seed, size, offset):
    e = random_array(seed, size)
    assert told(e, e + offset) == [
        f"Every value is {abs(offset):g} too "
        f"{'large' if offset > 0 else 'small'}: a constant is added or missing."
    ]


@given(some.seeds, st.lists(st.integers(2, 5), min_size=1, max_size=3), st.data())
def test_a_reversed_axis_is_named(seed, shape, data):
    e, axis = random_array(seed, *shape), data.draw(st.integers(0, len(shape) - 1))
    assert told(e, np.flip(e, axis)) == [f"The result is reversed along axis {axis}."]


@given(some.seeds, st.integers(4, 7), st.integers(4, 7), st.integers(0, 2))
def test_a_wrong_border_is_named(seed, rows, columns, planes):
    e = random_array(seed, *([2] * planes), rows, columns)
    g = np.random.default_rng(seed + 1).normal(size=e.shape)
    g[..., 1:-1, 1:-1] = e[..., 1:-1, 1:-1]
    assert told(e, g)[0].startswith("Only the border is off")


@given(
    some.seeds,
    st.integers(2, 6),
    st.integers(2, 6),
    st.sampled_from([(1, 0), (0, 1), (-1, -1), (1, 1), (0, -1)]),
)
def test_a_shape_that_is_off_by_one_is_named(seed, rows, columns, off):
    got = random_array(seed, rows + off[0], columns + off[1])
    assume(sorted(got.shape) != sorted((rows, columns)))
    sentences = told(random_array(seed, rows, columns), got)
    assert sentences[0] == f"The shape should be {(rows, columns)}, not {got.shape}."
    assert sentences[1].startswith("It is off by one")


@given(some.seeds, st.integers(2, 4), st.integers(2, 4))
def test_right_values_in_a_wrong_shape_are_named(seed, rows, columns):
    e = random_array(seed, rows, columns)
    assert told(e, e.reshape(1, rows, columns))[1] == "The values are right; only the shape is not."


@given(some.seeds, st.integers(6, 40), st.sampled_from([np.int64, np.uint8]))
def test_values_that_lost_their_fraction_are_named(seed, size, dtype):
    e = np.random.default_rng(seed).uniform(0, 200, size)
    assert told(e, e.astype(dtype)) == [
        "The values are whole numbers: they were rounded or stored as integers on the way."
    ]


@given(some.plain_values().filter(lambda value: value is not None))
def test_a_forgotten_return_is_named(expected):
    assert told(expected, None) == ["The function returned None. Is a `return` missing?"]


@given(some.seeds, st.integers(2, 9), st.data())
def test_nan_and_infinity_are_counted(seed, size, data):
    e = random_array(seed, size)
    where = data.draw(st.lists(st.integers(0, size - 1), min_size=1, unique=True))
    for odd, word in [(np.nan, "NaN"), (np.inf, "infinite"), (-np.inf, "infinite")]:
        g = e.copy()
        g[where] = odd
        assert told(e, g) == [f"{len(where)} of {size} values are {word}."]


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
    assert told(e, {**e, "weight": -e["weight"]}) == [
        "weight: The sign is wrong: every value is the negative of what is expected."
    ]


def test_the_items_of_a_list_are_told_apart():
    e = [np.ones(2), np.ones((2, 2)), "a"]
    assert told(e, e[:2]) == ["Expected 3 items, got 2."]
    assert told(e, [np.ones(2), np.zeros((2, 2)), "b"]) == [
        "item 1: All values are zero.",
        "item 2: Expected 'a', got 'b'.",
    ]


CLAIMS = {
    r"All values are zero\.": lambda e, g, m: not g.any(),
    r"The sign is wrong": lambda e, g, m: np.allclose(g, -e, rtol=1e-3, atol=1e-3),
    r"The result is transposed": lambda e, g, m: np.allclose(g, e.T, rtol=1e-3, atol=1e-3),
    r"The result is reversed along axis (\d)": lambda e, g, m: np.allclose(
        g, np.flip(e, int(m[1])), rtol=1e-3, atol=1e-3
    ),
    r"Every value is 1/(-?\d+) of": lambda e, g, m: np.allclose(
        g, e / int(m[1]), rtol=1e-3, atol=1e-3
    ),
    r"Every value is (-?[\d.]+) times": lambda e, g, m: np.allclose(
        g, e * float(m[1]), rtol=1e-3, atol=1e-3
    ),
    r"Every value is ([\d.]+) too large": lambda e, g, m: np.allclose(
        g, e + float(m[1]), rtol=1e-3, atol=1e-3
    ),
    r"Every value is ([\d.]+) too small": lambda e, g, m: np.allclose(
        g, e - float(m[1]), rtol=1e-3, atol=1e-3
    ),
    r"Only the border is off": lambda e, g, m: np.allclose(
        g[..., 1:-1, 1:-1], e[..., 1:-1, 1:-1], rtol=1e-3, atol=1e-3
    ),
    r"Expected (-?[\d.]+), got (-?[\d.]+)\.": lambda e, g, m: (
        (float(m[1]), float(m[2])) == (e.item(), g.item())
    ),
    r"(\d+) of (\d+) values are NaN": lambda e, g, m: (
        np.isnan(g).sum() == int(m[1]) and g.size == int(m[2])
    ),
    r"(\d+) of (\d+) values differ; the largest difference is at "
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
    r"The values are right but transposed": lambda e, g, m: np.array_equal(e, g.T),
    r"The values are right; only the shape is not": lambda e, g, m: np.array_equal(
        e.ravel(), g.ravel()
    ),
    r"The sizes are right but the axes are in another order": lambda e, g, m: (
        e.shape == g.shape[::-1]
    ),
    r"It is off by one": lambda e, g, m: np.abs(np.subtract(e.shape, g.shape)).max() == 1,
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
def test_unrelated_arrays_get_the_plain_sentence(seed, size):
    [sentence] = told(random_array(seed, size, size), random_array(seed + 1, size, size))
    assert sentence.startswith(f"{size * size} of {size * size} values differ")


@given(some.small_integer_arrays, some.seeds)
def test_a_sentence_about_arrays_with_nan_is_true_as_well(e, seed):
    e, g = e.copy(), np.random.default_rng(seed).permutation(e.ravel()).reshape(e.shape)
    e.flat[seed % e.size] = np.nan
    assume(e.size > 1 and not same(e, g))
    assert all(holds(sentence, e, g) for sentence in told(e, g)), (told(e, g), e, g)


def test_noise_far_below_the_scale_is_not_called_a_factor():
    e, noise = random_array(0, 8), random_array(1, 8) * 1e-10
    assert "times" not in told(e, noise)[0] and "1/" not in told(e, noise)[0]
