"""What is to be seen while an answer runs that takes its time: how long it has worked, how long it
may, and what it prints.

In a notebook one display that is updated, in a terminal one line; nothing where nobody looks. Once
the verdict is there, no more is left than what was printed, folded.

Drawn from a signal's handler, in the main thread: a thread of its own could hold a lock when the
answer forks.
"""

from __future__ import annotations

import html
import os
import shutil
import sys
import time
import uuid
from types import FrameType
from typing import Any, Protocol

from autograder.answers.time_limit import Watcher, frames_of_answer
from autograder.answers.work import worked
from autograder.text import plain

AFTER = 2.0
"""Seconds that a check may take before anything is shown."""

EVERY = 0.5
"""Seconds from one change of what is shown to the next."""

LINES, WIDTH = 8, 160
"""How much of what an answer prints is shown: its last lines, and the beginning of each."""

_CLEAR_LINE = "\r\x1b[2K"
_DISPLAYS = ("IPython", "ipykernel", "zmq", "matplotlib_inline")


class Printed(Protocol):
    """What an answer has printed so far."""

    def last_lines(self, most: int) -> list[str]:
        """The last lines that are not empty."""


class Screen(Protocol):
    """Where something can be shown."""

    def show(self, state: str, lines: list[str]) -> None:
        """Replace what is shown by `state` and the lines that were printed."""

    def close(self, lines: list[str]) -> None:
        """Leave no more than is worth keeping: of the state nothing."""


class Live(Watcher):
    """Shows one check on `screen`: from `AFTER` seconds on, every `EVERY` seconds. `allowed`:
    the seconds of work that all calls together have.
    """

    def __init__(self, question: str, screen: Screen, allowed: float = 0.0):
        self.allowed = allowed
        self._question = plain(question[:80])
        self._screen = screen
        self._began = time.monotonic()
        self._worked = worked()
        self._next = self._began + AFTER
        self._shown = False
        self._printed: Printed | None = None

    def follow(self, printed: Printed) -> None:
        """From now on, show the end of `printed`."""
        self._printed = printed

    def due(self) -> float:
        return self._next - time.monotonic()

    def look(self, frame: FrameType | None) -> None:
        self._next = time.monotonic() + EVERY
        # What the answer is in the midst of would be entered a second time.
        if _displaying(frame):
            return
        try:
            self._screen.show(self._state(), self._lines())
            self._shown = True
        # What cannot be shown is no reason to disturb the answer.
        except Exception:
            self._next = float("inf")

    def close(self) -> None:
        """The check is over."""
        if not self._shown:
            return
        self._shown = False
        try:
            self._screen.close(self._lines())
        except Exception:  # as in look
            return

    def _state(self) -> str:
        """The question, and how long its answer has worked."""
        work = worked() - self._worked
        wall = time.monotonic() - self._began
        state = f"{self._question}: {work:.0f} of at most {self.allowed:g} seconds"
        is_waiting = wall > 1.5 * work + 2
        if is_waiting:
            state += f", {wall:.0f} by the clock"
        return state

    def _lines(self) -> list[str]:
        if self._printed is None:
            return []
        lines = self._printed.last_lines(LINES)
        return [plain(line[:WIDTH]) for line in lines]


def screen() -> Screen | None:
    """Where the learner looks: at a notebook, at a terminal, or nowhere."""
    if "IPython" in sys.modules:
        shell = sys.modules["IPython"].get_ipython()
        kernel = getattr(shell, "kernel", None)
        if kernel is not None:
            # The kernel sends what a cell prints when it has gathered some, and a check puts a
            # stream of its own in its place: what was printed before would come after the display.
            sys.stdout.flush()
            sys.stderr.flush()
            return _Notebook(shell.display_pub)
    stderr = sys.stderr
    if stderr is not None and stderr.isatty():
        return _Terminal(stderr.fileno())
    return None


class _Notebook:
    """One display of a notebook's cell."""

    def __init__(self, publisher: Any):
        self._publisher = publisher
        self._name = uuid.uuid4().hex
        self._there = False

    def show(self, state: str, lines: list[str]) -> None:
        page = f"<div>{html.escape(state)}</div>"
        if lines:
            page += _preformatted(lines)
        text = "\n".join([state, *lines])
        self._put(page, text)

    def close(self, lines: list[str]) -> None:
        if not lines:
            self._publish({"text/plain": "", "text/html": ""})
            return
        printed = _preformatted(lines)
        page = f"<details><summary>The last lines that it printed</summary>{printed}</details>"
        self._put(page, "\n".join(lines))

    def _put(self, inner: str, text: str) -> None:
        data = {
            "text/plain": text,
            "text/html": f'<div style="font-family:system-ui,sans-serif;opacity:.75">{inner}</div>',
        }
        self._publish(data)

    def _publish(self, data: dict[str, str]) -> None:
        transient = {"display_id": self._name}
        is_update = self._there
        self._there = True
        self._publisher.publish(data, transient=transient, update=is_update)


def _preformatted(lines: list[str]) -> str:
    text = html.escape("\n".join(lines))
    return f'<pre style="margin:4px 0 0">{text}</pre>'


class _Terminal:
    """The line of a terminal that the cursor is in."""

    def __init__(self, descriptor: int):
        self._descriptor = descriptor

    def show(self, state: str, lines: list[str]) -> None:
        text = state
        if lines:
            text += f"  {lines[-1]}"
        width = shutil.get_terminal_size().columns - 1
        self._write(_CLEAR_LINE + text[:width])

    def close(self, lines: list[str]) -> None:
        self._write(_CLEAR_LINE)

    def _write(self, text: str) -> None:
        # Not to a stream, which cannot be entered twice.
        encoded = text.encode("utf-8", "replace")
        os.write(self._descriptor, encoded)


def _displaying(frame: FrameType | None) -> bool:
    """Whether the answer, which was interrupted at `frame`, is showing something itself just
    now.
    """
    for inner in frames_of_answer(frame):
        module = str(inner.f_globals.get("__name__"))
        package = module.partition(".")[0]
        if package in _DISPLAYS:
            return True
    return False
