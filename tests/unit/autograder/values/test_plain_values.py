"""Plain values: everything allowed comes through unchanged, nothing else comes through at all."""

from __future__ import annotations

import collections
import enum
import json
import tracemalloc
import warnings
from decimal import Decimal
from fractions import Fraction
from math import inf

import numpy as np
import pytest
import strategies as some
from hypothesis import given
from hypothesis import strategies as st
from strategies import identical

from autograder.values.plain_values import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_ITEMS,
    Malformed,
    Refused,
    describe_arrays,
    pack,
    read_arrays,
    to_plain,
    unpack,
)


def through_bytes(value):
    tree, arrays = pack(value)
    tree, descriptions = json.loads(json.dumps([tree, describe_arrays(arrays)]))
    return unpack(
        tree, read_arrays(descriptions, b"".join(array.tobytes() for array in arrays))
    )


# --------------------------------------------------------------------------------------------------


@given(some.plain_values())
def test_a_plain_value_comes_back_with_the_same_types_and_bits(value):
    assert identical(through_bytes(to_plain(value)), value)


@pytest.mark.parametrize("dtype", some.DTYPES)
@pytest.mark.parametrize(
    "shape", [(), (0,), (1,), (0, 3), (2, 3), (2, 1, 3), (1,) * 32]
)
def test_every_dtype_and_shape_comes_back(dtype, shape):
    array = np.ones(shape, dtype)
    assert identical(through_bytes(to_plain(array)), array)


@given(some.any_arrays(), st.data())
def test_views_are_sent_as_what_they_show(array, data):
    view = data.draw(
        st.sampled_from(
            [
                array.T,
                array[..., ::-1] if array.ndim else array,
                np.broadcast_to(array, (2, *array.shape)),
            ]
        )
    )
    back = through_bytes(to_plain(view))
    assert (
        back.shape == view.shape
        and back.tobytes() == np.ascontiguousarray(view).tobytes()
    )


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_byte_order_of_an_array_does_not_change_its_numbers(order):
    array = np.array([1.5, -2.0, 300.0]).astype(np.dtype("f4").newbyteorder(order))
    assert through_bytes(to_plain(array)).tolist() == [1.5, -2.0, 300.0]


# --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "scalar",
    [
        np.float32(1.5),
        np.float64(2),
        np.int8(-3),
        np.uint64(2**64 - 1),
        np.bool_(True),
        np.complex64(1j),
    ],
    ids=repr,
)
def test_a_numpy_scalar_becomes_an_array_without_dimensions(scalar):
    plain = to_plain(scalar)
    assert (plain.shape, plain.dtype, plain.item()) == ((), scalar.dtype, scalar.item())


@pytest.mark.parametrize(
    "value", [True, False, 0, -(10**30), 10**400, 1e300, float("inf"), "", "é\x00"]
)
def test_python_numbers_and_strings_stay_what_they_are(value):
    assert identical(to_plain(value), value)
    assert identical(through_bytes(value), value)


def lying(*names):
    """Methods that answer for the value otherwise than its base class would."""

    def lie(self, *args, **kwargs):
        raise AssertionError("a subclass was asked")

    return dict.fromkeys(names, lie)


def subclass(base, *names):
    return type(f"Lying{base.__name__}", (base,), lying(*names))


Interval = collections.namedtuple("Interval", ["low", "high"])
_LyingList = subclass(list, "__iter__", "__len__", "__getitem__")
_LyingTuple = subclass(tuple, "__iter__", "__len__", "__getitem__")
_LyingDict = subclass(
    dict, "__iter__", "__len__", "__getitem__", "items", "keys", "values"
)
_LyingInt = subclass(int, "__int__", "__index__", "__float__")
_LyingFloat = subclass(float, "__float__", "__int__")
_LyingStr = subclass(str, "__str__", "__iter__")
_LyingArray = subclass(np.ndarray, "__array__", "astype", "tobytes", "tolist")


class Colour(enum.IntEnum):
    RED = 3


