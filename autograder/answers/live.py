"""What is to be seen while an answer runs that takes its time: how long it has worked, how long it
may, and what it prints.

In a notebook one display that is updated and folded in the end, in a terminal one line; nothing
where nobody looks. Drawn from a signal's handler, in the main thread: a thread of its own could
hold a lock when the answer forks.
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

from autograder.answers.time_limit import Watcher, frames_of_answer, worked
from autograder.text import plain

AFTER = 2.0
"""Seconds that a check may take before anything is shown."""

EVERY = 0.5
"""Seconds from one change of what is shown to the next."""

LINES, WIDTH = 8, 160
"""How much of what an answer prints is shown: its last lines, and the beginning of each."""

_DISPLAYS = ("IPython", "ipykernel", "zmq", "matplotlib_inline")


class Printed(Protocol):
    """What an answer has printed so far."""

    def last_lines(self, most: int) -> list[str]:
        """The last lines that are not empty."""


class Screen(Protocol):
    """Where something can be shown."""

    def show(self, state: str, lines: list[str]) -> None:
        """Replace what is shown by `state` and the lines that were printed."""

    def close(self, state: str, lines: list[str]) -> None:
        """Leave no more than is worth keeping."""


class Live(Watcher):
    """Shows one check on `screen`: from `AFTER` seconds on, every `EVERY` seconds. `allowed`:
    the seconds of work that all calls together have.
    """

    def __init__(self, question: str, screen: Screen, allowed: float = 0.0):
        self._question, self._screen, self.allowed = plain(question[:80]), screen, allowed
        self._began, self._worked = time.monotonic(), worked()
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
        if _displaying(frame):  # what it is in the midst of would be entered a second time
            return
        try:
            self._screen.show(f"{self._question}: {self._times()}", self._lines())
            self._shown = True
        except Exception:  # what cannot be shown is no reason to disturb the answer
            self._next = float("inf")

    def close(self) -> None:
        """The check is over."""
        if not self._shown:
            return
        self._shown = False
        try:
            self._screen.close(f"{self._question}: {self._times()}", self._lines())
        except Exception:  # as in look
            return

    def _times(self) -> str:
        work, wall = worked() - self._worked, time.monotonic() - self._began
        busy = f", {wall:.0f} by the clock" if wall > 1.5 * work + 2 else ""
        return f"{work:.0f} of at most {self.allowed:g} seconds{busy}"

    def _lines(self) -> list[str]:
        return (
            [plain(line[:WIDTH]) for line in self._printed.last_lines(LINES)]
            if self._printed
            else []
        )


def screen() -> Screen | None:
    """Where the learner looks: at a notebook, at a terminal, or nowhere."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is not None and getattr(shell, "kernel", None) is not None:
        return _Notebook(shell.display_pub)
    if sys.stderr is not None and sys.stderr.isatty():
        return _Terminal(sys.stderr.fileno())
    return None


class _Notebook:
    """One display of a notebook's cell."""

    def __init__(self, publisher: Any):
        self._publisher, self._name, self._there = publisher, uuid.uuid4().hex, False

    def show(self, state: str, lines: list[str]) -> None:
        self._put(f"<div>{html.escape(state)}</div>{_printed(lines)}", "\n".join([state, *lines]))

    def close(self, state: str, lines: list[str]) -> None:
        folded = (
            f"<details><summary>{html.escape(state)}</summary>{_printed(lines)}</details>"
            if lines
            else f"<div>{html.escape(state)}</div>"
        )
        self._put(folded, state)

    def _put(self, inner: str, text: str) -> None:
        data = {
            "text/plain": text,
            "text/html": f'<div style="font-family:system-ui,sans-serif;opacity:.75">{inner}</div>',
        }
        there, self._there = self._there, True
        self._publisher.publish(data, transient={"display_id": self._name}, update=there)


def _printed(lines: list[str]) -> str:
    return f'<pre style="margin:4px 0 0">{html.escape(chr(10).join(lines))}</pre>' if lines else ""


class _Terminal:
    """The line of a terminal that the cursor is in."""

    def __init__(self, descriptor: int):
        self._descriptor = descriptor

    def show(self, state: str, lines: list[str]) -> None:
        text = f"{state}  {lines[-1]}" if lines else state
        self._write("\r\x1b[2K" + text[: shutil.get_terminal_size().columns - 1])

    def close(self, state: str, lines: list[str]) -> None:
        self._write("\r\x1b[2K")

    def _write(self, text: str) -> None:
        # Not to a stream, which cannot be entered twice.
        os.write(self._descriptor, text.encode("utf-8", "replace"))


def _displaying(frame: FrameType | None) -> bool:
    """Whether the answer, which was interrupted at `frame`, is showing something itself just
    now.
    """
    return any(
        str(one.f_globals.get("__name__")).partition(".")[0] in _DISPLAYS
        for one in frames_of_answer(frame)
    )
