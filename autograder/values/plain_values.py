"""Plain values: what may cross between the student's process and the judge. NumPy arrays of
numbers, None, bool, int, float, str, and lists, tuples and dicts of these. `to_plain` makes them on
the student's side; `pack` and `unpack` turn them into JSON and raw bytes and back.

Nothing here is ever pickled, and nothing that arrives is believed: `unpack` checks every dtype,
shape and size before it makes an array.
"""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

MAX_DEPTH = 8
MAX_ITEMS = 100_000
MAX_BYTES = 256 * 2**20
_DTYPES = frozenset(
    [
        "bool",
        "int8",
        "int16",
        "int32",
        "int64",
        "uint8",
        "uint16",
        "uint32",
        "uint64",
        "float16",
        "float32",
        "float64",
        "complex64",
        "complex128",
    ]
)


class Refused(TypeError):
    """A value that cannot be judged; the message says what it is and what to return instead."""


class Malformed(ValueError):
    """Bytes that do not describe a plain value."""


def to_plain(value: Any) -> Any:
    """Copy `value`, whatever framework it comes from, into plain values.

    Understood: PyTorch tensors and parameters (on any device, with or without gradient, bfloat16 as
    float32), MXNet arrays, NumPy arrays and scalars, Python numbers, strings, and lists, tuples and
    dicts of them. Only the exact types: a subclass may answer for itself what it likes.
    Raises `Refused` for everything else.
    """
    return _plain(value, 0, itertools.count())


def _plain(value: Any, depth: int, counter: Iterator[int]) -> Any:
    if next(counter) >= MAX_ITEMS:
        raise Refused(f"more than {MAX_ITEMS:,} numbers in lists cannot be judged: return an array")
    kind = type(value)
    if value is None or kind in (bool, int, float, str):
        return value
    if depth > MAX_DEPTH:
        raise Refused(f"lists nested more than {MAX_DEPTH} deep cannot be judged")
    if kind is np.ndarray:
        return _checked(value)
    if isinstance(value, np.generic) and kind.__module__ == "numpy":
        return _checked(np.asarray(value))
    if kind in (list, tuple):
        return kind(_plain(item, depth + 1, counter) for item in value)
    if kind is dict:
        keys = {_key(key): item for key, item in value.items()}
        return {key: _plain(item, depth + 1, counter) for key, item in keys.items()}
    for convert in (_from_torch, _from_mxnet):
        array = convert(value, kind)
        if array is not None:
            return _checked(array)
    raise Refused(f"{_a(kind)} cannot be judged: return an array, a number, or a list of them")


def _key(key: Any) -> str | int:
    if type(key) is str or type(key) is int:
        return key
    if isinstance(key, np.integer) and type(key).__module__ == "numpy":  # as np.unique gives them
        return int(key)
    raise Refused(
        "a dict whose keys are not strings or whole numbers cannot be "
        f"judged: one of them is {_a(type(key))}"
    )


def _checked(array: np.ndarray) -> np.ndarray:
    if array.dtype.name not in _DTYPES:
        raise Refused(
            f"an array of dtype {array.dtype} cannot be judged: return an array of numbers"
        )
    if array.nbytes > MAX_BYTES:
        raise Refused(
            f"an array of {array.nbytes / 2**20:.0f} MB is more than can be "
            f"judged (limit {MAX_BYTES / 2**20:.0f} MB)"
        )
    # A copy, in this machine's byte order, which is what crosses.
    return array.astype(array.dtype.newbyteorder("="))


def _from_torch(value: Any, kind: type) -> np.ndarray | None:
    torch = sys.modules.get("torch")
    if torch is None or kind not in (torch.Tensor, torch.nn.Parameter):
        return None
    if value.layout is not torch.strided:
        raise Refused("a sparse tensor cannot be judged: return tensor.to_dense()")
    if value.is_quantized:
        raise Refused("a quantized tensor cannot be judged: return tensor.dequantize()")
    if value.is_meta:
        raise Refused("a tensor on the meta device has no numbers and cannot be judged")
    value = value.detach().cpu()
    value = value.float() if value.dtype is torch.bfloat16 else value
    try:
        return np.asarray(value.resolve_conj().resolve_neg().numpy())
    except TypeError:
        raise Refused(
            f"a tensor of dtype {value.dtype} cannot be judged: return tensor.float()"
        ) from None


