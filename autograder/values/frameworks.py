"""The three kinds of array an answer may use. A framework is imported only when an answer needs it.

A course may say how a framework is imported (MXNet needs a shim) under the entry point
``autograder.frameworks``.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import sys
import warnings
from collections.abc import Iterator
from importlib.metadata import entry_points
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MXNET_ENGINE_TYPE": "NaiveEngine",
}
"""One CPU's worth of threads, and an MXNet whose errors appear at their line; to be set before
the frameworks are imported.
"""


@functools.cache
def module(framework: str) -> ModuleType:
    """The framework's top module: ``torch``, ``mxnet`` or ``numpy``. Raises ImportError where it
    cannot be imported.
    """
    try:
        # What a library warns of while it is imported is no error, whatever a notebook makes of
        # warnings.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for entry in entry_points(group="autograder.frameworks", name=framework):
                entry.load()
            return importlib.import_module(framework)
    # It is installed, but a system library is missing or another package does not fit.
    except (OSError, RuntimeError, AttributeError) as error:
        raise ImportError(
            f"{framework} is installed but cannot be loaded: {error}"
        ) from error


@functools.cache
def available(framework: str) -> bool:
    """Whether `framework` can be imported on this machine."""
    try:
        module(framework)
    except ImportError:
        return False
    return True


@functools.cache
def packages() -> tuple[str, ...]:
    """The top-level packages that say how a framework is imported: what answers may import, too."""
    names = set()
    for entry in entry_points(group="autograder.frameworks"):
        dotted_name = entry.value.partition(":")[0]
        names.add(dotted_name.partition(".")[0])
    return tuple(names)


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """One thread for each numeric library that is loaded, as while a class is graded; afterwards as
    many as before.

    OpenMP's threads spin while they wait for each other: on a machine that is busy with something
    else, two are ten times slower than one. MXNet's own are set once and for all when it is
    imported (`dlkit.mx`): nothing that is said to it later reaches what it has already made.
    """
    from threadpoolctl import threadpool_limits

    torch = sys.modules.get("torch")
    # PyTorch has a number of its own, which it hands to OpenMP in each thread that computes for the
    # first time.
    threads = torch.get_num_threads() if torch else None
    # Of two libraries that do not go together it may be warned, which is no error here.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        limits = threadpool_limits(1)
    with limits:
        try:
            if torch:
                torch.set_num_threads(1)
            yield
        finally:
            if torch:
                torch.set_num_threads(threads)


def to_framework(value: Any, framework: str) -> Any:
    """Copy `value` with its NumPy arrays turned into arrays of `framework`; numbers, strings and
    containers stay what they are.
    """
    import numpy as np

    if isinstance(value, np.ndarray):
        return _array(value, framework)
    if isinstance(value, (list, tuple)):
        return type(value)(to_framework(item, framework) for item in value)
    if isinstance(value, dict):
        return {key: to_framework(item, framework) for key, item in value.items()}
    return value


def _array(value: np.ndarray, framework: str) -> Any:
    if framework == "numpy":
        return value.copy()
    if framework == "torch":
        torch = module("torch")
        return torch.from_numpy(value.copy())
    import numpy as np

    # MXNet has no bool arrays to speak of, and nd.array would turn everything into float32 unless
    # told.
    dtype = value.dtype
    if dtype == np.bool_:
        dtype = np.dtype("uint8")
    mxnet = module("mxnet")
    return mxnet.nd.array(value, dtype=dtype)
