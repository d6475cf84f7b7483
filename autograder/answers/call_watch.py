"""Notices a forbidden call while an answer runs: by the identity of what is called, not by its
name, and by the operators of a framework that it comes to (`autograder.answers.operator_watch`).

It lives in the process of the answer, where whoever means ill can switch it off: it is there for
those who do not. What reaches for such things is told to the instructor
(`autograder.judge.code.reaches`).
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import linecache
import os
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any, TypeAlias

from autograder.answers.operator_watch import mxnet_tests, watching_torch

_LIBRARIES = tuple(
    sysconfig.get_path(name) + os.sep
    for name in ("stdlib", "platstdlib", "purelib", "platlib")
)
_IMPORT = "<frozen importlib"
_ENGINE = str(Path(__file__).parents[1]) + os.sep
_LONGEST_LINE = 160
_Test: TypeAlias = Callable[[FrameType], str]
"""The forbidden name that a frame of some code is a call of, "" for none."""

_METHODS = ("__init__", "__new__", "forward", "hybrid_forward", "__call__")
"""Those of a class that its call, or that of an instance, runs."""


@dataclass(frozen=True)
class ForbiddenCall:
    """A call of what is forbidden, by its name, and the line of one's own code that led to it."""

    name: str
    line: str = ""


def find(name: str) -> Any:
    """The object of that dotted name, None if it is not loaded. Imports nothing."""
    module = name
    attributes = []
    while module not in sys.modules:
        module, _, last = module.rpartition(".")
        if not module:
            return None
        attributes.append(last)
    value: Any = sys.modules[module]
    for attribute in reversed(attributes):
        try:
            value = _attribute(value, attribute)
        # Some tables of operators raise errors of their own for what they do not have.
        except Exception:
            return None
    return value


def _attribute(value: Any, name: str) -> Any:
    # A module's own __getattr__ may import; that of an operator table only looks up.
    if type(value) is ModuleType:
        return vars(value)[name]
    return getattr(value, name)


@contextlib.contextmanager
def watching(forbids: Sequence[str], called: list[ForbiddenCall]) -> Iterator[None]:
    """Add to `called` the first call of what `forbids` names inside the block, in this thread and
    in those that it starts; of PyTorch's operators, in any thread.
    """
    before = sys.getprofile()
    before_in_threads = threading.getprofile()
    tables = _watch(tuple(forbids))
    watch = tables.profile(called)

    def report_operator(name: str) -> None:
        _report(name, sys._getframe(1), called)

    with watching_torch(forbids, report_operator):
        threading.setprofile(watch)
        sys.setprofile(watch)
        try:
            yield
        finally:
            sys.setprofile(before)
            threading.setprofile(before_in_threads)


def _report(
    name: str, frame: FrameType, called: list[ForbiddenCall], is_callee: bool = False
) -> None:
    if not called and not _only_importing(frame):
        # What is called is forbidden, wherever it is installed: its own line says nothing.
        caller = frame.f_back if is_callee else frame
        called.append(ForbiddenCall(name, _line_of(caller)))


def _line_of(frame: FrameType | None) -> str:
    """The line of the learner's own code that was being run, "" where there is none to show."""
    inner = frame
    while inner is not None and not _is_own(inner):
        inner = inner.f_back
    if inner is None:
        return ""
    line = linecache.getline(inner.f_code.co_filename, inner.f_lineno)
    return line.strip()[:_LONGEST_LINE]


def _is_own(frame: FrameType) -> bool:
    """Whether a frame is neither the engine's nor a library's."""
    file = frame.f_code.co_filename
    return not (_of_library(frame) or file.startswith((_ENGINE, "<frozen", "<__array")))


@functools.cache
def _watch(forbids: tuple[str, ...]) -> _Watch:
    """The tables for a question: made once, because an answer is called many times."""
    return _Watch(forbids)


class _Files(dict):
    """Which forbidden module a source file belongs to, if any: looked up once a file."""

    def __init__(self, modules: dict[str, str]):
        super().__init__()
        self._modules = modules

    def __missing__(self, file: str) -> str:
        name = self._module_of(file)
        self[file] = name
        return name

    def _module_of(self, file: str) -> str:
        for place, name in self._modules.items():
            inside = place + os.sep
            if file == place or file.startswith(inside):
                return name
        return ""