def _from_mxnet(value: Any, kind: type) -> np.ndarray | None:
    mxnet = sys.modules.get("mxnet")
    if mxnet is None or kind not in (mxnet.nd.NDArray, mxnet.np.ndarray):
        return None
    return np.asarray(value.asnumpy())


def _a(kind: type) -> str:
    name = (
        kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    )
    name = name[:80]
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def pack(value: Any) -> tuple[Any, list[np.ndarray]]:
    """A plain value as (JSON tree, arrays): arrays and containers in the tree are one-key
    objects that say what they are.
    """
    arrays: list[np.ndarray] = []

    def walk(item: Any) -> Any:
        if isinstance(item, np.ndarray):
            arrays.append(item)
            return {"array": len(arrays) - 1}
        if isinstance(item, (list, tuple)):
            return {type(item).__name__: [walk(part) for part in item]}
        if isinstance(item, dict):
            return {"dict": [[key, walk(part)] for key, part in item.items()]}
        return item

    return walk(value), arrays


def unpack(tree: Any, arrays: list[np.ndarray]) -> Any:
    """The plain value of `pack`. Raises `Malformed` for anything that `pack` does not make."""
    budget = MAX_ITEMS
    taken: set[int] = set()

    def walk(item: Any, depth: int) -> Any:
        nonlocal budget
        budget -= 1
        if budget < 0:
            raise Malformed("too many items")
        if item is None or isinstance(item, (bool, int, float, str)):
            return item
        if depth > MAX_DEPTH or not isinstance(item, dict) or len(item) != 1:
            raise Malformed("not a plain value")
        [(kind, content)] = item.items()
        if kind == "array":
            if type(content) is not int or not 0 <= content < len(arrays):
                raise Malformed("a reference to an array that was not sent")
            if content in taken:  # a few bytes could stand for more than fits into memory
                raise Malformed("two references to one array")
            taken.add(content)
            return arrays[content]
        if not isinstance(content, list):
            raise Malformed("a container without contents")
        if kind in ("list", "tuple"):
            return {"list": list, "tuple": tuple}[kind](walk(part, depth + 1) for part in content)
        if kind == "dict" and all(
            isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], (str, int))
            for pair in content
        ):
            return {key: walk(part, depth + 1) for key, part in content}
        raise Malformed(f"an unknown kind of value: {str(kind)[:40]!r}")

    return walk(tree, 0)


def describe_arrays(arrays: list[np.ndarray]) -> list[dict[str, Any]]:
    """What the header says of each array: dtype and shape."""
    return [{"dtype": array.dtype.name, "shape": list(array.shape)} for array in arrays]


def read_arrays(descriptions: Any, body: bytes) -> list[np.ndarray]:
    """The arrays that `body` holds one after another, as `descriptions` say; raises `Malformed`
    unless the sizes add up exactly.
    """
    if not isinstance(descriptions, list):
        raise Malformed("no list of arrays")
    arrays, offset = [], 0
    for description in descriptions:
        dtype, shape = _dtype_and_shape(description)
        size = math.prod(shape) * dtype.itemsize
        if offset + size > len(body):
            raise Malformed("an array longer than what was sent")
        try:
            arrays.append(
                np.frombuffer(body, dtype, count=math.prod(shape), offset=offset).reshape(shape)
            )
        except ValueError as error:  # empty along one axis, beyond all memory along the others
            raise Malformed("an array with an impossible shape") from error
        offset += size
    if offset != len(body):
        raise Malformed("more bytes than the arrays need")
    return arrays


def _dtype_and_shape(description: Any) -> tuple[np.dtype, tuple[int, ...]]:
    if not isinstance(description, dict):
        raise Malformed("an array without dtype and shape")
    dtype, shape = description.get("dtype"), description.get("shape")
    if not isinstance(dtype, str) or dtype not in _DTYPES:
        raise Malformed(f"an array of dtype {str(dtype)[:40]!r}")
    if (
        not isinstance(shape, list)
        or len(shape) > 32
        or not all(type(n) is int and 0 <= n < 2**31 for n in shape)
    ):
        raise Malformed("an array with an impossible shape")
    return np.dtype(dtype), tuple(shape)
