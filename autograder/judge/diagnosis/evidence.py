"""What a result or an input tells: more than chance, or less."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import Any

import numpy as np

_MANY = 6


def size_of(value: Any) -> Hashable:
    """What tells inputs of different sizes apart: the shapes of arrays, single numbers."""
    if isinstance(value, np.ndarray):
        return tuple(value.shape)
    if isinstance(value, dict):
        return tuple(map(size_of, value.values()))
    if isinstance(value, (list, tuple)):
        return tuple(map(size_of, value))
    return repr(value)


def is_degenerate(inputs: Sequence[Any]) -> bool:
    """Whether an array among the inputs is a single number, a single pixel, or the same number
    everywhere: for such inputs many mistakes look alike.
    """
    return any(map(_is_degenerate, inputs))


def _is_degenerate(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(map(_is_degenerate, value))
    if not isinstance(value, np.ndarray) or value.size == 0:
        return False
    rows_and_columns = value.shape[-2:]
    if value.size == 1 or rows_and_columns == (1, 1):
        return True
    first = value.flat[0]
    return bool((value == first).all())


def is_no_accident(value: Any) -> bool:
    """Whether hardly two mistakes give this result by chance: a finite number that is not whole is
    in it, or many different ones.
    """
    different: set[float] = set()
    for numbers in _numbers(value):
        finite = numbers[np.isfinite(numbers)]
        is_broken = np.rint(finite) != finite
        if is_broken.any():
            return True
        smallest = np.unique(finite)[:_MANY]
        different.update(smallest.tolist())
    return len(different) >= _MANY


def _numbers(value: Any) -> Iterator[np.ndarray]:
    """All numbers of a result, array by array."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _numbers(item)
    elif isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, (int, float)):
        yield np.asarray(value, dtype=float)


def as_key(value: Any) -> Hashable:
    """Equal for equal results."""
    if isinstance(value, dict):
        keys = map(as_key, value.values())
        return tuple(zip(value, keys, strict=True))
    if isinstance(value, (list, tuple)):
        return tuple(map(as_key, value))
    if isinstance(value, np.ndarray):
        return value.shape, repr(value.tolist())
    return repr(value)
