"""How long an answer may take: in seconds of a processor's work, which a busy machine does not use
up, with a wall limit behind them.

The process of the answer stops itself by a signal where it can, but never in the midst of an
import, which would leave the module broken; whoever waits for it from outside
(`autograder.judge.remote_answer`) measures the same two things. What imports take is not counted.
"""

from __future__ import annotations

import itertools
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from types import FrameType, TracebackType
from typing import Any

from autograder.answers.imports import Imports
from autograder.answers.work import worked

STARVED = 5.0
"""The wall limit is that many times the limit on work: a machine that gives an answer less than
a fifth of a processor is too busy to judge it.
"""

HICCUP = 10.0
"""Seconds that the wall limit has beyond that: a machine that swaps, or wakes up, stands still
for as long whatever the question is.
"""

_CALLER = "autograder.answers.run"
_DEEP = 100
"""Frames of a recursion that are looked at."""
_SOONEST = 0.01
"""Seconds until the signal comes, at least: zero would switch it off."""
_IMPORTING = 0.05
"""Seconds until the signal comes again that finds an import at work."""
_AGAIN = 0.5
"""Seconds until the signal comes again: an exception that is raised in the midst of a destructor is
lost.
"""


def patience(seconds: float) -> float:
    """The seconds by the clock after which an answer that may work for `seconds` is stopped,
    whatever it has worked: it may be asleep.
    """
    return HICCUP + STARVED * seconds


class OutOfTime(BaseException):
    """The answer took longer than it may. Not an Exception, so that an answer's own `except
    Exception` does not swallow it.

    stack: where it was, from the call of the answer inwards.
    """

    def __init__(self, stack: Sequence[traceback.FrameSummary] = ()):
        super().__init__()
        self.stack = stack


def frames_of_answer(frame: FrameType | None) -> Iterator[FrameType]:
    """From `frame` outwards to where the engine called the answer."""
    while frame is not None:
        if frame.f_globals.get("__name__") == _CALLER:
            return
        yield frame
        frame = frame.f_back


class Watcher:
    """Somebody who looks at an answer while it runs: asked when (`due`), called then with the
    interrupted frame (`look`).
    """

    def due(self) -> float:
        """Seconds until the next look."""
        raise NotImplementedError

    def look(self, frame: FrameType | None) -> None:
        """Look. Called from a signal's handler, in the midst of whatever the answer does."""
        raise NotImplementedError


class Limit:
    """A context that raises `OutOfTime` inside the block once it has worked for `seconds` or the
    clock went on by `wall`.

    One signal serves both, and `watcher`: it comes when the first of them can be due, and is set
    anew. Signals reach the main thread only; elsewhere, and where there are none, whoever waits
    outside must do.
    """

    def __init__(self, seconds: float, wall: float, watcher: Watcher | None = None):
        self._seconds = seconds
        self._wall = wall
        self._watcher = watcher
        self._imports = Imports()
        is_main = threading.current_thread() is threading.main_thread()
        self._works = is_main and hasattr(signal, "setitimer")

    def __enter__(self) -> Limit:
        self._over = False
        self._start = worked()
        self._began = time.monotonic()
        self._imports.__enter__()
        if self._works:
            self._previous: Any = signal.signal(signal.SIGALRM, self._ring)
            self._set()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._over = True  # a signal that is on its way does nothing from here on
        finally:
            if self._works:
                signal.setitimer(signal.ITIMER_REAL, 0)
                signal.signal(signal.SIGALRM, self._previous)
            self._imports.__exit__(kind, error, trace)

    @property
    def seconds(self) -> float:
        """How long the block has worked, without its imports."""
        return max(0.0, worked() - self._start - self._imports.work)

    @property
    def imported(self) -> float:
        """How long the block has worked at imports."""
        return self._imports.work

    def _left(self) -> float:
        # Work goes on no faster than the clock, but for an answer with several threads, which is
        # noticed when its one thread's time would be up.
        elapsed = time.monotonic() - self._began - self._imports.wall
        work_left = self._seconds - self.seconds
        wall_left = self._wall - elapsed
        return min(work_left, wall_left)

    def _set(self) -> None:
        due = self._left()
        if self._watcher:
            due = min(due, self._watcher.due())
        soonest = _IMPORTING if self._imports.running else _SOONEST
        signal.setitimer(signal.ITIMER_REAL, max(due, soonest))

    def _ring(self, signum: int, frame: FrameType | None) -> None:
        if self._over:
            return
        may_stop = not self._imports.running or self._imports.hang
        if may_stop and self._left() <= 0:
            signal.setitimer(signal.ITIMER_REAL, _AGAIN)
            raise OutOfTime(_stack(frame))
        if self._watcher and self._watcher.due() <= 0:
            _without_profiler(self._watcher.look, frame)
        self._set()


def _stack(frame: FrameType | None) -> Sequence[traceback.FrameSummary]:
    inwards = list(itertools.islice(frames_of_answer(frame), _DEEP))
    inwards.reverse()
    with_lines = ((inner, inner.f_lineno) for inner in inwards)
    return traceback.StackSummary.extract(with_lines)


def _without_profiler(
    look: Callable[[FrameType | None], None], frame: FrameType | None
) -> None:
    """Call `look` without the answer's profile function, which would take these calls for the
    answer's.
    """
    profile = sys.getprofile()
    sys.setprofile(None)
    try:
        look(frame)
    finally:
        sys.setprofile(profile)
