"""Whether two outputs agree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from autograder.values.plain_values import MOST_DIMENSIONS

_LEAST_SCALE = 1e-3
"""The magnitude that the absolute tolerance is at least relative to."""

_WHOLE = 0.4
"""How far from an expected whole number another number may be: a count is never nearly right."""

_INT64 = 2**63
"""An integer beyond 64 bits would become an array of objects."""


def agree(
    expected: Any, got: Any, rtol: float, atol: float, *, beside: float = 0.0
) -> bool:
    """Whether `got` equals `expected`: same structure, same shapes (never broadcast), numbers
    within tolerance.

    A number is within tolerance if it differs by at most ``rtol * |expected| + atol *
    max(|expected|, 0.001)``, a whole number only if it differs by at most 0.4 as well. Where 0 is
    expected, the maximum is over the whole result: a computation that cancels leaves rounding of
    the size of what it was made of. dtypes do not matter otherwise; lists, tuples and arrays of
    numbers stand for each other; a vector of one stands for an expected number.
    NaN and infinity agree only with themselves.

    beside: the largest magnitude of the result that `expected` is a part of.
    """
    if expected is None or isinstance(expected, str):
        same_type = type(got) is type(expected)
        return same_type and bool(got == expected)
    beside = max(beside, magnitude(expected))
    if isinstance(expected, dict):
        return _dicts_agree(expected, got, rtol, atol, beside)
    pair = as_arrays(expected, got)
    if pair is not None:
        expected_array, got_array = pair
        if expected_array.shape == got_array.shape:
            within = close(expected_array, got_array, rtol, atol, beside=beside)
            return bool(within.all())
    if isinstance(expected, (list, tuple)):
        return _lists_agree(expected, got, rtol, atol, beside)
    return False


def _dicts_agree(
    expected: dict[Any, Any], got: Any, rtol: float, atol: float, beside: float
) -> bool:
    if not isinstance(got, dict):
        return False
    if expected.keys() != got.keys():
        return False
    pairs = [(item, got[key]) for key, item in expected.items()]
    return _all_agree(pairs, rtol, atol, beside)


def _lists_agree(
    expected: Sequence[Any], got: Any, rtol: float, atol: float, beside: float
) -> bool:
    if not isinstance(got, (list, tuple)):
        return False
    if len(got) != len(expected):
        return False
    pairs = zip(expected, got, strict=True)
    return _all_agree(pairs, rtol, atol, beside)


def _all_agree(
    pairs: Iterable[tuple[Any, Any]], rtol: float, atol: float, beside: float
) -> bool:
    return all(
        agree(item, got_item, rtol, atol, beside=beside) for item, got_item in pairs
    )


def magnitude(value: Any) -> float:
    """The largest finite magnitude among all the numbers of a result, 0 where there is none."""
    if isinstance(value, dict):
        return max(map(magnitude, value.values()), default=0.0)
    array = as_array(value)
    if array is not None:
        magnitudes = np.abs(as_float(array))
        finite = np.isfinite(magnitudes)
        largest = magnitudes.max(initial=0.0, where=finite)
        return float(largest)
    if isinstance(value, (list, tuple)):
        return max(map(magnitude, value), default=0.0)
    return 0.0


def as_arrays(expected: Any, got: Any) -> tuple[np.ndarray, np.ndarray] | None:
    """The two as arrays, None where one is not an array."""
    expected_array = as_array(expected)
    if expected_array is None:
        return None
    got_array = array_like(expected_array, got)
    if got_array is None:
        return None
    return expected_array, got_array


def array_like(expected: np.ndarray, got: Any) -> np.ndarray | None:
    """`got` as an array that can be held against `expected`, None where it is no array.

    MXNet has no 0-d arrays, its numbers are vectors of one: where a number is expected, such a
    vector is taken for the number that it holds, alone and in lists (of lists). A list without
    items stands for every array without rows.
    """
    array = as_array(got)
    if array is not None and array.shape == expected.shape:
        return array
    if isinstance(got, (list, tuple)):
        numbers = as_array(with_numbers(got))
        if numbers is not None and (array is None or numbers.ndim == expected.ndim):
            array = numbers
        if array is not None and _is_empty_of(expected, array):
            return np.zeros(expected.shape)
    if array is not None and expected.shape == () and array.shape == (1,):
        array = np.asarray(array[0])
    return array


def with_numbers(value: Any) -> Any:
    """A list, or a tuple, of numbers with the numbers that its vectors of one hold in their place,
    inner lists likewise. A list that holds other arrays as well is a list of arrays, and stays.
    """
    if not isinstance(value, (list, tuple)):
        return value
    if all(map(_is_a_number, value)):
        items = [_number_of(item) for item in value]
    else:
        items = [with_numbers(item) for item in value]
    return tuple(items) if isinstance(value, tuple) else items


def _is_a_number(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.shape in ((), (1,))
    return isinstance(value, (bool, int, float))


def _number_of(value: Any) -> Any:
    is_vector = isinstance(value, np.ndarray) and value.shape == (1,)
    return value.reshape(()) if is_vector else value


def _is_empty_of(expected: np.ndarray, got: np.ndarray) -> bool:
    """Whether `got` is what nested lists keep of an array of that shape: they know no size behind
    one that is 0.
    """
    if 0 not in expected.shape:
        return False
    first_empty = expected.shape.index(0)
    kept = expected.shape[: first_empty + 1]
    return got.shape == kept


def as_array(value: Any) -> np.ndarray | None:
    """`value` as an array of numbers, or None where it is not one."""
    if isinstance(value, np.ndarray):
        return value
    if isinstance(value, (bool, int, float)):
        number = _bounded(value)
        return np.asarray(number)
    if isinstance(value, (list, tuple)):
        return _stacked(value)
    return None


def _stacked(items: Sequence[Any]) -> np.ndarray | None:
    """The items of a list as one array, None where one is no array or their shapes differ."""
    arrays: list[np.ndarray] = []
    for item in items:
        array = as_array(item)
        if array is None or array.ndim >= MOST_DIMENSIONS:
            return None
        if arrays and array.shape != arrays[0].shape:
            return None
        arrays.append(array)
    if not arrays:
        return np.zeros(0)
    return np.stack(arrays)


def _bounded(value: float) -> float:
    if isinstance(value, int) and abs(value) >= _INT64:
        sign = np.sign(value)
        return float(sign) * np.inf
    return value


def close(
    expected: np.ndarray,
    got: np.ndarray,
    rtol: float,
    atol: float,
    *,
    beside: float = 0.0,
) -> np.ndarray:
    """Elementwise: within ``rtol * |expected| + atol * max(|expected|)``, or both NaN, or the
    same infinity. The shapes are equal. beside: see `agree`.
    """
    whole = expected.dtype.kind in "bui"
    expected = as_float(expected)
    got = as_float(got)
    finite = np.isfinite(expected)
    with np.errstate(all="ignore"):
        tolerance = _tolerance(expected, finite, rtol, atol)
        if whole:
            tolerance = np.minimum(tolerance, _WHOLE)
        else:
            # Below that, numbers are not told from 0 anyway.
            is_zero = np.abs(expected) <= atol * _LEAST_SCALE
            of_zero = np.maximum(tolerance, atol * beside)
            tolerance = np.where(is_zero, of_zero, tolerance)
        difference = np.abs(got - expected)
        within = difference <= tolerance
    equal = np.equal(got, expected)
    both_nan = np.isnan(got) & np.isnan(expected)
    same = equal | both_nan
    agrees = np.where(finite, within, same)
    return np.asarray(agrees)


def _tolerance(
    expected: np.ndarray, finite: np.ndarray, rtol: float, atol: float
) -> np.ndarray:
    """How far a number may be from each of `expected`; `finite` says which of them are finite."""
    magnitudes = np.abs(expected)
    largest = magnitudes.max(initial=0.0, where=finite)
    scale = max(largest, _LEAST_SCALE)
    relative = rtol * magnitudes
    absolute = atol * scale
    return np.asarray(relative + absolute)


def as_float(array: np.ndarray) -> np.ndarray:
    """The array in double precision, complex where it is complex."""
    is_complex = array.dtype.kind == "c"
    precision = np.complex128 if is_complex else np.float64
    # A NaN that signals is one for us, and no reason to warn.
    with np.errstate(invalid="ignore"):
        return array.astype(precision)
