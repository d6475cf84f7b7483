"""Kinds of input and of result that no probe of a question tries. None is a fault: a statement may
rule it out. But a near miss that goes wrong there alone would earn all points, so they are listed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

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


def never_tried(inputs: Iterable[Sequence[Any]], results: Iterable[Any]) -> tuple[str, ...]:
    """The names of all kinds that none of the inputs (a tuple of arguments each) and results is of.

    They are plain values: arrays, numbers, strings, lists, tuples, dicts.
    """
    of_inputs = [[array for value in args for array in _arrays(value)] for args in inputs]
    of_results = [_arrays(result) for result in results]
    return (*_missing(OF_INPUTS, of_inputs), *_missing(OF_RESULTS, of_results))


def _missing(kinds: Sequence[Kind], calls: Sequence[_Values]) -> Iterator[str]:
    for kind in kinds:
        asked = [values for values in calls if kind.asked(values)]
        if asked and not any(kind.is_met(values) for values in asked):
            yield kind.name


def _arrays(value: Any) -> list[np.ndarray]:
    """All numbers in a plain value: arrays as they are, flat lists of numbers as arrays, single
    numbers as arrays without axes.
    """
    if isinstance(value, np.ndarray):
        return [value] if value.dtype.kind in "biuf" else []
    if isinstance(value, dict):
        return _arrays(list(value.values()))
    if isinstance(value, (list, tuple)):
        if value and all(_is_number(item) for item in value):
            return [np.asarray(value), *map(np.asarray, value)]
        inner = [array for item in value for array in _arrays(item)]
        return inner if value else [np.zeros(0)]
    return [np.asarray(value)] if _is_number(value) else []


def _is_number(value: Any) -> bool:
    is_kind = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_kind and (isinstance(value, int) or math.isfinite(value))


# Which values can be of a kind


def _have_axes(values: _Values) -> bool:
    return any(array.ndim for array in values)


def _have_numbers(values: _Values) -> bool:
    return any(array.ndim == 0 for array in values)


def _have_matrices(values: _Values) -> bool:
    return any(array.ndim >= 2 for array in values)


def _have_floats(values: _Values) -> bool:
    return any(array.dtype.kind == "f" and array.ndim for array in values)


def _have_counts(values: _Values) -> bool:
    return any(array.dtype.kind in "iu" for array in values)


def _any(values: _Values) -> bool:
    return bool(values)


# Whether they are


def _is_empty(values: _Values) -> bool:
    return any(array.size == 0 for array in values)


def _is_single(values: _Values) -> bool:
    return any(array.ndim and array.shape[0] == 1 for array in values)


def _is_longer(least: int) -> Callable[[_Values], bool]:
    return lambda values: any(array.ndim and max(array.shape) > least for array in values)


def _has_zero_number(values: _Values) -> bool:
    return any(array.ndim == 0 and array == 0 for array in values)


def _has_zero(values: _Values) -> bool:
    return any(array.ndim and bool((array == 0).any()) for array in values)


def _has_negative(values: _Values) -> bool:
    return any(array.dtype.kind != "b" and bool((array < 0).any()) for array in values)


def _is_beyond(bound: float) -> Callable[[_Values], bool]:
    return lambda values: any(
        array.dtype.kind != "b" and bool((np.abs(array) > bound).any()) for array in values
    )


def _has_ties(values: _Values) -> bool:
    return any(_distances(array, smallest=True) == 0 for array in values)


def _has_neighbours(values: _Values) -> bool:
    return any(0 < _distances(array, smallest=False) < CLOSE for array in values)


def _distances(array: np.ndarray, *, smallest: bool) -> float:
    """The smallest difference of two values in proportion to the larger one; of equal values only
    where `smallest`.
    """
    finite = np.sort(array[np.isfinite(array)], axis=None).astype(float)
    differences = np.diff(finite)
    sizes = np.maximum(np.abs(finite[1:]), np.abs(finite[:-1]))
    kept = np.ones(len(differences), bool) if smallest else differences > 0
    kept &= sizes > 0
    return float((differences[kept] / sizes[kept]).min(initial=np.inf))


def _is_not_square(values: _Values) -> bool:
    return any(array.ndim >= 2 and array.shape[-1] != array.shape[-2] for array in values)


OF_INPUTS = (
    Kind("an empty array or list", _have_axes, _is_empty),
    Kind("a single item", _have_axes, _is_single),
    Kind("more than 10 items", _have_axes, _is_longer(10)),
    Kind("more than 100 items", _have_axes, _is_longer(100)),
    Kind("a number 0", _have_numbers, _has_zero_number),
    Kind("a 0 in an array", _have_axes, _has_zero),
    Kind("a negative value", _any, _has_negative),
    Kind("a value beyond 100", _any, _is_beyond(100)),
    Kind("equal values", _have_axes, _has_ties),
    Kind("values that nearly agree", _have_floats, _has_neighbours),
    Kind("a matrix that is not square", _have_matrices, _is_not_square),
)

OF_RESULTS = (
    Kind("a result with an axis of length 1", _have_axes, _is_single),
    Kind("a count above 255", _have_counts, _is_beyond(BYTE)),
    Kind("a negative result", _any, _has_negative),
    Kind("a result of 0", _any, lambda values: _has_zero(values) or _has_zero_number(values)),
)
