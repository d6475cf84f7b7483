"""Whether two outputs agree, and if not, what differs in words that help."""

from __future__ import annotations

from typing import Any

import numpy as np

_MOST_DIMENSIONS = 32  # of an array, in NumPy 1


def agree(expected: Any, got: Any, rtol: float, atol: float) -> bool:
    """Whether `got` equals `expected`: same structure, same shapes (never broadcast), numbers
    within tolerance.

    A number is within tolerance if it differs by at most ``rtol * |expected| + atol *
    max(|expected|, 0.001)``, a whole number only if it differs by at most 0.4 as well. dtypes do
    not matter otherwise; lists, tuples and arrays of numbers stand for each other; a vector of one
    stands for an expected number; NaN and infinity agree only with themselves.
    """
    if expected is None or isinstance(expected, str):
        return type(got) is type(expected) and got == expected
    if isinstance(expected, dict):
        return (
            isinstance(got, dict)
            and expected.keys() == got.keys()
            and all(agree(expected[key], got[key], rtol, atol) for key in expected)
        )
    pair = _arrays(expected, got)
    if pair and pair[0].shape == pair[1].shape:
        return bool(close(*pair, rtol, atol).all())
    if isinstance(expected, (list, tuple)) and isinstance(got, (list, tuple)):
        return len(got) == len(expected) and all(
            agree(e, g, rtol, atol) for e, g in zip(expected, got, strict=True)
        )
    return False


def _arrays(expected: Any, got: Any) -> tuple[np.ndarray, np.ndarray] | None:
    """The two as arrays, a vector of one taken for the number that it holds where a number is
    expected; None where one is not an array.
    """
    e, g = as_array(expected), as_array(got)
    if e is None or g is None:
        return None
    return e, g[0] if e.shape == () and g.shape == (
        1,
    ) else g  # MXNet has no 0-d arrays: its numbers are vectors of one


def as_array(value: Any) -> np.ndarray | None:
    """`value` as an array of numbers, or None where it is not one."""
    if isinstance(value, np.ndarray):
        return value
    if isinstance(value, (bool, int, float)):
        return np.asarray(_bounded(value))
    if isinstance(value, (list, tuple)):
        arrays = [as_array(item) for item in value]
        parts = [array for array in arrays if array is not None and array.ndim < _MOST_DIMENSIONS]
        if len(parts) == len(arrays) and len({part.shape for part in parts}) <= 1:
            return np.stack(parts) if parts else np.zeros(0)
    return None


def _bounded(value: Any) -> Any:
    # An integer beyond 64 bits would become an object array.
    return (
        float(np.sign(value)) * np.inf if isinstance(value, int) and abs(value) >= 2**63 else value
    )


def close(expected: np.ndarray, got: np.ndarray, rtol: float, atol: float) -> np.ndarray:
    """Elementwise: within ``rtol * |expected| + atol * max(|expected|)``, or both NaN, or the
    same infinity. The shapes are equal.
    """
    whole = expected.dtype.kind in "bui"
    expected, got = _as_float(expected), _as_float(got)
    finite = np.abs(expected[np.isfinite(expected)])
    scale = finite.max() if finite.size else 0.0
    with np.errstate(invalid="ignore", over="ignore"):
        tolerance = rtol * np.abs(expected) + atol * max(scale, 1e-3)
        within = np.abs(got - expected) <= (
            np.minimum(tolerance, 0.4) if whole else tolerance
        )  # a count is never nearly right
    same = (got == expected) | (np.isnan(got) & np.isnan(expected))
    return np.where(np.isfinite(expected), within, same)


def _as_float(array: np.ndarray) -> np.ndarray:
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


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
    pair = _arrays(expected, got)
    if pair and pair[0].shape == pair[1].shape:
        return _differences_in_value(*pair, rtol, atol)
    if isinstance(expected, (list, tuple)) and isinstance(got, (list, tuple)):
        return _differences_in_list(expected, got, rtol, atol)
    if pair:
        return _differences_in_shape(*pair, rtol, atol)
    return [f"Expected {_kind(expected)}, got {_kind(got)}."]


def _differences_in_dict(expected: dict, got: dict, rtol: float, atol: float) -> list[str]:
    if missing := [str(key) for key in expected if key not in got]:
        return [f"Missing: {', '.join(missing)}."]
    if extra := [str(key) for key in got if key not in expected]:
        return [f"Not expected: {', '.join(extra)}."]
    found = []
    for key in expected:
        if not agree(expected[key], got[key], rtol, atol):
            found += [
                f"{str(key).replace('_', ' ')}: {sentence}"
                for sentence in differences(
                    expected[key], got[key], rtol, atol, none_is_a_result=True
                )
            ]
    return found


def _differences_in_list(
    expected: list | tuple, got: list | tuple, rtol: float, atol: float
) -> list[str]:
    if len(expected) != len(got):
        return [f"Expected {len(expected)} items, got {len(got)}."]
    return [
        f"item {index}: {differences(e, g, rtol, atol, none_is_a_result=True)[0]}"
        for index, (e, g) in enumerate(zip(expected, got, strict=True))
        if not agree(e, g, rtol, atol)
    ]


