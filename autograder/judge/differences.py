"""What differs between two outputs, in words that help."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograder.values.agreement import agree, as_arrays, as_float, close

_READABLE = 1e15
"""Numbers from here on are written with an exponent."""


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
    pair = as_arrays(expected, got)
    if pair and pair[0].shape == pair[1].shape:
        return [_difference_in_value(*pair, rtol, atol)]
    if isinstance(expected, (list, tuple)) and isinstance(got, (list, tuple)):
        return _differences_in_list(expected, got, rtol, atol)
    if pair:
        return _differences_in_shape(*pair, rtol, atol)
    return [f"Expected {_kind(expected)}, got {_kind(got)}."]


def _differences_in_dict(
    expected: dict[Any, Any], got: dict[Any, Any], rtol: float, atol: float
) -> list[str]:
    missing = [str(key) for key in expected if key not in got]
    if missing:
        return [f"Missing: {', '.join(missing)}."]
    extra = [str(key) for key in got if key not in expected]
    if extra:
        return [f"Not expected: {', '.join(extra)}."]
    sentences = []
    for key in expected:
        if agree(expected[key], got[key], rtol, atol):
            continue
        name = str(key).replace("_", " ")
        inner = differences(expected[key], got[key], rtol, atol, none_is_a_result=True)
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
    for index, (one, other) in enumerate(zip(expected, got, strict=True)):
        if agree(one, other, rtol, atol):
            continue
        first, *_ = differences(one, other, rtol, atol, none_is_a_result=True)
        sentences.append(f"item {index}: {first}")
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
    if transposed and close(expected, got.T, rtol, atol).all():
        return "The values are right but transposed."
    if expected.size == got.size and close(expected.ravel(), got.ravel(), rtol, atol).all():
        return "The values are right; only the shape is not."
    if expected.ndim != got.ndim:
        return ""
    if sorted(expected.shape) == sorted(got.shape):
        return "The sizes are right but the axes are in another order."
    excess = {one - other for one, other in zip(expected.shape, got.shape, strict=True)}
    if excess in ({1}, {-1}, {0, 1}, {0, -1}):
        return "It is off by one: look at where the last position starts."
    return ""


def _difference_in_value(expected: np.ndarray, got: np.ndarray, rtol: float, atol: float) -> str:
    """One sentence on two arrays of the same shape."""
    for is_odd, name in ((np.isnan, "NaN"), (np.isinf, "infinite")):
        odd = int(is_odd(got).sum())
        if odd > is_odd(expected).sum():
            return f"{odd} of {got.size} values are {name}."
    same = close(expected, got, rtol, atol)
    expected, got = as_float(expected), as_float(got)
    if expected.size == 1:
        return f"{_apart(expected.item(), got.item()).capitalize()}."
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


def _rounded(expected: np.ndarray, got: np.ndarray) -> bool:
    if not _is_whole(got) or _is_whole(expected):
        return False
    return bool((np.abs(got - expected) <= 1).all())


def _is_whole(array: np.ndarray) -> bool:
    return bool((np.rint(array) == array).all())


def _largest_difference(expected: np.ndarray, got: np.ndarray, same: np.ndarray) -> str:
    gap = np.nan_to_num(np.abs(got - expected), nan=np.inf)
    worst = np.unravel_index(np.argmax(np.where(same, -1.0, gap)), expected.shape)
    where = ", ".join(str(int(index)) for index in worst)
    wrong = int((~same).sum())
    return (
        f"{wrong} of {expected.size} values differ; the largest difference is at "
        f"[{where}]: {_apart(expected[worst], got[worst])}."
    )


def _relation(expected: np.ndarray, got: np.ndarray, rtol: float, atol: float) -> str:
    """A simple relation that turns one array into the other, in words; empty where there is
    none.
    """
    if not np.any(got) and np.any(expected):
        return "All values are zero."
    if np.any(expected) and close(expected, -got, rtol, atol).all():
        return "The sign is wrong: every value is the negative of what is expected."
    square = expected.ndim >= 2 and expected.shape[-1] == expected.shape[-2]
    if square and close(expected, np.swapaxes(got, -1, -2), rtol, atol).all():
        return "The result is transposed: rows and columns are swapped."
    for axis in range(expected.ndim):
        if expected.shape[axis] > 1 and close(expected, np.flip(got, axis), rtol, atol).all():
            return f"The result is reversed along axis {axis}."
    # Two or three whole numbers agree by chance.
    least = 4 if _is_whole(expected) else 2
    if expected.size >= least and np.abs(expected).max() > 0:
        return _linear_relation(expected, got, rtol, atol)
    return ""


def _linear_relation(expected: np.ndarray, got: np.ndarray, rtol: float, atol: float) -> str:
    factor = float(np.real(np.vdot(expected, got)) / np.real(np.vdot(expected, expected)))
    if factor and close(expected, got / factor, rtol, atol).all():
        return f"Every value is {_factor(factor)} what is expected: a constant factor is off."
    offset = float(np.real((got - expected).mean()))
    if close(expected + offset, got, rtol, atol).all():
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
    return f"{value:.{digits}g}" if abs(value) < _READABLE else f"{value:.{digits - 1}e}"


def _apart(expected: complex, got: complex) -> str:
    """Both numbers, with as many digits as it takes to see that they differ."""
    for digits in (4, 6, 9, 17):
        one, other = _digits(expected, digits), _digits(got, digits)
        if one != other:
            break
    return f"expected {one}, got {other}"


def _shape(array: np.ndarray) -> str:
    return str(tuple(array.shape)) if array.ndim else "() (a single number)"


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
    if isinstance(value, (list, tuple)) and len(value) <= 4 and all(map(_is_short, value)):
        return repr(value)
    return _KINDS.get(type(value), f"a {type(value).__name__}")


def _is_short(item: Any) -> bool:
    return isinstance(item, (int, float)) and abs(item) < _READABLE
