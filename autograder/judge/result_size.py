"""How much there is in a result, counted before anything is computed with it: a stranger's array of
some megabytes may be multiplied into gigabytes by a question's own measurement.
"""

from __future__ import annotations

from typing import Any

import numpy as np

TIMES = 8
"""How many times as many numbers as went into a call may come out of it and be measured."""

FREE = 200_000
"""Numbers that any result may have, however few went in: a history, or a small net's state."""


def numbers_in(value: Any) -> int:
    """The numbers and texts in a plain value."""
    count, waiting = 0, [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, np.ndarray):
            count += each.size
        elif isinstance(each, dict):
            waiting += each.values()
        elif isinstance(each, (list, tuple)):
            waiting += each
        else:
            count += 1
    return count


def too_many(result: Any, usual: int) -> str:
    """That a result has more numbers than are looked at where there are `usual` ones, as a
    sentence; "" where it has not.
    """
    most = TIMES * usual + FREE
    found = numbers_in(result)
    if found <= most:
        return ""
    allowed = f"{most:,} are allowed"
    return f"The result holds {found:,} numbers, far more than the task asks for; {allowed}."
