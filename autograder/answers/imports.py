"""How long a process has been importing modules while an answer ran. That is nobody's time: an
answer's first optimiser imports three seconds' worth of PyTorch, its second one nothing.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from autograder.answers.work import worked

MOST_WORK, MOST_WALL = 10.0, 60.0
"""Seconds, of work and by the clock, that imports are left alone: a module that takes longer hangs,
or does the work of an answer.
"""

_MACHINERY = "_frozen_importlib"
"""The module that imports modules. Python looks up `_find_and_load` there for each one that is not
loaded yet, wherever and however it is imported.
"""


class Imports:
    """A context that measures the imports made inside it, in the thread that entered it."""

    def __init__(self) -> None:
        self._depth = 0
        self._work = self._wall = 0.0
        self._work_began = self._wall_began = 0.0

    def __enter__(self) -> Imports:
        machinery = sys.modules[_MACHINERY]
        self._before: Callable[..., Any] = vars(machinery)["_find_and_load"]
        vars(machinery)["_find_and_load"] = self._measured(self._before)
        return self

    def __exit__(self, *_: object) -> None:
        vars(sys.modules[_MACHINERY])["_find_and_load"] = self._before

    @property
    def running(self) -> bool:
        """Whether a module is being imported just now."""
        return self._depth > 0

    @property
    def work(self) -> float:
        """Seconds of work that imports took, that of now included, and no more than they may."""
        now = worked() - self._work_began if self.running else 0.0
        return min(self._work + now, MOST_WORK)

    @property
    def wall(self) -> float:
        """The same by the clock."""
        now = time.monotonic() - self._wall_began if self.running else 0.0
        return min(self._wall + now, MOST_WALL)

    @property
    def hang(self) -> bool:
        """Whether imports have taken longer than they may."""
        return self.work >= MOST_WORK or self.wall >= MOST_WALL

    def _begin(self) -> None:
        if not self.running:
            self._work_began, self._wall_began = worked(), time.monotonic()
        self._depth += 1

    def _end(self) -> None:
        self._depth -= 1
        if not self.running:
            self._work += worked() - self._work_began
            self._wall += time.monotonic() - self._wall_began

    def _measured(self, find_and_load: Callable[..., Any]) -> Callable[..., Any]:
        measured = threading.get_ident()

        def _find_and_load(name: str, import_: Any) -> Any:
            if threading.get_ident() != measured:
                return find_and_load(name, import_)
            self._begin()
            try:
                return find_and_load(name, import_)
            finally:
                self._end()

        # A part of the machinery to whoever looks at the stack: tracebacks, warnings, the watch for
        # forbidden calls.
        part_of_it = sys.modules[_MACHINERY]._find_and_load.__code__.co_filename
        _find_and_load.__code__ = _find_and_load.__code__.replace(
            co_filename=part_of_it
        )
        return _find_and_load
