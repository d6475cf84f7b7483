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
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

MOST_DIMENSIONS = 32
"""Of an array, in NumPy 1."""

MAX_DEPTH = 8
MAX_ITEMS = 100_000
MAX_BYTES = 256 * 2**20
_SCALARS = (bool, int, float, str)
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
    float32), MXNet arrays, NumPy arrays and scalars, Python numbers, fractions and decimals,
    strings, ranges, and lists, tuples and dicts of them. Whatever is one of these by inheritance
    (torch.Size, a named tuple, a defaultdict, np.matrix) is taken for it, by the methods of the
    base class alone. Raises `Refused` for everything else.
    """
    return _plain(value, 0, itertools.count())


def _plain(value: Any, depth: int, counter: Iterator[int]) -> Any:
    if next(counter) >= MAX_ITEMS:
        raise Refused(
            f"more than {MAX_ITEMS:,} numbers in lists cannot be judged: return an array"
        )
    kind = type(value)
    if value is None or kind in _SCALARS:
        return value
    if depth > MAX_DEPTH:
        raise Refused(f"lists nested more than {MAX_DEPTH} deep cannot be judged")
    # NumPy's own numbers and strings first: some of them are Python's by inheritance, too.
    array = _array(value, kind)
    if array is not None:
        return _of_array(array, depth, counter)
    if issubclass(kind, (list, tuple, range)):
        return _sequence(value, kind, depth + 1, counter)
    if issubclass(kind, dict):
        keyed = {_key(key): item for key, item in dict.items(value)}
        for key, item in keyed.items():
            keyed[key] = _plain(item, depth + 1, counter)
        return keyed
    return _scalar(value, kind)


def _sequence(value: Any, kind: type, depth: int, counter: Iterator[int]) -> Any:
    """A tuple of what a tuple holds, a list of what a list or a range does."""
    base: Any = next(base for base in (tuple, list, range) if issubclass(kind, base))
    items = (_plain(item, depth, counter) for item in base.__iter__(value))
    return tuple(items) if base is tuple else list(items)


def _scalar(value: Any, kind: type) -> int | float | str:
    """A string or a number, by what it inherits from."""
    if issubclass(kind, str):
        return str.__str__(value)
    if issubclass(kind, int):
        return int.__int__(value)
    if issubclass(kind, float):
        return float.__float__(value)
    if issubclass(kind, (Fraction, Decimal)):
        return _rounded(value)
    described = _a(kind)
    raise Refused(
        f"{described} cannot be judged: return an array, a number, or a list of them"
    )


def _rounded(value: Fraction | Decimal) -> float:
    """The nearest float; infinite beyond all floats, as floats themselves become."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    except ValueError:
        raise Refused("a signaling NaN cannot be judged: return a number") from None


def _array(value: Any, kind: type) -> np.ndarray | None:
    """The NumPy array of a framework's array or of a scalar; None where `value` is neither."""
    if issubclass(kind, (np.ndarray, np.generic)):
        if issubclass(kind, np.ma.MaskedArray) and np.ma.is_masked(value):
            raise Refused(
                "an array with masked entries cannot be judged: return array.filled(...)"
            )
        return np.asarray(value)
    array = _from_torch(value, kind)
    if array is not None:
        return array
    return _from_mxnet(value, kind)


def _of_array(array: np.ndarray, depth: int, counter: Iterator[int]) -> Any:
    """The array itself, or, where it holds strings or objects, the list of what it holds."""
    if array.dtype.kind not in "UO":
        return _checked(array)
    if array.size > MAX_ITEMS:
        raise Refused(f"an array of more than {MAX_ITEMS:,} objects cannot be judged")
    return _plain(array.tolist(), depth + 1, counter)


def _key(key: Any) -> str | int:
    kind = type(key)
    if issubclass(kind, str):
        return str.__str__(key)
    if issubclass(kind, int):
        return int.__int__(key)
    # np.unique gives such keys.
    if issubclass(kind, (np.integer, np.bool_)):
        return int(key)
    raise Refused(
        "a dict whose keys are not strings or whole numbers cannot be "
        f"judged: one of them is {_a(kind)}"
    )


