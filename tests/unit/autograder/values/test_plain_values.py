"""Plain values: everything allowed comes through unchanged, nothing else comes through at all."""

from __future__ import annotations

import json
import tracemalloc

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
    return unpack(tree, read_arrays(descriptions, b"".join(array.tobytes() for array in arrays)))


# --------------------------------------------------------------------------------------------------


@given(some.plain_values())
def test_a_plain_value_comes_back_with_the_same_types_and_bits(value):
    assert identical(through_bytes(to_plain(value)), value)


@pytest.mark.parametrize("dtype", some.DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (1,), (0, 3), (2, 3), (2, 1, 3), (1,) * 32])
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
    assert back.shape == view.shape and back.tobytes() == np.ascontiguousarray(view).tobytes()


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


class _Array(np.ndarray):
    pass


class _Float(float):
    pass


def _endless_list():
    endless = []
    endless.append(endless)
    return endless


REFUSED = {
    "array subclass": lambda: np.ones(3).view(_Array),
    "matrix": lambda: np.asmatrix(np.eye(2)),
    "masked array": lambda: np.ma.masked_array([1, 2], [True, False]),
    "record array": lambda: np.zeros(2, [("a", int)]),
    "object array": lambda: np.array([1, None]),
    "string array": lambda: np.array(["a"]),
    "dates": lambda: np.array(["2020-01-01"], "datetime64[D]"),
    "long double": lambda: np.ones(2, np.longdouble),
    "numpy string": lambda: np.str_("a"),
    "float subclass": lambda: _Float(1),
    "generator": lambda: (n for n in range(3)),
    "range": lambda: range(3),
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
    "ignore::UserWarning", "ignore::PendingDeprecationWarning", "ignore::DeprecationWarning"
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


@given(st.lists(some.array_descriptions | some.json_values, max_size=3), st.binary(max_size=64))
def test_any_description_gives_arrays_that_use_up_the_bytes_or_is_malformed(descriptions, body):
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
    "huge but for a zero at the end": ([{"dtype": "float64", "shape": [*[2**31 - 1] * 3, 0]}], b""),
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
