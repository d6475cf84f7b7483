"""Hypothesis strategies for the engine's tests."""

from __future__ import annotations

import math
import os

import numpy as np
from hypothesis import strategies as st

TIMES = 40 if os.environ.get("HYPOTHESIS_PROFILE") == "night" else 1
"""How many times as many examples as by day a test draws."""


def examples(number: int) -> int:
    """For a test that can do with fewer than the others: `number` of them by day."""
    return number * TIMES


_KINDS = {
    "bool": [""],
    "int": [8, 16, 32, 64],
    "uint": [8, 16, 32, 64],
    "float": [16, 32, 64],
    "complex": [64, 128],
}
DTYPES = tuple(f"{kind}{bits}" for kind, sizes in _KINDS.items() for bits in sizes)
"""Every dtype that may cross between the two processes."""

seeds = st.integers(0, 2**32 - 1)
generators = seeds.map(np.random.default_rng)
shapes = st.lists(st.integers(0, 4), max_size=4).map(tuple)


@st.composite
def any_arrays(draw: st.DrawFn) -> np.ndarray:
    """An array of any dtype and shape with arbitrary bits: NaN, infinity and subnormal numbers
    among them.
    """
    dtype, shape = np.dtype(draw(st.sampled_from(DTYPES))), draw(shapes)
    bits = draw(
        st.binary(min_size=(size := math.prod(shape) * dtype.itemsize), max_size=size)
    )
    if dtype == np.bool_:
        return (np.frombuffer(bits, np.uint8) % 2).astype(bool).reshape(shape)
    return np.frombuffer(bits, dtype).reshape(shape)


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_subnormal=False)
    | st.text(max_size=8)
)


def plain_values(max_leaves: int = 12) -> st.SearchStrategy:
    """Whatever may cross: arrays, numbers, strings, and lists, tuples and dicts of them, nested."""
    keys = st.text(max_size=4) | st.integers()
    return st.recursive(
        scalars | any_arrays(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.lists(inner, max_size=3).map(tuple)
            | st.dictionaries(keys, inner, max_size=3)
        ),
        max_leaves=max_leaves,
    ).filter(lambda value: depth(value) <= 8)


def depth(value: object) -> int:
    """How many containers lie around the innermost value."""
    if isinstance(value, dict):
        value = list(value.values())
    return (
        1 + max(map(depth, value), default=0) if isinstance(value, (list, tuple)) else 0
    )


def identical(one, other) -> bool:
    """Same types all the way down, and the same bits."""
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        return (
            one.dtype == other.dtype
            and one.shape == other.shape
            and one.tobytes() == other.tobytes()
        )
    if isinstance(one, dict):
        return list(one) == list(other) and all(
            identical(one[key], other[key]) for key in one
        )
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(identical, one, other))
    return one == other or (one != one and other != other)


json_values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(max_size=3)
            | st.sampled_from(["array", "list", "tuple", "dict", "dtype", "shape"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=20,
)
"""Anything that JSON can say, leaning towards the words of the protocol."""

array_descriptions = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(
            [*DTYPES, "object", "str32", "float128", "O", "<f4", "", "void64"]
        )
        | json_values,
        "shape": st.lists(
            st.integers(-3, 3)
            | st.sampled_from([2**31 - 1, 2**31, 2**63, 10**30])
            | st.booleans(),
            max_size=40,
        )
        | json_values,
    }
)
"""What a stranger may write of an array."""


@st.composite
def arrays_of_numbers(
    draw: st.DrawFn,
    min_dims: int = 0,
    max_dims: int = 4,
    scale: st.SearchStrategy | None = None,
) -> np.ndarray:
    """A float64 array of random shape, normal values times a scale between 1e-4 and 1e30, never
    all zero.
    """
    shape = tuple(
        draw(st.lists(st.integers(1, 5), min_size=min_dims, max_size=max_dims))
    )
    exponent = draw(st.integers(-4, 30) if scale is None else scale)
    array = draw(generators).normal(size=shape)
    return np.asarray(array / np.abs(array).max() * 10.0**exponent)


small_integer_arrays = st.tuples(st.integers(1, 4), st.integers(1, 4), seeds).map(
    lambda t: np.random.default_rng(t[2]).integers(-2, 3, size=t[:2]).astype(float)
)
"""Matrices of few values, among which coincidences (a transpose that is also a flip) are common."""