def _checked(array: np.ndarray) -> np.ndarray:
    dtype = _crossing(array.dtype)
    if dtype.name not in _DTYPES:
        raise Refused(
            f"an array of dtype {dtype} cannot be judged: return an array of numbers"
        )
    if array.nbytes > MAX_BYTES:
        megabytes = array.nbytes / 2**20
        limit = MAX_BYTES / 2**20
        raise Refused(
            f"an array of {megabytes:.0f} MB is more than can be judged (limit {limit:.0f} MB)"
        )
    # A copy, in this machine's byte order, which is what crosses.
    native = dtype.newbyteorder("=")
    return array.astype(native, subok=False)


def _crossing(dtype: np.dtype) -> np.dtype:
    """The dtype in which numbers of `dtype` cross: long doubles as doubles."""
    widest = {"f": np.dtype(np.float64), "c": np.dtype(np.complex128)}.get(dtype.kind)
    if widest is not None and dtype.itemsize > widest.itemsize:
        return widest
    return dtype


def _from_torch(value: Any, kind: type) -> np.ndarray | None:
    torch = sys.modules.get("torch")
    if torch is None or not issubclass(kind, torch.Tensor):
        return None
    # In here a subclass is asked nothing: these are the methods of a tensor.
    with torch._C.DisableTorchFunctionSubclass(), torch.no_grad():
        return _from_tensor(torch, torch.Tensor.detach(value))


def _from_tensor(torch: Any, tensor: Any) -> np.ndarray:
    if tensor.layout is not torch.strided:
        raise Refused("a sparse tensor cannot be judged: return tensor.to_dense()")
    if tensor.is_quantized:
        raise Refused("a quantized tensor cannot be judged: return tensor.dequantize()")
    if tensor.is_meta:
        raise Refused("a tensor on the meta device has no numbers and cannot be judged")
    tensor = tensor.cpu()
    if tensor.dtype is torch.bfloat16:
        tensor = tensor.float()
    try:
        resolved = tensor.resolve_conj().resolve_neg()
        return np.asarray(resolved.numpy())
    except TypeError:
        raise Refused(
            f"a tensor of dtype {tensor.dtype} cannot be judged: return tensor.float()"
        ) from None


def _from_mxnet(value: Any, kind: type) -> np.ndarray | None:
    mxnet = sys.modules.get("mxnet")
    if mxnet is None:
        return None
    arrays = mxnet.nd.NDArray
    if not issubclass(kind, arrays):
        return None
    if issubclass(kind, mxnet.nd.sparse.BaseSparseNDArray):
        raise Refused(
            'a sparse array cannot be judged: return array.tostype("default")'
        )
    return np.asarray(arrays.asnumpy(value))


def _a(kind: type) -> str:
    if kind.__module__ == "builtins":
        name = kind.__name__
    else:
        name = f"{kind.__module__}.{kind.__qualname__}"
    name = name[:80]
    name = "complex number" if kind is complex else name
    initial = name[:1].lower()
    article = "an" if initial in "aeiou" else "a"
    return f"{article} {name}"


def pack(value: Any) -> tuple[Any, list[np.ndarray]]:
    """A plain value as (JSON tree, arrays): arrays and containers in the tree are one-key
    objects that say what they are.
    """
    arrays: list[np.ndarray] = []

    def walk(item: Any) -> Any:
        if isinstance(item, np.ndarray):
            index = len(arrays)
            arrays.append(item)
            return {"array": index}
        if isinstance(item, (list, tuple)):
            kind = type(item).__name__
            return {kind: [walk(part) for part in item]}
        if isinstance(item, dict):
            pairs = [[key, walk(part)] for key, part in item.items()]
            return {"dict": pairs}
        return item

    tree = walk(value)
    return tree, arrays


def unpack(tree: Any, arrays: list[np.ndarray]) -> Any:
    """The plain value of `pack`. Raises `Malformed` for anything that `pack` does not make."""
    return _Unpacking(arrays).walk(tree, 0)