def _differences_in_shape(e: np.ndarray, g: np.ndarray, rtol: float, atol: float) -> list[str]:
    sentences = [f"The shape should be {_shape(e)}, not {_shape(g)}."]
    if e.ndim >= 2 and e.shape == g.shape[::-1] and close(e, g.T, rtol, atol).all():
        sentences.append("The values are right but transposed.")
    elif e.size == g.size and close(e.ravel(), g.ravel(), rtol, atol).all():
        sentences.append("The values are right; only the shape is not.")
    elif e.ndim == g.ndim and sorted(e.shape) == sorted(g.shape):
        sentences.append("The sizes are right but the axes are in another order.")
    elif e.ndim == g.ndim and {a - b for a, b in zip(e.shape, g.shape, strict=True)} in (
        {1},
        {-1},
        {0, 1},
        {0, -1},
    ):
        sentences.append("It is off by one: look at where the last position starts.")
    return sentences


def _differences_in_value(e: np.ndarray, g: np.ndarray, rtol: float, atol: float) -> list[str]:
    same = close(e, g, rtol, atol)
    wrong = int((~same).sum())
    if np.isnan(g).sum() > np.isnan(e).sum():
        return [f"{int(np.isnan(g).sum())} of {g.size} values are NaN."]
    if np.isinf(g).sum() > np.isinf(e).sum():
        return [f"{int(np.isinf(g).sum())} of {g.size} values are infinite."]
    e, g = _as_float(e), _as_float(g)
    if e.size == 1:
        return [f"{_apart(e.item(), g.item()).capitalize()}."]
    if relation := _relation(e, g, rtol, atol):
        return [relation]
    if border := _border(same):
        return [border]
    if (np.rint(g) == g).all() and not (np.rint(e) == e).all() and (np.abs(g - e) <= 1).all():
        return ["The values are whole numbers: they were rounded or stored as integers on the way."]
    gap = np.where(same, -1.0, np.nan_to_num(np.abs(g - e), nan=np.inf))
    worst = np.unravel_index(np.argmax(gap), e.shape)
    where = ", ".join(str(int(i)) for i in worst)
    return [
        f"{wrong} of {e.size} values differ; the largest difference is at "
        f"[{where}]: {_apart(e[worst], g[worst])}."
    ]


def _relation(e: np.ndarray, g: np.ndarray, rtol: float, atol: float) -> str | None:
    """A simple relation that turns one array into the other, in words."""
    if not np.any(g) and np.any(e):
        return "All values are zero."
    if np.any(e) and close(e, -g, rtol, atol).all():
        return "The sign is wrong: every value is the negative of what is expected."
    if (
        e.ndim >= 2
        and e.shape[-1] == e.shape[-2]
        and close(e, np.swapaxes(g, -1, -2), rtol, atol).all()
    ):
        return "The result is transposed: rows and columns are swapped."
    for axis in range(e.ndim):
        if e.shape[axis] > 1 and close(e, np.flip(g, axis), rtol, atol).all():
            return f"The result is reversed along axis {axis}."
    if (
        e.size >= (4 if (np.rint(e) == e).all() else 2) and np.abs(e).max() > 0
    ):  # two or three whole numbers agree by chance
        factor = float(np.real(np.vdot(e, g)) / np.real(np.vdot(e, e)))
        if factor and close(e, g / factor, rtol, atol).all():
            return f"Every value is {_factor(factor)} what is expected: a constant factor is off."
        offset = float(np.real((g - e).mean()))
        if close(e + offset, g, rtol, atol).all():
            return (
                f"Every value is {_number(abs(offset))} too {'large' if offset > 0 else 'small'}: "
                "a constant is added or missing."
            )
    return None


def _border(same: np.ndarray) -> str | None:
    if (
        same.ndim < 2 or min(same.shape[-2:]) < 4 or not same[..., 1:-1, 1:-1].all()
    ):  # of 3 x 3 the inside is a single number
        return None
    return (
        "Only the border is off: the inside is right. Look at how the edges "
        "are padded or where the window stops."
    )


def _factor(factor: float) -> str:
    if (
        abs(factor) < 1
        and abs(round(1 / factor)) > 1
        and abs(1 / factor - round(1 / factor)) < 1e-3
    ):
        return f"1/{round(1 / factor)} of"
    return f"{factor:.6g} times"


def _number(value: complex) -> str:
    return f"{value:.4g}" if abs(value) < 1e15 else f"{value:.3e}"


def _apart(expected: complex, got: complex) -> str:
    """Both numbers, with as many digits as it takes to see that they differ."""
    for digits in (4, 6, 9, 17):
        texts = [
            f"{value:.{digits}g}" if abs(value) < 1e15 else f"{value:.{digits - 1}e}"
            for value in (expected, got)
        ]
        if texts[0] != texts[1]:
            break
    return f"expected {texts[0]}, got {texts[1]}"


def _shape(array: np.ndarray) -> str:
    return str(tuple(array.shape)) if array.ndim else "() (a single number)"


def _kind(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of shape {_shape(value)}"
    if (
        isinstance(value, (list, tuple))
        and len(value) <= 4
        and all(isinstance(item, (int, float)) and abs(item) < 1e15 for item in value)
    ):
        return repr(value)
    names = {
        type(None): "None",
        bool: "a truth value",
        int: "a whole number",
        float: "a number",
        str: "a string",
    }
    return names.get(type(value), f"a {type(value).__name__}")
