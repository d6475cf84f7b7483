"""Text for a terminal and for a log."""

from __future__ import annotations


def plain(text: str) -> str:
    """`text` fit for a line on a terminal: what cannot be printed is escaped."""
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )


def one_line(error: BaseException, most: int = 160) -> str:
    """What an exception says, in one line for a terminal: the first, or its name where it says
    nothing.
    """
    return plain(next(iter(str(error).splitlines()), type(error).__name__)[:most])