BY_INHERITANCE = {
    "named tuple": (lambda: Interval(0.25, 1), (0.25, 1)),
    "tuple": (lambda: _LyingTuple([1, 2]), (1, 2)),
    "list": (lambda: _LyingList([1, [2]]), [1, [2]]),
    "dict": (lambda: _LyingDict({"a": 1}), {"a": 1}),
    "dict with a default": (lambda: collections.defaultdict(list, a=[1]), {"a": [1]}),
    "ordered dict": (lambda: collections.OrderedDict(a=1, b=2), {"a": 1, "b": 2}),
    "counter": (lambda: collections.Counter("abb"), {"a": 1, "b": 2}),
    "whole number": (lambda: _LyingInt(7), 7),
    "member of an enumeration": (lambda: Colour.RED, 3),
    "number": (lambda: _LyingFloat(0.5), 0.5),
    "string": (lambda: _LyingStr("ab"), "ab"),
    "string of NumPy": (lambda: np.str_("ab"), "ab"),
    "strings as keys": (lambda: {np.str_("a"): 1, _LyingStr("b"): 2}, {"a": 1, "b": 2}),
    "numbers as keys": (lambda: {_LyingInt(4): 1, np.int8(5): 2}, {4: 1, 5: 2}),
    "fraction": (lambda: Fraction(1, 8), 0.125),
    "fraction beyond all floats": (
        lambda: [Fraction(10**400), Fraction(-(10**400))],
        [inf, -inf],
    ),
    "decimal": (lambda: Decimal("0.125"), 0.125),
    "range": (lambda: range(1, 6, 2), [1, 3, 5]),
    "array of strings": (lambda: np.array(["b", "a"]), ["b", "a"]),
    "array of objects": (lambda: np.array([1, None, Fraction(1, 2)]), [1, None, 0.5]),
}
"""What is a plain value by what it inherits from, and the plain value that it is."""


@pytest.mark.parametrize("name", BY_INHERITANCE)
def test_a_subclass_is_taken_for_what_it_inherits_from_and_not_asked(name):
    make, plain = BY_INHERITANCE[name]
    assert identical(to_plain(make()), plain)
    assert identical(through_bytes(to_plain(make())), plain)


ARRAYS_BY_INHERITANCE = {
    "subclass": lambda: np.arange(6.0).reshape(2, 3).view(_LyingArray),
    "matrix": lambda: np.asmatrix(np.arange(6.0).reshape(2, 3)),
    "mask without anything masked": lambda: np.ma.masked_less(
        np.arange(6.0).reshape(2, 3), 0
    ),
    "record array": lambda: np.arange(6.0).reshape(2, 3).view(np.recarray),
    "long double": lambda: np.arange(6, dtype=np.longdouble).reshape(2, 3),
}


@pytest.mark.parametrize("name", ARRAYS_BY_INHERITANCE)
@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_a_kind_of_array_is_the_array_of_its_numbers(name):
    plain = to_plain(ARRAYS_BY_INHERITANCE[name]())
    assert type(plain) is np.ndarray and plain.dtype == np.float64
    assert plain.tolist() == [[0, 1, 2], [3, 4, 5]]


def test_a_matrix_keeps_its_two_axes():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sums = np.asmatrix(np.eye(3)).sum(axis=0)
    assert to_plain(sums).shape == (1, 3)


def _endless_list():
    endless = []
    endless.append(endless)
    return endless


def _endless_array():
    endless = np.empty((), object)
    endless[()] = endless
    return endless


