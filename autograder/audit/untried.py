"""Kinds of input and of result that no probe of a question tries. None is a fault: a statement may
rule it out. But a near miss that goes wrong there alone would earn all points, so they are listed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from autograder.audit.numbers_in import leaves

CLOSE = 1e-4
"""Values that differ by less, in proportion, are told apart by an answer that asks for equality and
not by one that asks for nearness.
"""

BYTE = 255
"""The largest count that eight bits hold."""

_Values: TypeAlias = Sequence[np.ndarray]


@dataclass(frozen=True)
class Kind:
    """One kind of input or result.

    name:   what it is, as in "never tried: an empty array".
    asked:  whether some of the values could be of this kind at all.
    is_met: whether one of them is.
    """

    name: str
    asked: Callable[[_Values], bool]
    is_met: Callable[[_Values], bool]


def never_tried(
    inputs: Iterable[Sequence[Any]], results: Iterable[Any]
) -> tuple[str, ...]:
    """The names of all kinds that none of the inputs (a tuple of arguments each) and results is of.

    They are plain values: arrays, numbers, strings, lists, tuples, dicts.
    """
    of_inputs = [[array for arg in args for array in _arrays(arg)] for args in inputs]
    of_results = [_arrays(result) for result in results]
    return (*_missing(OF_INPUTS, of_inputs), *_missing(OF_RESULTS, of_results))


def _missing(kinds: Sequence[Kind], calls: Sequence[_Values]) -> Iterator[str]:
    for kind in kinds:
        asked = [values for values in calls if kind.asked(values)]
        if asked and not any(kind.is_met(values) for values in asked):
            yield kind.name


def _arrays(value: Any) -> list[np.ndarray]:
    """All numbers in a plain value: arrays as they are, flat lists of numbers as arrays and as the
    numbers that they hold, single numbers as arrays without axes.
    """
    arrays: list[np.ndarray] = []
    for leaf in leaves(value):
        array = np.asarray(leaf)
        if array.dtype.kind not in "biuf":
            continue
        arrays.append(array)
        if isinstance(leaf, (list, tuple)):
            arrays += map(np.asarray, leaf)
    return arrays


# What one array is


def _has_axes(array: np.ndarray) -> bool:
    return array.ndim > 0


def _is_single_number(array: np.ndarray) -> bool:
    return array.ndim == 0


def _is_matrix(array: np.ndarray) -> bool:
    return array.ndim >= 2


def _holds_floats(array: np.ndarray) -> bool:
    return array.ndim > 0 and array.dtype.kind == "f"


def _holds_counts(array: np.ndarray) -> bool:
    return array.dtype.kind in "iu"


def _is_empty(array: np.ndarray) -> bool:
    return array.size == 0


def _has_one_row(array: np.ndarray) -> bool:
    return array.ndim > 0 and array.shape[0] == 1


def _is_longer(least: int) -> Callable[[np.ndarray], bool]:
    def is_longer(array: np.ndarray) -> bool:
        return array.ndim > 0 and max(array.shape) > least

    return is_longer


def _is_zero(array: np.ndarray) -> bool:
    return array.ndim == 0 and bool(array == 0)


def _holds_a_zero(array: np.ndarray) -> bool:
    is_zero = array == 0
    return array.ndim > 0 and bool(is_zero.any())


def _holds_a_negative(array: np.ndarray) -> bool:
    if array.dtype.kind == "b":
        return False
    is_negative = array < 0
    return bool(is_negative.any())


def _is_beyond(bound: float) -> Callable[[np.ndarray], bool]:
    def is_beyond(array: np.ndarray) -> bool:
        if array.dtype.kind == "b":
            return False
        magnitudes = np.abs(array)
        return bool((magnitudes > bound).any())

    return is_beyond


def _holds_ties(array: np.ndarray) -> bool:
    return _distance(array, smallest=True) == 0


def _holds_neighbours(array: np.ndarray) -> bool:
    return 0 < _distance(array, smallest=False) < CLOSE


def _distance(array: np.ndarray, *, smallest: bool) -> float:
    """The smallest difference of two values in proportion to the larger one; of equal values only
    where `smallest`.
    """
    finite = array[np.isfinite(array)]
    ordered = np.sort(finite, axis=None).astype(float)
    differences = np.diff(ordered)
    magnitudes = np.abs(ordered)
    sizes = np.maximum(magnitudes[1:], magnitudes[:-1])
    kept = sizes > 0
    if not smallest:
        kept &= differences > 0
    proportions = differences[kept] / sizes[kept]
    return float(proportions.min(initial=np.inf))


def _is_not_square(array: np.ndarray) -> bool:
    if array.ndim < 2:
        return False
    rows, columns = array.shape[-2:]
    return bool(rows != columns)


# What some of the values are


def _some(is_so: Callable[[np.ndarray], bool]) -> Callable[[_Values], bool]:
    """Whether one of several values is so."""
    return lambda values: any(map(is_so, values))


_HAVE_AXES = _some(_has_axes)


OF_INPUTS = (
    Kind("an empty array or list", _HAVE_AXES, _some(_is_empty)),
    Kind("a single item", _HAVE_AXES, _some(_has_one_row)),
    Kind("more than 10 items", _HAVE_AXES, _some(_is_longer(10))),
    Kind("more than 100 items", _HAVE_AXES, _some(_is_longer(100))),
    Kind("a number 0", _some(_is_single_number), _some(_is_zero)),
    Kind("a 0 in an array", _HAVE_AXES, _some(_holds_a_zero)),
    Kind("a negative value", bool, _some(_holds_a_negative)),
    Kind("a value beyond 100", bool, _some(_is_beyond(100))),
    Kind("equal values", _HAVE_AXES, _some(_holds_ties)),
    Kind("values that nearly agree", _some(_holds_floats), _some(_holds_neighbours)),
    Kind("a matrix that is not square", _some(_is_matrix), _some(_is_not_square)),
)

OF_RESULTS = (
    Kind("a result with an axis of length 1", _HAVE_AXES, _some(_has_one_row)),
    Kind("a count above 255", _some(_holds_counts), _some(_is_beyond(BYTE))),
    Kind("a negative result", bool, _some(_holds_a_negative)),
    Kind(
        "a result of 0",
        bool,
        _some(lambda array: _is_zero(array) or _holds_a_zero(array)),
    ),
)