class _Unpacking:
    """One tree on its way to a value: how many items it may still have, and which of the
    `arrays` it has referred to.
    """

    def __init__(self, arrays: list[np.ndarray]):
        self._arrays = arrays
        self._taken: set[int] = set()
        self._budget = MAX_ITEMS

    def walk(self, item: Any, depth: int) -> Any:
        self._budget -= 1
        if self._budget < 0:
            raise Malformed("too many items")
        if item is None or isinstance(item, _SCALARS):
            return item
        if depth > MAX_DEPTH:
            raise Malformed("not a plain value")
        if not isinstance(item, dict) or len(item) != 1:
            raise Malformed("not a plain value")
        [(kind, content)] = item.items()
        if kind == "array":
            return self._array(content)
        if not isinstance(content, list):
            raise Malformed("a container without contents")
        return self._container(kind, content, depth + 1)

    def _container(self, kind: str, parts: list[Any], depth: int) -> Any:
        if kind == "list":
            return [self.walk(part, depth) for part in parts]
        if kind == "tuple":
            return tuple(self.walk(part, depth) for part in parts)
        if kind == "dict" and all(map(_is_pair, parts)):
            entries = {}
            for key, part in parts:
                entries[key] = self.walk(part, depth)
            return entries
        shown = str(kind)[:40]
        raise Malformed(f"an unknown kind of value: {shown!r}")

    def _array(self, index: Any) -> np.ndarray:
        if type(index) is not int:
            raise Malformed("a reference to an array that was not sent")
        if not 0 <= index < len(self._arrays):
            raise Malformed("a reference to an array that was not sent")
        # A few bytes could stand for more than fits into memory.
        if index in self._taken:
            raise Malformed("two references to one array")
        self._taken.add(index)
        return self._arrays[index]


def _is_pair(item: Any) -> bool:
    """Whether this is a key and its value, as `pack` writes an item of a dict."""
    if not isinstance(item, list):
        return False
    if len(item) != 2:
        return False
    return isinstance(item[0], (str, int))


def describe_arrays(arrays: list[np.ndarray]) -> list[dict[str, Any]]:
    """What the header says of each array: dtype and shape."""
    descriptions = []
    for array in arrays:
        shape = list(array.shape)
        descriptions.append({"dtype": array.dtype.name, "shape": shape})
    return descriptions


def read_arrays(descriptions: Any, body: bytes) -> list[np.ndarray]:
    """The arrays that `body` holds one after another, as `descriptions` say; raises `Malformed`
    unless the sizes add up exactly.
    """
    if not isinstance(descriptions, list):
        raise Malformed("no list of arrays")
    arrays = []
    offset = 0
    for description in descriptions:
        dtype, shape = _dtype_and_shape(description)
        count = math.prod(shape)
        size = count * dtype.itemsize
        if offset + size > len(body):
            raise Malformed("an array longer than what was sent")
        try:
            flat = np.frombuffer(body, dtype, count=count, offset=offset)
            arrays.append(flat.reshape(shape))
        # Empty along one axis, beyond all memory along the others.
        except ValueError as error:
            raise Malformed("an array with an impossible shape") from error
        offset += size
    if offset != len(body):
        raise Malformed("more bytes than the arrays need")
    return arrays


def _dtype_and_shape(description: Any) -> tuple[np.dtype, tuple[int, ...]]:
    if not isinstance(description, dict):
        raise Malformed("an array without dtype and shape")
    dtype = _dtype(description.get("dtype"))
    shape = _shape(description.get("shape"))
    return dtype, shape


def _dtype(name: Any) -> np.dtype:
    if not isinstance(name, str) or name not in _DTYPES:
        shown = str(name)[:40]
        raise Malformed(f"an array of dtype {shown!r}")
    return np.dtype(name)


def _shape(lengths: Any) -> tuple[int, ...]:
    impossible = Malformed("an array with an impossible shape")
    if not isinstance(lengths, list):
        raise impossible
    if len(lengths) > MOST_DIMENSIONS:
        raise impossible
    for length in lengths:
        if type(length) is not int:
            raise impossible
        if not 0 <= length < 2**31:
            raise impossible
    return tuple(lengths)
