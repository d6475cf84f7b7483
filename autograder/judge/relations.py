"""What all wrong results of an answer have in common: another sign, a constant factor, rows and
columns that are swapped.

One wrong result shows much by accident: with a kernel of one number, a kernel that is not used is
a factor. So something is said only if it holds for every wrong result, and if two of them, of
inputs of different sizes, show it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograder.judge.evidence import size_of
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
class Wrong:
    """A result that should be another. inputs: the arguments that gave it."""

    expected: Any
    got: Any
    inputs: tuple[Any, ...] = ()


@dataclass(frozen=True, eq=False)
class _Pair:
    """Both as numbers, and the inputs that gave them."""

    expected: np.ndarray
    got: np.ndarray
    inputs: tuple[Any, ...] = ()

    @property
    def size(self) -> Hashable:
        """What tells inputs of different sizes apart: the shapes of arrays, single numbers."""
        return size_of(self.inputs), self.expected.shape

    @property
    def same_shape(self) -> bool:
        return self.expected.shape == self.got.shape


_Test = Callable[[_Pair], bool]


@dataclass(frozen=True, eq=False)
class _Claim:
    """holds: whether the sentence is true of a pair. shows: whether a pair of which it is true
    tells it from other mistakes.
    """

    sentence: str
    holds: _Test
    shows: _Test


def relations(wrong: Sequence[Wrong], rtol: float, atol: float) -> list[str]:
    """What all wrong results have in common, or, where they have several parts, what all wrong
    results of a part have; in sentences, the first few.
    """
    whole = relation(wrong, rtol, atol)
    if whole:
        return [whole]
    sentences = []
    for name, of_part in _by_part(wrong).items():
        different = [part for part in of_part if not agree(part.expected, part.got, rtol, atol)]
        sentence = relation(different, rtol, atol)
        if sentence:
            sentences.append(f"{name}: {sentence}")
    return sentences[:_MOST_SENTENCES]


def _by_part(wrong: Sequence[Wrong]) -> dict[str, list[Wrong]]:
    """The entries of dicts, or the items of short lists, by name; none where not all results have
    the same.
    """
    by_name: dict[str, list[Wrong]] = {}
    for result in wrong:
        for name, expected, got in _parts(result.expected, result.got):
            by_name.setdefault(name, []).append(Wrong(expected, got, result.inputs))
    if any(len(of_part) != len(wrong) for of_part in by_name.values()):
        return {}
    return by_name


def _parts(expected: Any, got: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(expected, dict) and isinstance(got, dict):
        for key in (key for key in expected if key in got):
            yield key_as_text(key).replace("_", " "), expected[key], got[key]
        return
    are_lists = isinstance(expected, (list, tuple)) and isinstance(got, (list, tuple))
    if are_lists and len(expected) == len(got) <= _MOST_PARTS:
        for index, (should, is_now) in enumerate(zip(expected, got, strict=True)):
            yield f"item {index}", should, is_now


def relation(wrong: Sequence[Wrong], rtol: float, atol: float) -> str:
    """What all wrong results have in common, in a sentence; empty where nothing is sure."""
    pairs = _pairs(wrong)
    if not pairs:
        return ""
    if all(pair.expected.size == 1 and pair.same_shape for pair in pairs):
        return _relation_of_numbers(pairs, rtol, atol)
    largest = max(pairs, key=lambda pair: pair.expected.size)
    for claim in _claims(largest, rtol, atol):
        if not all(map(claim.holds, pairs)):
            continue
        sizes = {pair.size for pair in pairs if claim.shows(pair)}
        if len(sizes) >= _LEAST_SIZES:
            return claim.sentence
    return ""


def _pairs(wrong: Sequence[Wrong]) -> list[_Pair]:
    """All as arrays; none where one is no array of finite numbers."""
    pairs = []
    for result in wrong:
        arrays = as_arrays(result.expected, result.got)
        if arrays is None:
            return []
        expected, got = map(as_float, arrays)
        if not (np.isfinite(expected).all() and np.isfinite(got).all()):
            return []
        pairs.append(_Pair(expected, got, result.inputs))
    return pairs


def _relation_of_numbers(pairs: Sequence[_Pair], rtol: float, atol: float) -> str:
    """Of results that are single numbers, all of them together."""
    expected = np.array([pair.expected.item() for pair in pairs])
    got = np.array([pair.got.item() for pair in pairs])
    sizes = {pair.size for pair in pairs}
    if len(sizes) < _LEAST_SIZES or len(np.unique(expected)) < _LEAST_NUMBERS:
        return ""
    together = _Pair(expected, got)
    claims = (_negative(rtol, atol), *_linear(together, rtol, atol))
    for claim in claims:
        # Each by itself: beside a count of billions, one of thousands is near anything.
        if all(map(claim.holds, pairs)) and claim.shows(together):
            return claim.sentence
    return ""


def _claims(largest: _Pair, rtol: float, atol: float) -> Iterator[_Claim]:
    """What may hold for all, by the largest of them; the most telling first."""
    yield _transposed(rtol, atol)
    if not largest.same_shape:
        yield _only_the_shape(rtol, atol)
        yield from _other_axes(largest)
        yield from _off_by_one(largest)
        return
    yield _negative(rtol, atol)
    for axis in range(largest.expected.ndim):
        yield _reversed(axis, rtol, atol)
    yield from _linear(largest, rtol, atol)
    yield _own_factors(largest, rtol, atol)
    yield _border(rtol, atol)
    yield _ROUNDED


# Right numbers in other places


def _transposed(rtol: float, atol: float) -> _Claim:
    def holds(pair: _Pair) -> bool:
        if min(pair.expected.ndim, pair.got.ndim) < 2:
            return False
        turned = np.swapaxes(pair.got, -1, -2)
        return turned.shape == pair.expected.shape and _all(pair.expected, turned, rtol, atol)

    sentence = "The result is transposed: rows and columns are swapped."
    return _Claim(sentence, holds, lambda pair: min(pair.expected.shape[-2:]) > 1)


def _only_the_shape(rtol: float, atol: float) -> _Claim:
    def holds(pair: _Pair) -> bool:
        return pair.expected.size == pair.got.size and _all(
            pair.expected.ravel(), pair.got.ravel(), rtol, atol
        )

    return _Claim("The values are right; only the shape is not.", holds, _varies)


def _reversed(axis: int, rtol: float, atol: float) -> _Claim:
    def holds(pair: _Pair) -> bool:
        if not pair.same_shape or pair.expected.ndim <= axis:
            return False
        return _all(pair.expected, np.flip(pair.got, axis), rtol, atol)

    return _Claim(f"The result is reversed along axis {axis}.", holds, _varies)


def _other_axes(largest: _Pair) -> Iterator[_Claim]:
    """The order in which the sizes are there, if one and the same fits all."""
    dimensions = largest.expected.ndim
    if largest.got.ndim != dimensions or dimensions > 4:
        return
    for order in itertools.permutations(range(dimensions)):
        if order == tuple(range(dimensions)):
            continue

        def holds(pair: _Pair, order: tuple[int, ...] = order) -> bool:
            if pair.expected.ndim != dimensions:
                return False
            return tuple(pair.expected.shape[axis] for axis in order) == pair.got.shape

        yield _Claim(
            "The sizes are right, but the axes are in another order.",
            holds,
            lambda pair: len(set(pair.expected.shape)) == dimensions,
        )


def _off_by_one(largest: _Pair) -> Iterator[_Claim]:
    """Rows and columns of windows, and never images or channels: one too many, or one too few."""
    for one, word in ((1, "too many"), (-1, "too few")):

        def holds(pair: _Pair, one: int = one) -> bool:
            excess = _excess(pair)
            if excess is None or any(excess[:-2]):
                return False
            return set(excess[-2:]) - {0} == {one}

        sentence = (
            f"The result has one row or column {word}, whatever the size: look at where "
            "the last position starts."
        )
        yield _Claim(sentence, holds, _has_windows)


def _excess(pair: _Pair) -> tuple[int, ...] | None:
    """By how much each axis is too long; None where the axes are not the same, or no rows and
    columns.
    """
    if pair.expected.ndim != pair.got.ndim or pair.expected.ndim < 2:
        return None
    sizes = zip(pair.got.shape, pair.expected.shape, strict=True)
    return tuple(got - expected for got, expected in sizes)


def _has_windows(pair: _Pair) -> bool:
    """Whether several windows over one of the inputs may have given the rows and columns."""
    rows, columns = pair.expected.shape[-2:]
    if min(rows, columns) < 2:
        return False
    return any(
        isinstance(value, np.ndarray)
        and value.ndim >= 2
        and value.shape[-2] >= rows
        and value.shape[-1] >= columns
        for value in pair.inputs
    )


# Other numbers in the right places


def _negative(rtol: float, atol: float) -> _Claim:
    def holds(pair: _Pair) -> bool:
        return pair.same_shape and _all(pair.expected, -pair.got, rtol, atol)

    sentence = "The sign is wrong: every value is the negative of what is expected."
    return _Claim(sentence, holds, _varies)


def _linear(largest: _Pair, rtol: float, atol: float) -> Iterator[_Claim]:
    """One factor for all, or one offset."""
    factor = _factor_of(largest)
    if _is_a_slip(factor):
        yield _Claim(
            f"Every value is {_in_words(factor)} what is expected: a constant factor is off.",
            lambda pair: pair.same_shape and _all(pair.expected, pair.got / factor, rtol, atol),
            _shows_a_line,
        )
    differences = np.real(largest.got - largest.expected)
    offset = float(differences.mean()) if differences.size else 0.0
    if offset:
        direction = "large" if offset > 0 else "small"
        yield _Claim(
            f"Every value is {abs(offset):.4g} too {direction}: a constant is added or missing.",
            lambda pair: pair.same_shape and _all(pair.expected + offset, pair.got, rtol, atol),
            _shows_a_line,
        )


def _own_factors(largest: _Pair, rtol: float, atol: float) -> _Claim:
    """A factor for each input, as of who forgets to divide by the number of examples."""

    def holds(pair: _Pair) -> bool:
        factor = _factor_of(pair)
        return _is_a_slip(factor) and _all(pair.expected, pair.got / factor, rtol, atol)

    factor = _factor_of(largest)
    sentence = (
        "All values of a result are off by one factor, which depends on the input: on one, every "
        f"value is {_in_words(factor)} what is expected."
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


def _border(rtol: float, atol: float) -> _Claim:
    def holds(pair: _Pair) -> bool:
        if not pair.same_shape or pair.expected.ndim < 2:
            return False
        inside = (..., slice(1, -1), slice(1, -1))
        return bool(close(pair.expected, pair.got, rtol, atol)[inside].all())

    sentence = (
        "Only the border is off: the inside is right. Look at how the edges are padded or where "
        "the window stops."
    )
    return _Claim(
        sentence,
        holds,
        lambda pair: min(pair.expected.shape[-2:]) >= _INSIDE and _has_windows(pair),
    )


def _is_rounded(pair: _Pair) -> bool:
    if not pair.same_shape or not _is_whole(pair.got):
        return False
    return bool((np.abs(pair.got - pair.expected) < 1).all())


def _lost_its_fraction(pair: _Pair) -> bool:
    """Zeros and ones come of much else than of rounding."""
    return not _is_whole(pair.expected) and len(np.unique(np.abs(pair.got))) > 2


_ROUNDED = _Claim(
    "The values are whole numbers: they were rounded or stored as integers on the way.",
    _is_rounded,
    _lost_its_fraction,
)


def _all(expected: np.ndarray, got: np.ndarray, rtol: float, atol: float) -> bool:
    return bool(close(expected, got, rtol, atol).all())


def _is_whole(array: np.ndarray) -> bool:
    return bool((np.rint(array) == array).all())


def _varies(pair: _Pair) -> bool:
    return len(np.unique(pair.expected)) > 1


def _shows_a_line(pair: _Pair) -> bool:
    least = _LEAST_LINEAR if _is_whole(pair.expected) else _LEAST_NUMBERS
    return len(np.unique(pair.expected)) >= least


def _in_words(factor: float) -> str:
    if 0 < abs(factor) < 1:
        inverse = 1 / factor
        nearest = round(inverse)
        if abs(nearest) > 1 and abs(inverse - nearest) < 1e-3:
            return f"1/{nearest} of"
    return f"{factor:.6g} times"
