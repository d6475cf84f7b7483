"""What the warm process imports before it forks, so that no submission waits for it."""

from __future__ import annotations

import contextlib
import gc
import importlib
import re
import sys
from collections.abc import Iterable

from autograder.sandbox import notebook_shell, slim_imports, wall
from autograder.values import frameworks

PRELOADED = ("torch", "matplotlib.pyplot", "PIL.Image", "tqdm")
"""What nearly every submission imports."""

MENTIONED = {
    "optim": "torch._dynamo",  # which the first optimiser imports
    "torchvision": "torchvision",
    "optuna": "optuna",
    "sklearn": "sklearn.datasets",
    "digits": "sklearn.datasets",  # which `dlkit.data.digits` imports
}
"""Words in an exercise, and the module that its answers will import then. Such a module is imported
before the first kernel that runs such an exercise is forked, and stays.
"""

_MACHINERY = (
    "ipykernel.kernelapp",
    "ipykernel.zmqshell",
    "ipykernel.debugger",
    "IPython.core.completerlib",
    "IPython.core.debugger",
    "IPython.core.logger",
    "IPython.extensions.storemagic",
    "tornado.platform.asyncio",
    "matplotlib_inline.backend_inline",
    "autograder.learner.client",
    "autograder.answers.run",
)
"""What every kernel imports; without it there is none."""


def wanted(exercise: str) -> list[str]:
    """The modules of `MENTIONED` that the text of an exercise makes likely. What students write
    is not asked: a kernel would see by its modules what others before it have handed in.
    """
    words = set(re.findall(r"\w+", exercise))
    return sorted({module for word, module in MENTIONED.items() if word in words})


def warm_up() -> None:
    """Import what submissions will use, and do what is slow once."""
    for name in _MACHINERY:
        importlib.import_module(name)
    for name in PRELOADED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    notebook_shell.warm_up()
    for package in frameworks.packages():
        _import_all(package)
    frameworks.available("mxnet")
    torch = sys.modules.get("torch")
    if torch:
        torch.set_num_threads(1)
        torch.zeros(1, requires_grad=True).sum().backward()
    _settle()


def import_mentioned(modules: Iterable[str]) -> None:
    """Import those of `modules` that stand in `MENTIONED`, once for all kernels that follow."""
    for module in set(modules) & set(MENTIONED.values()) - set(sys.modules):
        with contextlib.suppress(Exception):  # the submission will meet the same error
            importlib.import_module(module)
        _settle()


def import_for_workers(module: str) -> None:
    """Import a worker's module, once for all workers."""
    with slim_imports.blocked(slim_imports.IRI_GRAMMAR):
        importlib.import_module(module)
    _settle()


def _import_all(package: str) -> None:
    for folder in wall.locations(package):
        for path in sorted(folder.glob("*.py")):
            name = package if path.stem == "__init__" else f"{package}.{path.stem}"
            # The submission will meet the same error.
            with contextlib.suppress(Exception):
                importlib.import_module(name)


def _settle() -> None:
    """Have the collector leave alone what exists now, so that forks go on sharing its pages."""
    gc.collect()
    gc.freeze()