REFUSED = {
    "masked array": lambda: np.ma.masked_array([1, 2], [True, False]),
    "record array": lambda: np.zeros(2, [("a", int)]),
    "array of what cannot cross": lambda: np.array([1, object()]),
    "array of too many objects": lambda: np.broadcast_to(
        np.array([None]), MAX_ITEMS + 1
    ),
    "array of itself": _endless_array,
    "dates": lambda: np.array(["2020-01-01"], "datetime64[D]"),
    "bytes of NumPy": lambda: np.bytes_(b"a"),
    "signaling NaN": lambda: Decimal("sNaN"),
    "endless range": lambda: range(10**9),
    "generator": lambda: (n for n in range(3)),
    "set": lambda: {1, 2},
    "bytes": lambda: b"a",
    "complex number": lambda: 1j,
    "function": lambda: len,
    "dict with odd keys": lambda: {(1, 2): 3},
    "dict with floats of NumPy as keys": lambda: {np.float64(1): 3},
    "list in itself": _endless_list,
    "list of too many items": lambda: [0] * (MAX_ITEMS + 1),
    "array that is too large": lambda: np.broadcast_to(np.zeros(1), MAX_BYTES // 8 + 1),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.filterwarnings(
    "ignore::UserWarning",
    "ignore::PendingDeprecationWarning",
    "ignore::DeprecationWarning",
)
def test_everything_else_is_refused_with_a_sentence(name):
    with pytest.raises(Refused) as refusal:
        to_plain(REFUSED[name]())
    assert 10 < len(str(refusal.value)) < 200


def test_whole_numbers_of_numpy_may_be_keys_as_unique_gives_them():
    found = to_plain({label: 2 * label for label in np.unique([7, 3, 3])})
    assert found == {3: 6, 7: 14} and {type(key) for key in found} == {int}


def nested(levels):
    value = 1.0
    for _ in range(levels):
        value = [value]
    return value


def test_what_to_plain_lets_pass_is_never_malformed_on_the_other_side():
    deepest = nested(MAX_DEPTH + 1)
    assert through_bytes(to_plain(deepest)) == deepest
    with pytest.raises(Refused):
        to_plain(nested(MAX_DEPTH + 2))
    longest = [0] * (MAX_ITEMS - 1)
    assert through_bytes(to_plain(longest)) == longest


# --------------------------------------------------------------------------------------------------


@given(some.json_values, st.lists(some.any_arrays(), max_size=2))
def test_any_tree_is_a_plain_value_or_malformed(tree, arrays):
    try:
        value = unpack(tree, arrays)
    except Malformed:
        return
    assert identical(to_plain(value), value)


@given(
    st.lists(some.array_descriptions | some.json_values, max_size=3),
    st.binary(max_size=64),
)
def test_any_description_gives_arrays_that_use_up_the_bytes_or_is_malformed(
    descriptions, body
):
    try:
        arrays = read_arrays(descriptions, body)
    except Malformed:
        return
    assert sum(array.nbytes for array in arrays) == len(body)


HOSTILE = {
    "no list": ({"dtype": "int8", "shape": []}, b"\0"),
    "none": (None, b""),
    "object dtype": ([{"dtype": "object", "shape": [1]}], b"\0" * 8),
    "pointer dtype": ([{"dtype": "O", "shape": [1]}], b"\0" * 8),
    "record dtype": ([{"dtype": [["a", "O"]], "shape": [1]}], b"\0" * 8),
    "dtype in another spelling": ([{"dtype": "<f4", "shape": [1]}], b"\0" * 4),
    "negative size": ([{"dtype": "int8", "shape": [-1]}], b"\0"),
    "two negative sizes": ([{"dtype": "int8", "shape": [-1, -1]}], b"\0"),
    "boolean size": ([{"dtype": "int8", "shape": [True]}], b"\0"),
    "fractional size": ([{"dtype": "int8", "shape": [1.0]}], b"\0"),
    "size in words": ([{"dtype": "int8", "shape": "1"}], b"\0"),
    "huge": ([{"dtype": "float64", "shape": [2**31 - 1] * 4}], b"\0" * 8),
    "huger than an integer": ([{"dtype": "float64", "shape": [2**64]}], b"\0" * 8),
    "huge but for a zero at the front": (
        [{"dtype": "float64", "shape": [0, *[2**31 - 1] * 3]}],
        b"",
    ),
    "huge but for a zero at the end": (
        [{"dtype": "float64", "shape": [*[2**31 - 1] * 3, 0]}],
        b"",
    ),
    "too many dimensions": ([{"dtype": "int8", "shape": [1] * 33}], b"\0"),
    "too few bytes": ([{"dtype": "float32", "shape": [2]}], b"\0" * 7),
    "too many bytes": ([{"dtype": "float32", "shape": [2]}], b"\0" * 9),
    "second too long": (
        [{"dtype": "int8", "shape": [2]}, {"dtype": "int8", "shape": [3]}],
        b"\0" * 4,
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_false_description_is_malformed_and_allocates_nothing(name):
    tracemalloc.start()
    try:
        with pytest.raises(Malformed):
            read_arrays(*HOSTILE[name])
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "tree",
    [
        {"array": 1},
        {"array": -1},
        {"array": True},
        {"array": 0.0},
        {"array": "0"},
        {"list": {}},
        {"list": "abc"},
        {"set": []},
        {"list": [], "tuple": []},
        {},
        [],
        [1],
        {"dict": [["a"]]},
        {"dict": [["a", 1, 2]]},
        {"dict": [[["a"], 1]]},
        {"dict": [[None, 1]]},
        {"list": [0] * (MAX_ITEMS + 1)},
    ],
    ids=lambda tree: str(tree)[:30],
)
def test_a_tree_that_pack_does_not_make_is_malformed(tree):
    with pytest.raises(Malformed):
        unpack(tree, [np.zeros(1)])


def test_a_tree_that_is_too_deep_is_malformed():
    tree = 0
    for _ in range(900):
        tree = {"list": [tree]}
    with pytest.raises(Malformed):
        unpack(tree, [])
