"""The numbers in a plain value: one walk over arrays, numbers, and what holds them, for whoever
looks at them and for whoever changes them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

Leaf: TypeAlias = np.ndarray | list | tuple | int | float
"""Where the walk ends: an array, a list or a tuple of numbers alone, or a number."""


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def leaves(value: Any) -> list[Leaf]:
    """All leaves of `value`, in order."""
    found: list[Leaf] = []

    def keep(leaf: Leaf) -> Leaf:
        found.append(leaf)
        return leaf

    _map_leaves(value, keep)
    return found


def arrays_in(value: Any) -> list[np.ndarray]:
    """Everything that `map_numbers` would change, as the arrays that it would hand over."""
    found: list[np.ndarray] = []

    def keep(array: np.ndarray) -> np.ndarray:
        found.append(array)
        return array

    map_numbers(value, keep)
    return found


def map_numbers(value: Any, change: Callable[[np.ndarray], np.ndarray]) -> Any:
    """`value` with everything in it that is made of numbers changed: arrays, flat lists of numbers,
    single numbers. All of them reach `change` as arrays, and are afterwards what they were.

    Whole numbers that no dtype holds stay as they are.
    """

    def change_leaf(leaf: Leaf) -> Any:
        if isinstance(leaf, np.ndarray):
            # Arithmetic with an array without axes gives a number, and no array.
            return np.asarray(change(leaf)) if _holds_numbers(leaf) else leaf
        if isinstance(leaf, (list, tuple)) and len({type(item) for item in leaf}) > 1:
            return type(leaf)(
                map(change_leaf, leaf)
            )  # As one array all would be floats.
        array = np.asarray(leaf)
        if not _holds_numbers(array):
            return leaf
        changed = change(array).tolist()
        return type(leaf)(changed) if isinstance(leaf, (list, tuple)) else changed

    return _map_leaves(value, change_leaf)


def _map_leaves(value: Any, change: Callable[[Leaf], Any]) -> Any:
    """`value` with every leaf changed; what is no number stays as it is."""
    if isinstance(value, np.ndarray) or is_number(value):
        return change(value)
    if isinstance(value, dict):
        return {key: _map_leaves(item, change) for key, item in value.items()}
    if not isinstance(value, (list, tuple)):
        return value
    if all(map(is_number, value)):
        return change(value)
    return type(value)(_map_leaves(item, change) for item in value)


def _holds_numbers(array: np.ndarray) -> bool:
    return array.dtype.kind in "iuf"
