"""Notices a forbidden operator of a framework while an answer runs, whatever it was called: by a
function of any name, a layer, another library, TorchScript, or a graph read from a text.

PyTorch's dispatcher is asked to tell of the operators in question alone, so that all others are as
fast as ever. MXNet has no such place, but two Python functions that everything goes through.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from types import CodeType, FrameType, FunctionType
from typing import Any

TORCH = "torch.ops."
MXNET = ("mxnet.nd.", "mxnet.sym.")

# PyTorch


@contextlib.contextmanager
def watching_torch(
    forbids: Sequence[str], report: Callable[[str], None]
) -> Iterator[None]:
    """Call `report` with the name of each PyTorch operator among `forbids` ("torch.ops.aten.x")
    that is called inside the block, by any thread.
    """
    libraries: list[Any] = []
    try:
        if "torch" in sys.modules:
            libraries += _hooked(tuple(forbids), report)
        yield
    finally:
        for library in libraries:
            library._destroy()


def _hooked(forbids: tuple[str, ...], report: Callable[[str], None]) -> Iterator[Any]:
    """Libraries that call `report` as long as they are there."""
    import torch

    for namespace, operators in _operators(
        forbids, "torchvision" in sys.modules
    ).items():
        library = torch.library.Library(namespace, "IMPL")
        yield library
        for name, operator in operators:
            _, _, with_overload = operator.name().partition("::")
            told = _told(operator, functools.partial(report, name))
            library.impl(with_overload, told, "BackendSelect", with_keyset=True)


def _told(operator: Any, report: Callable[[], None]) -> Callable:
    """`operator`, as a kernel that calls `report` first. Its key is one that nearly all operators
    of all devices pass through, and do nothing at.
    """
    import torch

    here = torch._C.DispatchKey.BackendSelect

    def kernel(keys: Any, *args: Any, **options: Any) -> Any:
        report()
        return operator.redispatch(keys.remove(here), *args, **options)

    return kernel


@functools.cache
def _operators(
    forbids: tuple[str, ...], torchvision: bool
) -> dict[str, list[tuple[str, Any]]]:
    """By namespace, the operators among `forbids` that have kernels of their own: (name,
    operator). Those of torchvision are there once it is imported.
    """
    import torch

    here = torch._C.DispatchKey.BackendSelect
    found: dict[str, list[tuple[str, Any]]] = {}
    for name in forbids:
        if not name.startswith(TORCH):
            continue
        namespace, _, operator = name.removeprefix(TORCH).partition(".")
        packet = getattr(getattr(torch.ops, namespace), operator, None)
        if packet is None:
            continue
        for overload in packet.overloads():
            one = getattr(packet, overload)
            is_free = not one.has_kernel_for_dispatch_key(here)
            if is_free and not _made_of_others(one):
                found.setdefault(namespace, []).append((name, one))
    return found


def _made_of_others(operator: Any) -> bool:
    """Whether PyTorch only puts it together from other operators, which are seen themselves."""
    import torch

    return bool(
        operator.has_kernel_for_dispatch_key(
            torch._C.DispatchKey.CompositeImplicitAutograd
        )
    )


# MXNet


def mxnet_tests(
    forbids: Sequence[str],
) -> list[tuple[CodeType, Callable[[FrameType], str]]]:
    """The functions that MXNet's operators go through, each with what tells from its frame which
    of `forbids` is called, "" for none. MXNet must have been imported.
    """
    operators = {_real_name(_operator_of(name)): name for name in _of_mxnet(forbids)}
    operators.pop("", None)
    if not operators:
        return []
    register = sys.modules["mxnet.ndarray.register"]
    invoke: FunctionType = register._imperative_invoke  # type: ignore[attr-defined]
    block = sys.modules["mxnet.gluon.block"].HybridBlock  # type: ignore[attr-defined]
    executor = sys.modules["mxnet.executor"].Executor  # type: ignore[attr-defined]

    def invoked(frame: FrameType) -> str:
        return operators.get(_name_of(frame.f_locals["handle"]), "")

    def of_graph(symbol: Any) -> str:
        called = _operators_in(symbol) if symbol is not None else []
        return next((operators[name] for name in called if name in operators), "")

    def of_block(frame: FrameType) -> str:
        graph = frame.f_locals["self"]._cached_graph
        return of_graph(graph[1] if graph else None)

    def of_executor(frame: FrameType) -> str:
        return of_graph(frame.f_locals["self"]._symbol)

    return [
        (invoke.__code__, invoked),
        (block._call_cached_op.__code__, of_block),
        (executor.forward.__code__, of_executor),
    ]


def _of_mxnet(forbids: Sequence[str]) -> list[str]:
    return [name for name in forbids if name.startswith(MXNET)]


def _operator_of(name: str) -> str:
    """``_contrib_X`` for "mxnet.nd.contrib.X"."""
    _, _, operator = name.removeprefix("mxnet.").partition(".")
    return operator.replace("contrib.", "_contrib_")


def _real_name(operator: str) -> str:
    """What MXNet itself calls an operator that has several names; "" for what is none."""
    library = sys.modules["mxnet.base"]._LIB  # type: ignore[attr-defined]
    handle = ctypes.c_void_p()
    if library.NNGetOpHandle(operator.encode(), ctypes.byref(handle)):
        return ""
    return _name_of(handle.value or 0)


@functools.lru_cache(maxsize=1024)
def _name_of(handle: int) -> str:
    library = sys.modules["mxnet.base"]._LIB  # type: ignore[attr-defined]
    name = ctypes.c_char_p()
    if library.MXSymbolGetAtomicSymbolName(ctypes.c_void_p(handle), ctypes.byref(name)):
        return ""
    return (name.value or b"").decode()


def _operators_in(symbol: Any) -> list[str]:
    """The operators of a graph, in their order. A graph has no hash that one could keep them by."""
    graph = json.loads(symbol.tojson())
    return [str(node["op"]) for node in graph["nodes"]]
