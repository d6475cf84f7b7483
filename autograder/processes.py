"""What the processes that are started here have in common."""

from __future__ import annotations

from typing import IO


def last_line(log: IO[bytes] | None, most: int = 200) -> str:
    """The last line that says something in what a process wrote to `log`, shortened; "" if there is none."""
    if log is None:
        return ""
    log.seek(0)
    lines = log.read().decode("utf-8", errors="replace").strip().splitlines()
    return lines[-1][:most] if lines else ""


def as_last_words(line: str) -> str:
    """`line` as the end of a sentence about a process that ended."""
    return f" ({line})" if line else ""
