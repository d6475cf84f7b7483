"""What repeated measurements tell."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def interval(values: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """(mean, half the width of its 95 % confidence interval), over the first axis, by Student's t:
    mean - half to mean + half.

    values: (n, ...), from n independent repetitions (seeds, draws), n >= 2. Both results have the
        shape (...).

    Raises ValueError for fewer than two repetitions, which say nothing about their spread. Source:
    W. S. Gosset ("Student", 1908).
    """
    from scipy.stats import t

    values = np.asarray(values, float)
    n = len(values) if values.ndim else 0
    if n < 2:
        raise ValueError(
            f"interval: {n} repetitions have no spread to tell; there must be at least 2."
        )
    return values.mean(axis=0), t.ppf(0.975, n - 1) * values.std(
        axis=0, ddof=1
    ) / np.sqrt(n)
