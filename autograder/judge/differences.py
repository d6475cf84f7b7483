"""What differs between two outputs, in words that help."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograder.values.agreement import agree, as_arrays, as_float, close

_READABLE = 1e15
"""Numbers from here on are written with an exponent."""

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
        return [f"Expected {expected[:60]!r}, got {got[:60]!r}."]
    arrays = as_arrays(expected, got)
    same_shape = arrays is not None and arrays[0].shape == arrays[1].shape
    if arrays is not None and same_shape:
        return [_difference_in_value(*arrays, rtol, atol)]
    if isinstance(expected, (list, tuple)) and isinstance(got, (list, tuple)):
        return _differences_in_list(expected, got, rtol, atol)
    if arrays is not None:
        return _differences_in_shape(*arrays, rtol, atol)
    return [f"Expected {_kind(expected)}, got {_kind(got)}."]


def _differences_in_dict(
    expected: dict[Any, Any], got: dict[Any, Any], rtol: float, atol: float
) -> list[str]:
    missing = [str(key) for key in expected if key not in got]
    if missing:
        names = ", ".join(missing)
        return [f"Missing: {names}."]
    extra = [str(key) for key in got if key not in expected]
    if extra:
        names = ", ".join(extra)
        return [f"Not expected: {names}."]
    sentences = []
    for key, expected_value in expected.items():
        got_value = got[key]
        if agree(expected_value, got_value, rtol, atol):
            continue
        name = str(key).replace("_", " ")
        inner = differences(expected_value, got_value, rtol, atol, none_is_a_result=True)
        sentences += [f"{name}: {sentence}" for sentence in inner]
    return sentences


def _differences_in_list(
    expected: list[Any] | tuple[Any, ...],
    got: list[Any] | tuple[Any, ...],
    rtol: float,
    atol: float,
) -> list[str]:
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


def _differences_in_shape(
    expected: np.ndarray, got: np.ndarray, rtol: float, atol: float
) -> list[str]:
    sentence = f"The shape should be {_shape(expected)}, not {_shape(got)}."
    hint = _hint_on_shape(expected, got, rtol, atol)
    return [sentence, hint] if hint else [sentence]


def _hint_on_shape(expected: np.ndarray, got: np.ndarray, rtol: float, atol: float) -> str:
    """How a result of another shape may have come about, empty where nothing tells."""
    transposed = expected.ndim >= 2 and expected.shape == got.shape[::-1]
    if transposed and _all_close(expected, got.T, rtol, atol):
        return "The values are right but transposed."
    same_size = expected.size == got.size
    if same_size and _all_close(expected.ravel(), got.ravel(), rtol, atol):
        return "The values are right; only the shape is not."
    if expected.ndim != got.ndim:
        return ""
    if sorted(expected.shape) == sorted(got.shape):
        return "The sizes are right but the axes are in another order."
    if _sizes_are_off_by_one(expected.shape, got.shape):
        return "It is off by one: look at where the last position starts."
    return ""


def _sizes_are_off_by_one(expected: tuple[int, ...], got: tuple[int, ...]) -> bool:
    """Whether every size that differs is too large by one, or every one too small by one."""
    sizes = zip(expected, got, strict=True)
    excess = {expected_size - got_size for expected_size, got_size in sizes}
    wrong = excess - {0}
    return wrong in ({1}, {-1})


def _all_close(expected: np.ndarray, got: np.ndarray, rtol: float, atol: float) -> bool:
    return bool(close(expected, got, rtol, atol).all())


def _difference_in_value(expected: np.ndarray, got: np.ndarray, rtol: float, atol: float) -> str:
    """One sentence on two arrays of the same shape."""
    odd = _odd_values(expected, got)
    if odd:
        return odd
    same = close(expected, got, rtol, atol)
    expected = as_float(expected)
    got = as_float(got)
    if expected.size == 1:
        sentence = _apart(expected.item(), got.item())
        return f"{sentence.capitalize()}."
    relation = _relation(expected, got, rtol, atol)
    if relation:
        return relation
    if _only_border_differs(same):
        return (
            "Only the border is off: the inside is right. Look at how the edges "
            "are padded or where the window stops."
        )
    if _rounded(expected, got):
        return "The values are whole numbers: they were rounded or stored as integers on the way."
    return _largest_difference(expected, got, same)


def _odd_values(expected: np.ndarray, got: np.ndarray) -> str:
    """A sentence where more values are NaN or infinite than should be, else nothing."""
    for is_odd, name in ((np.isnan, "NaN"), (np.isinf, "infinite")):
        odd = int(is_odd(got).sum())
        allowed = is_odd(expected).sum()
        if odd > allowed:
            return f"{odd} of {got.size} values are {name}."
    return ""


def _rounded(expected: np.ndarray, got: np.ndarray) -> bool:
    if not _is_whole(got) or _is_whole(expected):
        return False
    gap = np.abs(got - expected)
    return bool((gap <= 1).all())


def _is_whole(array: np.ndarray) -> bool:
    return bool((np.rint(array) == array).all())


def _largest_difference(expected: np.ndarray, got: np.ndarray, same: np.ndarray) -> str:
    gap = np.abs(got - expected)
    gap = np.nan_to_num(gap, nan=np.inf)
    gap = np.where(same, -1.0, gap)
    largest = np.argmax(gap)
    index = np.unravel_index(largest, expected.shape)
    where = ", ".join(str(int(number)) for number in index)
    apart = _apart(expected[index], got[index])
    wrong = int((~same).sum())
    return (
        f"{wrong} of {expected.size} values differ; the largest difference is at "
        f"[{where}]: {apart}."
    )


def _relation(expected: np.ndarray, got: np.ndarray, rtol: float, atol: float) -> str:
    """A simple relation that turns one array into the other, in words; empty where there is
    none.
    """
    not_zero = np.any(expected)
    if not_zero and not np.any(got):
        return "All values are zero."
    if not_zero and _all_close(expected, -got, rtol, atol):
        return "The sign is wrong: every value is the negative of what is expected."
    square = expected.ndim >= 2 and expected.shape[-1] == expected.shape[-2]
    if square and _all_close(expected, np.swapaxes(got, -1, -2), rtol, atol):
        return "The result is transposed: rows and columns are swapped."
    for axis, size in enumerate(expected.shape):
        if size > 1 and _all_close(expected, np.flip(got, axis), rtol, atol):
            return f"The result is reversed along axis {axis}."
    # Two or three whole numbers agree by chance.
    least = 4 if _is_whole(expected) else 2
    if expected.size >= least and np.abs(expected).max() > 0:
        return _linear_relation(expected, got, rtol, atol)
    return ""


def _linear_relation(expected: np.ndarray, got: np.ndarray, rtol: float, atol: float) -> str:
    product = np.real(np.vdot(expected, got))
    square = np.real(np.vdot(expected, expected))
    factor = float(product / square)
    if factor and _all_close(expected, got / factor, rtol, atol):
        return f"Every value is {_factor(factor)} what is expected: a constant factor is off."
    excess = np.real((got - expected).mean())
    offset = float(excess)
    if _all_close(expected + offset, got, rtol, atol):
        direction = "large" if offset > 0 else "small"
        amount = _number(abs(offset))
        return f"Every value is {amount} too {direction}: a constant is added or missing."
    return ""


def _only_border_differs(same: np.ndarray) -> bool:
    """Whether the inside is right. The inside of 3 x 3 is a single number, and tells nothing."""
    if same.ndim < 2 or min(same.shape[-2:]) < 4:
        return False
    return bool(same[..., 1:-1, 1:-1].all())


def _factor(factor: float) -> str:
    if abs(factor) < 1:
        inverse = 1 / factor
        nearest = round(inverse)
        if abs(nearest) > 1 and abs(inverse - nearest) < 1e-3:
            return f"1/{nearest} of"
    return f"{factor:.6g} times"


def _number(value: float) -> str:
    return _digits(value, 4)


def _digits(value: complex, digits: int) -> str:
    """`value` with so many digits."""
    if abs(value) < _READABLE:
        return f"{value:.{digits}g}"
    return f"{value:.{digits - 1}e}"


def _apart(expected: complex, got: complex) -> str:
    """Both numbers, with as many digits as it takes to see that they differ."""
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
    few = isinstance(value, (list, tuple)) and len(value) <= _FEW_ITEMS
    if few and all(map(_is_short, value)):
        return repr(value)
    kind = type(value)
    return _KINDS.get(kind, f"a {kind.__name__}")


def _is_short(item: Any) -> bool:
    return isinstance(item, (int, float)) and abs(item) < _READABLE
