"""What differs between two outputs, in plain facts; what all wrong results have in common is said
by `autograder.judge.diagnosis.relations`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autograder.text import key_as_text
from autograder.values.agreement import agree, as_arrays, as_float, close

_READABLE = 1e15
"""Numbers from here on are written with an exponent."""

_MOST_OF_A_TEXT = 60
"""So many characters of a text are shown."""

ALL_ZERO = "All values are zero."

_FEW_ITEMS = 4
"""So many numbers are written out."""


def differences(
    expected: Any, got: Any, rtol: float, atol: float, *, none_is_a_result: bool = False
) -> list[str]:
    """What differs, in sentences, the most telling first; at least one where the two do not
    `agree`.

    none_is_a_result: a None is no sign of a forgotten `return`: it is part of a result, or one for
        other inputs.
    """
    if got is None and expected is not None and not none_is_a_result:
        return ["The function returned None. Is a `return` missing?"]
    if isinstance(expected, dict) and isinstance(got, dict):
        return _differences_in_dict(expected, got, rtol, atol)
    if isinstance(expected, str) and isinstance(got, str):
        should_begin = expected[:_MOST_OF_A_TEXT]
        begins = got[:_MOST_OF_A_TEXT]
        return [f"Expected {should_begin!r}, got {begins!r}."]
    arrays = as_arrays(expected, got)
    if arrays is not None:
        expected_array, got_array = arrays
        if expected_array.shape == got_array.shape:
            return [_difference_in_value(expected_array, got_array, rtol, atol)]
    if isinstance(expected, (list, tuple)) and isinstance(got, (list, tuple)):
        return _differences_in_list(expected, got, rtol, atol)
    if arrays is not None:
        should_be, is_now = map(_shape, arrays)
        return [f"The shape should be {should_be}, not {is_now}."]
    return [f"Expected {_kind(expected)}, got {_kind(got)}."]


def _differences_in_dict(
    expected: dict[Any, Any], got: dict[Any, Any], rtol: float, atol: float
) -> list[str]:
    sentences = []
    for key, value in expected.items():
        if key not in got or agree(value, got[key], rtol, atol):
            continue
        name = str(key).replace("_", " ")
        inner = differences(value, got[key], rtol, atol, none_is_a_result=True)
        sentences += [f"{name}: {sentence}" for sentence in inner]
    return [*sentences, *_differences_in_keys(expected, got)]


def _differences_in_keys(expected: dict[Any, Any], got: dict[Any, Any]) -> list[str]:
    """Keys that are missing, or not expected. A string is shown with its quotation marks where it
    could be taken for another key.
    """
    missing = [key for key in expected if key not in got]
    extra = [key for key in got if key not in expected]
    given = {str(key): type(key) for key in extra}
    for key in missing:
        kind = type(key)
        other = given.get(str(key), kind)
        if other is not kind:
            kinds = f"{_keys_of(kind)}, not {_keys_of(other)}"
            return [f"The keys should be {kinds}: {key!r}, for example."]
    if missing:
        return [f"Missing: {_listed(missing)}."]
    if extra:
        return [f"Not expected: {_listed(extra)}."]
    return []


def _listed(keys: list[Any]) -> str:
    return ", ".join(map(key_as_text, keys))


def _keys_of(kind: type) -> str:
    return _KEYS.get(kind, f"of type {kind.__name__}")


_KEYS = {str: "strings", int: "whole numbers", float: "numbers", bool: "truth values"}


def _differences_in_list(
    expected: list[Any] | tuple[Any, ...],
    got: list[Any] | tuple[Any, ...],
    rtol: float,
    atol: float,
) -> list[str]:
    if len(expected) == len(got) + 1 and agree(expected[:-1], got, rtol, atol):
        return [f"The last of {len(expected)} items is missing; the others are right."]
    if len(expected) != len(got):
        return [f"Expected {len(expected)} items, got {len(got)}."]
    sentences = []
    pairs = zip(expected, got, strict=True)
    for index, (expected_item, got_item) in enumerate(pairs):
        if agree(expected_item, got_item, rtol, atol):
            continue
        inner = differences(expected_item, got_item, rtol, atol, none_is_a_result=True)
        sentences.append(f"item {index}: {inner[0]}")
    return sentences


def _difference_in_value(
    expected: np.ndarray, got: np.ndarray, rtol: float, atol: float
) -> str:
    """One sentence on two arrays of the same shape."""
    same = close(expected, got, rtol, atol)
    expected = as_float(expected)
    got = as_float(got)
    if expected.size == 1:
        sentence = _apart(expected.item(), got.item())
        return f"{sentence.capitalize()}."
    odd = _odd_values(expected, got)
    if odd:
        return odd
    if np.any(expected) and not np.any(got):
        return ALL_ZERO
    return _largest_difference(expected, got, same)


def _odd_values(expected: np.ndarray, got: np.ndarray) -> str:
    """A sentence where more values are NaN or infinite than should be, else nothing."""
    for is_odd, name in ((np.isnan, "NaN"), (np.isinf, "infinite")):
        odd = int(is_odd(got).sum())
        allowed = is_odd(expected).sum()
        if odd > allowed:
            verb = "is" if odd == 1 else "are"
            return f"{odd} of {got.size} values {verb} {name}."
    return ""


def _largest_difference(expected: np.ndarray, got: np.ndarray, same: np.ndarray) -> str:
    gap = np.abs(got - expected)
    gap = np.nan_to_num(gap, nan=np.inf)
    gap = np.where(same, -1.0, gap)
    largest = np.argmax(gap)
    index = np.unravel_index(largest, expected.shape)
    where = ", ".join(str(int(number)) for number in index)
    apart = _apart(expected[index], got[index])
    wrong = int((~same).sum())
    if wrong == 1:
        return f"1 of {expected.size} values differs, the one at [{where}]: {apart}."
    return (
        f"{wrong} of {expected.size} values differ; the largest difference is at "
        f"[{where}]: {apart}."
    )


def _digits(value: complex, digits: int) -> str:
    """`value` with so many digits."""
    if abs(value) < _READABLE:
        rounded = f"{value:.{digits}g}"
        is_long = "e+" in rounded and value.imag == 0
        return f"{value.real:.0f}" if is_long else rounded
    return f"{value:.{digits - 1}e}"


def _is_count(value: complex) -> bool:
    if value.imag != 0 or abs(value) >= _READABLE:
        return False
    return bool(value.real == np.rint(value.real))


def _apart(expected: complex, got: complex) -> str:
    """Both numbers, with as many digits as it takes to see that they differ; whole ones with all
    of theirs.
    """
    if _is_count(expected) and _is_count(got):
        return f"expected {expected.real:.0f}, got {got.real:.0f}"
    for digits in (4, 6, 9, 17):
        expected_text = _digits(expected, digits)
        got_text = _digits(got, digits)
        if expected_text != got_text:
            break
    return f"expected {expected_text}, got {got_text}"


def _shape(array: np.ndarray) -> str:
    if array.ndim == 0:
        return "() (a single number)"
    return str(tuple(array.shape))


_KINDS = {
    type(None): "None",
    bool: "a truth value",
    int: "a whole number",
    float: "a number",
    str: "a string",
}


def _kind(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of shape {_shape(value)}"
    if _is_short_list(value):
        return repr(value)
    if ragged := _ragged(value):
        return ragged
    kind = type(value)
    return _KINDS.get(kind, f"a {kind.__name__}")


def _ragged(value: Any) -> str:
    """A list that is no array, because its rows are not equally long; empty for anything else."""
    if not isinstance(value, (list, tuple)) or not value:
        return ""
    if not all(isinstance(row, (list, tuple, np.ndarray)) for row in value):
        return ""
    if any(isinstance(row, np.ndarray) and row.ndim == 0 for row in value):
        return ""
    lengths = [len(row) for row in value]
    if len(set(lengths)) == 1:
        return ""
    listed = ", ".join(map(str, lengths[:_FEW_ITEMS]))
    more = ", ..." if len(lengths) > _FEW_ITEMS else ""
    return f"a list whose rows have different lengths ({listed}{more})"


def _is_short_list(value: Any) -> bool:
    if not isinstance(value, (list, tuple)) or len(value) > _FEW_ITEMS:
        return False
    return all(map(_is_short, value))


def _is_short(item: Any) -> bool:
    return isinstance(item, (int, float)) and abs(item) < _READABLE
