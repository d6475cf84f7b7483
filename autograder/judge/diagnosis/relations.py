"""What all wrong results of an answer have in common: another sign, a constant factor, rows and
columns that are swapped.

One wrong result shows much by accident: with a kernel of one number, a kernel that is not used is
a factor. So something is said only if it holds for every wrong result, and if two of them, of
inputs of different sizes, show it. A constant that is added or multiplied would be seen in every
result: one that is right, and would not be with the constant, speaks against it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograder.judge.diagnosis.evidence import size_of
from autograder.text import key_as_text
from autograder.values.agreement import agree, as_arrays, as_float, close

_LEAST_SIZES = 2
"""Of so many sizes must the inputs be that show what all have in common."""

_LEAST_NUMBERS = 3
"""So many results that are single numbers show it together."""

_LEAST_LINEAR = 4
"""With so many different numbers, a factor or an offset is no accident: two or three small whole
ones often have a common factor.
"""

_MOST_SENTENCES = 2

_MOST_PARTS = 8
"""A list of more items is one result, and no collection of several."""

_LEAST_SLIP = 1e-3
"""Whole numbers are compared exactly: 288,020 is not 288,000, and no factor either."""

_INSIDE = 4
"""The least rows and columns of which the inside is more than a single number."""


@dataclass(frozen=True, eq=False)
class Result:
    """A result beside what it should be. inputs: the arguments that gave it."""

    expected: Any
    got: Any
    inputs: tuple[Any, ...] = ()


@dataclass(frozen=True, eq=False)
class _Pair:
    """Both as numbers, the inputs that gave them, and how near is near enough."""

    expected: np.ndarray
    got: np.ndarray
    inputs: tuple[Any, ...]
    rtol: float
    atol: float

    @property
    def size(self) -> Hashable:
        """What tells inputs of different sizes apart: the shapes of arrays, single numbers."""
        return size_of(self.inputs), self.expected.shape

    @property
    def same_shape(self) -> bool:
        return self.expected.shape == self.got.shape

    def close(self, expected: np.ndarray, got: np.ndarray) -> np.ndarray:
        """Where the two, of one shape, agree within the tolerance."""
        return close(expected, got, self.rtol, self.atol)

    def agree(self, expected: np.ndarray, got: np.ndarray) -> bool:
        """Whether the two, of one shape, agree everywhere."""
        everywhere = self.close(expected, got).all()
        return bool(everywhere)


_Test = Callable[[_Pair], bool]


@dataclass(frozen=True, eq=False)
class _Claim:
    """holds: whether the sentence is true of a pair. shows: whether a pair of which it is true
    tells it from other mistakes. everywhere: whether it must hold for right results as well.
    """

    sentence: str
    holds: _Test
    shows: _Test
    everywhere: bool = False


def relations(results: Sequence[Result], rtol: float, atol: float) -> list[str]:
    """What all wrong results have in common, or, where they have several parts, what all wrong
    results of a part have; in sentences, the first few. results: the right ones among them.
    """
    whole = relation(results, rtol, atol)
    if whole:
        return [whole]
    wrong, right = _divided(results, rtol, atol)
    sentences = []
    for name, of_part in _by_part(wrong, right).items():
        sentence = relation(of_part, rtol, atol)
        if sentence:
            sentences.append(f"{name}: {sentence}")
    return sentences[:_MOST_SENTENCES]


def _divided(
    results: Sequence[Result], rtol: float, atol: float
) -> tuple[list[Result], list[Result]]:
    """The wrong ones, and the right ones."""
    wrong: list[Result] = []
    right: list[Result] = []
    for result in results:
        is_right = agree(result.expected, result.got, rtol, atol)
        (right if is_right else wrong).append(result)
    return wrong, right


def _by_part(
    wrong: Sequence[Result], right: Sequence[Result]
) -> dict[str, list[Result]]:
    """The entries of dicts, or the items of short lists, by name; none where not all wrong results
    have the same.
    """
    by_name = _parts_of_all(wrong)
    counts = map(len, by_name.values())
    if any(count != len(wrong) for count in counts):
        return {}
    of_right = _parts_of_all(right)
    return {name: parts + of_right.get(name, []) for name, parts in by_name.items()}


def _parts_of_all(results: Sequence[Result]) -> dict[str, list[Result]]:
    by_name: dict[str, list[Result]] = {}
    for result in results:
        for name, expected, got in _parts(result.expected, result.got):
            part = Result(expected, got, result.inputs)
            by_name.setdefault(name, []).append(part)
    return by_name


def _parts(expected: Any, got: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(expected, dict) and isinstance(got, dict):
        for key, should in expected.items():
            if key in got:
                name = key_as_text(key).replace("_", " ")
                yield name, should, got[key]
        return
    if not isinstance(expected, (list, tuple)) or not isinstance(got, (list, tuple)):
        return
    if len(expected) == len(got) <= _MOST_PARTS:
        pairs = zip(expected, got, strict=True)
        for index, (should, is_now) in enumerate(pairs):
            yield f"item {index}", should, is_now


def relation(results: Sequence[Result], rtol: float, atol: float) -> str:
    """What all wrong results have in common, in a sentence; empty where nothing is sure. results:
    the right ones among them.
    """
    wrong, right = _divided(results, rtol, atol)
    pairs = _pairs(wrong, rtol, atol)
    if not pairs or len(pairs) < len(wrong):
        return ""
    right_pairs = _pairs(right, rtol, atol)
    if all(map(_is_number, pairs)):
        return _relation_of_numbers(pairs, right_pairs)
    largest = max(pairs, key=lambda pair: pair.expected.size)
    for claim in _claims(largest):
        if not _holds(claim, pairs, right_pairs):
            continue
        sizes = {pair.size for pair in pairs if claim.shows(pair)}
        if len(sizes) >= _LEAST_SIZES:
            return claim.sentence
    return ""


def _holds(claim: _Claim, pairs: Sequence[_Pair], right: Sequence[_Pair]) -> bool:
    """Whether it holds for all wrong results, and no right one speaks against it."""
    everywhere = right if claim.everywhere else ()
    return all(map(claim.holds, (*pairs, *everywhere)))


def _pairs(results: Sequence[Result], rtol: float, atol: float) -> list[_Pair]:
    """Those that are arrays of finite numbers, as arrays."""
    pairs = []
    for result in results:
        arrays = as_arrays(result.expected, result.got)
        if arrays is None:
            continue
        expected, got = map(as_float, arrays)
        if _is_finite(expected) and _is_finite(got):
            pairs.append(_Pair(expected, got, result.inputs, rtol, atol))
    return pairs


def _is_finite(array: np.ndarray) -> bool:
    return bool(np.isfinite(array).all())


def _is_number(pair: _Pair) -> bool:
    return pair.expected.size == 1 and pair.same_shape


def _relation_of_numbers(pairs: Sequence[_Pair], right: Sequence[_Pair]) -> str:
    """Of wrong results that are single numbers, all of them together."""
    first = pairs[0]
    expected = np.array([pair.expected.item() for pair in pairs])
    got = np.array([pair.got.item() for pair in pairs])
    sizes = {pair.size for pair in pairs}
    if len(sizes) < _LEAST_SIZES or _different(expected) < _LEAST_NUMBERS:
        return ""
    together = _Pair(expected, got, (), first.rtol, first.atol)
    for claim in (_NEGATIVE, *_linear(together)):
        # Each by itself: beside a count of billions, one of thousands is near anything.
        if _holds(claim, pairs, right) and claim.shows(together):
            return claim.sentence
    return ""


def _claims(largest: _Pair) -> Iterator[_Claim]:
    """What may hold for all, by the largest of them; the most telling first."""
    yield _TRANSPOSED
    if not largest.same_shape:
        yield _ONLY_THE_SHAPE
        yield from _other_axes(largest)
        yield _AS_LARGE_AS_AN_INPUT
        yield from _off_by_one()
        return
    yield _NEGATIVE
    for axis in range(largest.expected.ndim):
        yield _reversed(axis)
    yield from _linear(largest)
    yield _own_factors(largest)
    yield _BORDER
    yield _ROUNDED


# What tells a pair from other mistakes


def _varies(pair: _Pair) -> bool:
    return _different(pair.expected) > 1


def _shows_a_line(pair: _Pair) -> bool:
    least = _LEAST_LINEAR if _is_whole(pair.expected) else _LEAST_NUMBERS
    return _different(pair.expected) >= least


def _has_rows_and_columns(pair: _Pair) -> bool:
    smallest = min(pair.expected.shape[-2:])
    return bool(smallest > 1)


def _has_an_inside(pair: _Pair) -> bool:
    smallest = min(pair.expected.shape[-2:])
    return bool(smallest >= _INSIDE) and _has_windows(pair)


def _lost_its_fraction(pair: _Pair) -> bool:
    """Zeros and ones come of much else than of rounding."""
    magnitudes = np.abs(pair.got)
    return not _is_whole(pair.expected) and _different(magnitudes) > 2


def _different(array: np.ndarray) -> int:
    """How many different numbers there are."""
    return len(np.unique(array))


def _is_whole(array: np.ndarray) -> bool:
    is_whole = np.rint(array) == array
    return bool(is_whole.all())


# Right numbers in other places


def _is_transposed(pair: _Pair) -> bool:
    if min(pair.expected.ndim, pair.got.ndim) < 2:
        return False
    turned = np.swapaxes(pair.got, -1, -2)
    if turned.shape != pair.expected.shape:
        return False
    return pair.agree(pair.expected, turned)


_TRANSPOSED = _Claim(
    "The result is transposed: rows and columns are swapped.",
    _is_transposed,
    _has_rows_and_columns,
)


def _only_the_shape_differs(pair: _Pair) -> bool:
    if pair.expected.size != pair.got.size:
        return False
    return pair.agree(pair.expected.ravel(), pair.got.ravel())


_ONLY_THE_SHAPE = _Claim(
    "The values are right; only the shape is not.",
    _only_the_shape_differs,
    _varies,
)


def _reversed(axis: int) -> _Claim:
    def holds(pair: _Pair) -> bool:
        if not pair.same_shape or pair.expected.ndim <= axis:
            return False
        turned = np.flip(pair.got, axis)
        return pair.agree(pair.expected, turned)

    return _Claim(f"The result is reversed along axis {axis}.", holds, _varies)


def _other_axes(largest: _Pair) -> Iterator[_Claim]:
    """The order in which the sizes are there, if one and the same fits all."""
    dimensions = largest.expected.ndim
    if largest.got.ndim != dimensions or dimensions > 4:
        return
    _, *orders = itertools.permutations(range(dimensions))
    for order in orders:

        def holds(pair: _Pair, order: tuple[int, ...] = order) -> bool:
            sizes = pair.expected.shape
            if len(sizes) != dimensions:
                return False
            in_order = tuple(sizes[axis] for axis in order)
            return in_order == pair.got.shape

        yield _Claim(
            "The sizes are right, but the axes are in another order.",
            holds,
            _has_different_sizes,
        )


def _has_different_sizes(pair: _Pair) -> bool:
    sizes = set(pair.expected.shape)
    return len(sizes) == pair.expected.ndim


def _is_as_large_as_an_input(pair: _Pair) -> bool:
    """Whether the result has the rows and columns of an input, where it should have fewer."""
    excess = _excess(pair)
    if excess is None or any(excess[:-2]) or min(excess[-2:]) < 0:
        return False
    sizes = [value.shape[-2:] for value in pair.inputs if _is_image(value)]
    return pair.got.shape[-2:] in sizes


def _is_image(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.ndim >= 2


_AS_LARGE_AS_AN_INPUT = _Claim(
    "The result is as large as the input, and should be smaller: look at where the last position "
    "starts, and whether more is padded than the task says.",
    _is_as_large_as_an_input,
    lambda pair: _has_windows(pair),
)


def _off_by_one() -> Iterator[_Claim]:
    """Rows and columns of windows, and never images or channels: one too many, or one too few."""
    for one, word in ((1, "too many"), (-1, "too few")):

        def holds(pair: _Pair, one: int = one) -> bool:
            excess = _excess(pair)
            if excess is None or any(excess[:-2]):
                return False
            of_rows_and_columns = set(excess[-2:])
            return of_rows_and_columns - {0} == {one}

        sentence = (
            f"The result has one row or column {word}, whatever the size: look at where "
            "the last position starts."
        )
        yield _Claim(sentence, holds, _has_windows)


def _excess(pair: _Pair) -> tuple[int, ...] | None:
    """By how much each axis is too long; None where the axes are not the same, or no rows and
    columns.
    """
    dimensions = pair.expected.ndim
    if pair.got.ndim != dimensions or dimensions < 2:
        return None
    sizes = zip(pair.got.shape, pair.expected.shape, strict=True)
    return tuple(got - expected for got, expected in sizes)


def _has_windows(pair: _Pair) -> bool:
    """Whether several windows over one of the inputs may have given the rows and columns."""
    rows, columns = pair.expected.shape[-2:]
    if min(rows, columns) < 2:
        return False
    for value in pair.inputs:
        if not isinstance(value, np.ndarray) or value.ndim < 2:
            continue
        if value.shape[-2] >= rows and value.shape[-1] >= columns:
            return True
    return False


# Other numbers in the right places


def _is_negative(pair: _Pair) -> bool:
    return pair.same_shape and pair.agree(pair.expected, -pair.got)


_NEGATIVE = _Claim(
    "The sign is wrong: every value is the negative of what is expected.",
    _is_negative,
    _varies,
)


def _linear(largest: _Pair) -> Iterator[_Claim]:
    """One factor for all, or one offset."""
    factor = _factor_of(largest)
    if _is_a_slip(factor):
        yield _one_factor(factor)
    differences = np.real(largest.got - largest.expected)
    offset = float(differences.mean()) if differences.size else 0.0
    if offset:
        yield _one_offset(offset)


def _one_factor(factor: float) -> _Claim:
    def holds(pair: _Pair) -> bool:
        return pair.same_shape and pair.agree(pair.expected, pair.got / factor)

    times = _in_words(factor)
    sentence = f"Every value is {times} what is expected: a constant factor is off."
    return _Claim(sentence, holds, _shows_a_line, everywhere=True)


def _one_offset(offset: float) -> _Claim:
    def holds(pair: _Pair) -> bool:
        return pair.same_shape and pair.agree(pair.expected + offset, pair.got)

    direction = "large" if offset > 0 else "small"
    size = abs(offset)
    sentence = (
        f"Every value is {size:.4g} too {direction}: a constant is added or missing."
    )
    return _Claim(sentence, holds, _shows_a_line, everywhere=True)


def _own_factors(largest: _Pair) -> _Claim:
    """A factor for each input, as of who forgets to divide by the number of examples."""

    def holds(pair: _Pair) -> bool:
        factor = _factor_of(pair)
        if not _is_a_slip(factor):
            return False
        return pair.agree(pair.expected, pair.got / factor)

    times = _in_words(_factor_of(largest))
    sentence = (
        "All values of a result are off by one factor, which depends on the input: on one, every "
        f"value is {times} what is expected."
    )
    return _Claim(sentence, holds, _shows_a_line)


def _factor_of(pair: _Pair) -> float:
    """The factor that fits best, 0 where none can."""
    if not pair.same_shape or not np.any(pair.expected):
        return 0.0
    product = np.real(np.vdot(pair.expected, pair.got))
    square = np.real(np.vdot(pair.expected, pair.expected))
    return float(product / square)


def _is_a_slip(factor: float) -> bool:
    """Whether a forgotten or added factor can be it: not where all is nearly right already."""
    return factor != 0 and abs(factor - 1) > _LEAST_SLIP


def _is_right_inside(pair: _Pair) -> bool:
    if not pair.same_shape or pair.expected.ndim < 2:
        return False
    is_right = pair.close(pair.expected, pair.got)
    inside = is_right[..., 1:-1, 1:-1]
    return bool(inside.all())


_BORDER = _Claim(
    "Only the border is off: the inside is right. Look at how the edges are padded or where "
    "the window stops.",
    _is_right_inside,
    _has_an_inside,
)


def _is_rounded(pair: _Pair) -> bool:
    if not pair.same_shape or not _is_whole(pair.got):
        return False
    away = np.abs(pair.got - pair.expected)
    return bool((away < 1).all())


_ROUNDED = _Claim(
    "The values are whole numbers: they were rounded or stored as integers on the way.",
    _is_rounded,
    _lost_its_fraction,
)


def _in_words(factor: float) -> str:
    if 0 < abs(factor) < 1:
        inverse = 1 / factor
        nearest = round(inverse)
        is_whole = abs(inverse - nearest) < 1e-3
        if is_whole and abs(nearest) > 1:
            return f"1/{nearest} of"
    return f"{factor:.6g} times"