class _Watch:
    """The tables of what is forbidden, filled as modules are loaded, and the function that
    `sys.setprofile` calls at every call.
    """

    def __init__(self, forbids: Sequence[str]):
        # Names that are not found yet, and how many modules there were when they were looked for.
        self._forbids = forbids
        self._open = list(forbids)
        self._knows_mxnet = False
        self._known = 0
        self._builtins: dict[Any, str] = {}
        self._codes: dict[int, list[_Test]] = {}
        self._modules: dict[str, str] = {}
        self._files = _Files(self._modules)
        # An id means something only as long as its object lives.
        self._kept: list[CodeType] = []

    def profile(
        self, called: list[ForbiddenCall]
    ) -> Callable[[FrameType, str, Any], None]:
        """The profile function, which adds to `called`; quick for everything that is allowed."""
        builtins = self._builtins
        codes = self._codes
        files = self._files
        modules = sys.modules
        self._resolve()

        def profile(frame: FrameType, event: str, arg: Any) -> None:
            if event == "c_call":
                if arg in builtins:
                    _report(builtins[arg], frame, called)
            elif event == "call":
                if len(modules) != self._known:
                    self._resolve()
                code = frame.f_code
                if id(code) in codes:
                    for test in codes[id(code)]:
                        if name := test(frame):
                            _report(name, frame, called, is_callee=True)
                elif name := files[code.co_filename]:
                    _report(name, frame, called, is_callee=True)

        return profile

    def _resolve(self) -> None:
        loaded = len(sys.modules)
        if loaded == self._known:
            return
        self._known = loaded
        for name in list(self._open):
            target = find(name)
            if target is None:
                continue
            self._open.remove(name)
            self._add(name, target)
        if not self._knows_mxnet and "mxnet.gluon.block" in sys.modules:
            self._knows_mxnet = True
            for code, test in mxnet_tests(self._forbids):
                self._add_code(code, test)

    def _add(self, name: str, target: Any) -> None:
        if isinstance(target, ModuleType):
            self._add_module(name, target)
        elif isinstance(target, FunctionType):
            self._add_function(name, target)
        elif inspect.isbuiltin(target):
            self._builtins.setdefault(target, name)
        elif isinstance(target, type):
            self._add_class(name, target)
        else:
            self._add_callable(name, target)
        wrapped = getattr(target, "__wrapped__", None)
        if isinstance(wrapped, FunctionType):
            self._add_function(name, wrapped)

    def _add_module(self, name: str, module: ModuleType) -> None:
        for value in list(vars(module).values()):
            if inspect.isbuiltin(value) and value.__module__ == module.__name__:
                self._builtins.setdefault(value, name)
        file = getattr(module, "__file__", None)
        if not file:
            return
        is_package = hasattr(module, "__path__")
        place = os.path.dirname(file) if is_package else file
        self._modules[place] = name
        self._files.clear()

    def _add_function(self, name: str, function: FunctionType) -> None:
        self._add_code(function.__code__, _named(name, _same_closure(function)))

    def _add_callable(self, name: str, target: Any) -> None:
        """An object whose class makes it callable."""
        function = getattr(type(target), "__call__", None)  # noqa: B004
        if isinstance(function, FunctionType):
            is_target = _first_argument(lambda value: value is target)
            self._add_code(function.__code__, _named(name, is_target))

    def _add_class(self, name: str, target: type) -> None:
        def is_of_class(value: Any) -> bool:
            return isinstance(value, target) or value is target

        applies = _first_argument(is_of_class)
        for method in _METHODS:
            function = inspect.getattr_static(target, method, None)
            # A static method or a class method has its function inside.
            function = getattr(function, "__func__", function)
            if isinstance(function, FunctionType):
                self._add_code(function.__code__, _named(name, applies))

    def _add_code(self, code: CodeType, test: _Test) -> None:
        self._kept.append(code)
        self._codes.setdefault(id(code), []).append(test)


def _named(name: str, applies: Callable[[FrameType], bool]) -> _Test:
    return lambda frame: name if applies(frame) else ""


def _only_importing(frame: FrameType) -> bool:
    """Whether a library does this while it is imported, for reasons of its own; an import of the
    forbidden module itself, by anybody else, is not that.
    """
    inner, outer = frame, frame.f_back
    while outer is not None:
        if not outer.f_code.co_filename.startswith(_IMPORT):
            inner, outer = outer, outer.f_back
            continue
        while outer is not None and outer.f_code.co_filename.startswith(_IMPORT):
            outer = outer.f_back
        if inner is frame:
            return outer is not None and _of_library(outer)
        if _of_library(inner):
            return True
    return False


def _of_library(frame: FrameType) -> bool:
    file = frame.f_code.co_filename
    return file.startswith(_LIBRARIES) or f"{os.sep}site-packages{os.sep}" in file


def _same_closure(function: FunctionType) -> Callable[[FrameType], bool]:
    """Functions made by one factory share their code and differ in what they close over."""
    names = function.__code__.co_freevars
    cells = function.__closure__ or ()
    if not names:
        return lambda frame: True

    def applies(frame: FrameType) -> bool:
        local = frame.f_locals
        for name, cell in zip(names, cells, strict=True):
            if local.get(name) is not _content(cell):
                return False
        return True

    return applies


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    # The cell is not filled yet.
    except ValueError:
        return None


def _first_argument(test: Callable[[Any], bool]) -> Callable[[FrameType], bool]:
    """A method's frame, told by its first argument."""

    def applies(frame: FrameType) -> bool:
        names = frame.f_code.co_varnames
        if not names:
            return False
        first = frame.f_locals.get(names[0])
        return test(first)

    return applies
