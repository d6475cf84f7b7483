"""How many numbers a net computes with that are not its parameters: layers in a plain list, a table
in a buffer, what a closure holds.

Each framework is watched for one prediction. An array that enters an operation, and is neither the
input nor made by an earlier operation, was there before: its numbers are counted. Parameters are
not, nor the statistics of normalisation.

`autograder.answers.operator_watch` follows MXNet in another way, from outside: a call must be
noticed in any thread, whatever an answer has replaced, and its name is enough. Here the results of
operations are needed, which nobody who only watches calls is given.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from autograder.values import frameworks


class _Memory:
    """Stretches of memory that are accounted for, and how many numbers lie beside them."""

    def __init__(self) -> None:
        self._known: dict[int, int] = {}
        self._kept: list[Any] = []
        self.hidden = 0

    def know(self, array: Any, start: int, length: int) -> None:
        """Account for `length` bytes from `start` on. `array` is kept, for no other may get its
        place.
        """
        self._kept.append(array)
        self._known[start] = max(length, self._known.get(start, 0))

    def use(self, array: Any, start: int, length: int, count: int) -> None:
        """An array of `count` numbers enters an operation."""
        if not self._is_known(start):
            self.hidden += count
            self.know(array, start, length)

    def _is_known(self, address: int) -> bool:
        if address in self._known:
            return True
        stretches = self._known.items()
        return any(start <= address < start + size for start, size in stretches)


# PyTorch

_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def torch_hidden(net: Any, X: Any, predict: Callable[[], Any]) -> int:
    """How many numbers ``predict()``, which asks `net` for X, uses beside the parameters."""
    memory = _Memory()
    for tensor in (X, *net.parameters(), *_torch_statistics(net)):
        memory.know(tensor, *_torch_place(tensor))
    with _torch_operations(memory):
        predict()
    return memory.hidden


def _torch_statistics(net: Any) -> Iterator[Any]:
    """The means and variances that layers of normalisation keep, one for each feature; a buffer of
    any other layer is kept data, or weights that are no longer called parameters.
    """
    for layer in net.modules():
        features = getattr(layer, "num_features", 0)
        for name, buffer in layer.named_buffers(recurse=False):
            if name in _STATISTICS and buffer.numel() <= features:
                yield buffer


def _torch_operations(memory: _Memory) -> contextlib.AbstractContextManager:
    torch = frameworks.module("torch")
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves

    class Operations(TorchDispatchMode):
        def __torch_dispatch__(
            self, operation: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            for used in tree_leaves((args, kwargs)):
                if isinstance(used, torch.Tensor):
                    memory.use(used, *_torch_place(used), used.numel())
            result = operation(*args, **(kwargs or {}))
            for made in tree_leaves(result):
                if isinstance(made, torch.Tensor):
                    memory.know(made, *_torch_place(made))
            return result

    return Operations()


def _torch_place(tensor: Any) -> tuple[int, int]:
    storage = tensor.untyped_storage()
    return storage.data_ptr(), storage.nbytes()


# MXNet


def gluon_hidden(net: Any, X: Any, predict: Callable[[], Any]) -> int:
    """As `torch_hidden`, of a `gluon.Block`."""
    memory = _Memory()
    registered = [
        array
        for parameter in net.collect_params().values()
        for array in parameter.list_data()
    ]
    for array in (X, *registered):
        memory.know(array, *_mxnet_place(array))
    with _mxnet_operations(memory):
        predict()
    return memory.hidden


@contextlib.contextmanager
def _mxnet_operations(memory: _Memory) -> Iterator[None]:
    """Follow single operations, and nets that were hybridised, which are called as one."""
    mxnet = frameworks.module("mxnet")
    register, cached = mxnet.ndarray.register, mxnet.ndarray._internal.CachedOp
    invoke, call = register._imperative_invoke, cached.__call__

    def followed_invoke(handle: Any, arrays: Any, *rest: Any) -> Any:
        _enter(memory, arrays)
        return _leave(memory, invoke(handle, arrays, *rest))

    def followed_call(self: Any, *arrays: Any, **settings: Any) -> Any:
        _enter(memory, arrays)
        return _leave(memory, call(self, *arrays, **settings))

    register._imperative_invoke, cached.__call__ = followed_invoke, followed_call
    try:
        yield
    finally:
        register._imperative_invoke, cached.__call__ = invoke, call


def _enter(memory: _Memory, arrays: Iterable[Any]) -> None:
    for array in arrays:
        memory.use(array, *_mxnet_place(array), math.prod(array.shape))


def _leave(memory: _Memory, result: Any) -> Any:
    for array in result if isinstance(result, list) else [result]:
        memory.know(array, *_mxnet_place(array))
    return result


def _mxnet_place(array: Any) -> tuple[int, int]:
    base = frameworks.module("mxnet").base
    array.wait_to_read()
    start = ctypes.c_void_p()
    base.check_call(base._LIB.MXNDArrayGetData(array.handle, ctypes.byref(start)))
    numbers = max(1, math.prod(array.shape))
    length = numbers * np.dtype(array.dtype).itemsize
    return start.value or 0, length
