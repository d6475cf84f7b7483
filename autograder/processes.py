"""What the processes that are started here have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import IO


def work_of(process: int) -> Callable[[], float]:
    """A function that says how many seconds of processor time `process`, and its children that
    have ended, have used so far; 0 once it is gone.
    """
    import psutil  # not needed where answers run

    def worked() -> float:
        try:
            return sum(known.cpu_times()[:4])
        except psutil.Error:
            return 0.0

    try:
        known = psutil.Process(process)
    except psutil.Error:
        return lambda: 0.0
    return worked


def last_line(log: IO[bytes] | None, most: int = 200) -> str:
    """The last line that says something in what a process wrote to `log`, shortened; "" if there
    is none.
    """
    if log is None:
        return ""
    log.seek(0)
    lines = log.read().decode("utf-8", errors="replace").strip().splitlines()
    return lines[-1][:most] if lines else ""


def as_last_words(line: str) -> str:
    """`line` as the end of a sentence about a process that ended."""
    return f" ({line})" if line else ""
