"""Whether two outputs agree."""

from __future__ import annotations

from typing import Any

import numpy as np

_MOST_DIMENSIONS = 32
"""Of an array, in NumPy 1."""

_LEAST_SCALE = 1e-3
"""The magnitude that the absolute tolerance is at least relative to."""

_WHOLE = 0.4
"""How far from an expected whole number another number may be: a count is never nearly right."""

_INT64 = 2**63
"""An integer beyond 64 bits would become an array of objects."""


def agree(expected: Any, got: Any, rtol: float, atol: float) -> bool:
    """Whether `got` equals `expected`: same structure, same shapes (never broadcast), numbers
    within tolerance.

    A number is within tolerance if it differs by at most ``rtol * |expected| + atol *
    max(|expected|, 0.001)``, a whole number only if it differs by at most 0.4 as well. dtypes do
    not matter otherwise; lists, tuples and arrays of numbers stand for each other; a vector of one
    stands for an expected number; NaN and infinity agree only with themselves.
    """
    if expected is None or isinstance(expected, str):
        return type(got) is type(expected) and bool(got == expected)
    if isinstance(expected, dict):
        if not isinstance(got, dict) or expected.keys() != got.keys():
            return False
        return all(agree(expected[key], got[key], rtol, atol) for key in expected)
    pair = as_arrays(expected, got)
    if pair and pair[0].shape == pair[1].shape:
        return bool(close(*pair, rtol, atol).all())
    if isinstance(expected, (list, tuple)) and isinstance(got, (list, tuple)):
        if len(got) != len(expected):
            return False
        items = zip(expected, got, strict=True)
        return all(agree(one, other, rtol, atol) for one, other in items)
    return False


def as_arrays(expected: Any, got: Any) -> tuple[np.ndarray, np.ndarray] | None:
    """The two as arrays, None where one is not an array.

    MXNet has no 0-d arrays, its numbers are vectors of one: where a number is expected, such a
    vector is taken for the number that it holds.
    """
    expected_array, got_array = as_array(expected), as_array(got)
    if expected_array is None or got_array is None:
        return None
    if expected_array.shape == () and got_array.shape == (1,):
        got_array = np.asarray(got_array[0])
    return expected_array, got_array


def as_array(value: Any) -> np.ndarray | None:
    """`value` as an array of numbers, or None where it is not one."""
    if isinstance(value, np.ndarray):
        return value
    if isinstance(value, (bool, int, float)):
        return np.asarray(_bounded(value))
    if isinstance(value, (list, tuple)):
        return _stacked([as_array(item) for item in value])
    return None


def _stacked(arrays: list[np.ndarray | None]) -> np.ndarray | None:
    """The items of a list as one array, None where one is no array or their shapes differ."""
    parts = [array for array in arrays if array is not None and array.ndim < _MOST_DIMENSIONS]
    shapes = {part.shape for part in parts}
    if len(parts) != len(arrays) or len(shapes) > 1:
        return None
    return np.stack(parts) if parts else np.zeros(0)


def _bounded(value: float) -> float:
    if isinstance(value, int) and abs(value) >= _INT64:
        return float(np.sign(value)) * np.inf
    return value


def close(expected: np.ndarray, got: np.ndarray, rtol: float, atol: float) -> np.ndarray:
    """Elementwise: within ``rtol * |expected| + atol * max(|expected|)``, or both NaN, or the
    same infinity. The shapes are equal.
    """
    whole = expected.dtype.kind in "bui"
    expected, got = as_float(expected), as_float(got)
    finite = np.isfinite(expected)
    magnitudes = np.abs(expected[finite])
    scale = magnitudes.max() if magnitudes.size else 0.0
    with np.errstate(invalid="ignore", over="ignore"):
        tolerance = rtol * np.abs(expected) + atol * max(scale, _LEAST_SCALE)
        if whole:
            tolerance = np.minimum(tolerance, _WHOLE)
        within = np.abs(got - expected) <= tolerance
    both_nan = np.isnan(got) & np.isnan(expected)
    same = np.equal(got, expected) | both_nan
    return np.asarray(np.where(finite, within, same))


def as_float(array: np.ndarray) -> np.ndarray:
    """The array in double precision, complex where it is complex."""
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)
