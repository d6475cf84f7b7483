"""Feedback that shows itself where it is made: in a notebook, a line that is not the last of its
cell shows nothing of its own.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from autograder.feedback.render import Feedback


class _Cells:
    """Counts the cells that a shell runs, from the first feedback on."""

    def __init__(self) -> None:
        self._shell: Any = None
        self.now = 0

    def follow(self, shell: Any) -> None:
        """Count the cells of `shell` from now on, once."""
        if self._shell is shell:
            return
        self._shell = shell
        shell.events.register("pre_run_cell", self._next)

    # IPython hands over what it knows of the cell, or nothing in old versions.
    def _next(self, *_: Any) -> None:
        self.now += 1


_cells = _Cells()


@dataclass(frozen=True, repr=False)
class Shown(Feedback):
    """Feedback that was shown already in the cell number `cell`: as that cell's last line it shows
    nothing again, in a later cell it does.
    """

    cell: int = 0

    def _ipython_display_(self) -> None:
        if self.cell != _cells.now:
            _display(self)
        elif not hasattr(running_shell(), "kernel"):
            print("shown above")  # a terminal has written "Out[3]: " already


def show(feedback: Feedback) -> Feedback:
    """Show `feedback` at once if IPython runs the code, in a notebook or a terminal. A script shows
    what it prints.
    """
    shell = running_shell()
    if shell is None:
        return feedback
    _cells.follow(shell)
    _display(feedback)
    return Shown(
        feedback.text,
        feedback.html,
        feedback.correct,
        feedback.earned,
        cell=_cells.now,
    )


def running_shell() -> Any:
    """IPython's shell, None where there is none. Imports nothing."""
    if "IPython" not in sys.modules:
        return None
    return sys.modules["IPython"].get_ipython()


def _display(feedback: Feedback) -> None:
    from IPython.display import display

    data = {"text/plain": feedback.text, "text/html": feedback.html}
    display(data, raw=True)
