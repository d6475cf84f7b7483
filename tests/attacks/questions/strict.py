"""A question with a ban."""

import numpy as np

from autograder import question


@question(points=3, forbids=["numpy.sort", "numpy.ndarray.sort", "builtins.sorted"])
def order(values):
    """The values from the smallest to the largest, by your own code. values: (n,) float32 -> (n,)"""
    return np.sort(values)


@order.probe(repeat=2)
def several(rng):
    return (rng.normal(size=6).astype(np.float32),)
