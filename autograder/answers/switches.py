"""What a notebook may have switched in its frameworks: whether gradients are kept, the dtype and
the device of new arrays, MXNet's other arrays, what NumPy makes of an overflow.

An answer runs as its notebook has it; what the engine does around it runs in `unswitched`. Where an
answer fails and a switch may be why, `cause` says so.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

_LEAST_RECURSION = 1000
"""Python's own limit: frameworks need some of it."""


@contextlib.contextmanager
def unswitched() -> Iterator[None]:
    """In here the frameworks that are loaded behave as in a process of their own, afterwards as
    before.
    """
    torch = sys.modules.get("torch")
    mxnet = sys.modules.get("mxnet")
    with contextlib.ExitStack() as switches:
        switches.enter_context(np.errstate(all="ignore"))
        if torch:
            switches.enter_context(_unswitched_torch(torch))
        if mxnet:
            switches.enter_context(mxnet.autograd.pause())
            switches.enter_context(arrays_of_mxnet(mxnet, new=False))
        yield


@contextlib.contextmanager
def _unswitched_torch(torch: Any) -> Iterator[None]:
    dtype = torch.get_default_dtype()
    with contextlib.ExitStack() as switches:
        switches.enter_context(torch.inference_mode(False))
        switches.enter_context(torch.enable_grad())
        # It costs something in every call.
        if torch.get_default_device().type != "cpu":
            switches.enter_context(torch.device("cpu"))
        torch.set_default_dtype(torch.float32)
        try:
            yield
        finally:
            torch.set_default_dtype(dtype)


@contextlib.contextmanager
def arrays_of_mxnet(mxnet: Any, *, new: bool) -> Iterator[None]:
    """In here MXNet's nets compute with its new arrays, those of `mxnet.np`, or with its old."""
    of_shapes, of_arrays = mxnet.util.np_shape(new), mxnet.util.np_array(new)
    # The arrays need the shapes: these come first and go last.
    inner, outer = (of_arrays, of_shapes) if new else (of_shapes, of_arrays)
    with outer, inner:
        yield


@contextlib.contextmanager
def room_to_run() -> Iterator[None]:
    """In here nothing is switched that only stops right answers: NumPy raises no error for what
    overflows, and functions may call each other as deep as usual.
    """
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _LEAST_RECURSION))
    try:
        with np.errstate(all="warn"):
            yield
    finally:
        # Where the stack is deeper just now than its limit was.
        with contextlib.suppress(RecursionError):
            sys.setrecursionlimit(before)


@dataclass(frozen=True)
class _Switch:
    """One that may be why an answer fails.

    words: one of them is in the error's message then. said: to the learner.
    """

    framework: str
    is_on: Callable[[Any], bool]
    words: tuple[str, ...]
    said: str


_SWITCHES = (
    _Switch(
        "torch",
        lambda torch: not torch.is_grad_enabled() or torch.is_inference_mode_enabled(),
        ("grad", "inference"),
        "Gradients are switched off in this notebook: torch.set_grad_enabled(True) before the "
        "check switches them on.",
    ),
    _Switch(
        "torch",
        lambda torch: torch.get_default_dtype() is not torch.float32,
        ("dtype", "type", "Double", "Half", "BFloat16"),
        "This notebook has set another default dtype, and the check hands over float32: "
        "torch.set_default_dtype(torch.float32) before the check sets it back.",
    ),
    _Switch(
        "torch",
        lambda torch: torch.get_default_device().type != "cpu",
        ("device", "cuda", "meta"),
        "This notebook has set another default device, and the check hands over tensors on the "
        'CPU: torch.set_default_device("cpu") before the check sets it back.',
    ),
    _Switch(
        "mxnet",
        lambda mxnet: mxnet.util.is_np_array() or mxnet.util.is_np_shape(),
        ("",),
        "This notebook has called npx.set_np(), and the check hands over arrays of mxnet.nd: "
        "npx.reset_np() before the check undoes it, or call as_np_ndarray() on what you are given.",
    ),
)


def cause(error: BaseException, framework: str) -> str:
    """The switch that may be why an answer raised `error`, in one sentence; empty if none is."""
    loaded = sys.modules.get(framework)
    try:
        text = str(error)
        for switch in _SWITCHES:
            if switch.framework != framework or not any(
                word in text for word in switch.words
            ):
                continue
            if loaded and switch.is_on(loaded):
                return switch.said
    # A stranger's exception, and a framework that may be half replaced.
    except Exception:
        return ""
    return ""
