"""Text for a terminal and for a log."""

from __future__ import annotations


def plain(text: str) -> str:
    """`text` fit for a line on a terminal: what cannot be printed is escaped."""
    if text.isprintable():
        return text
    characters = [_escaped(character) for character in text]
    return "".join(characters)


def _escaped(character: str) -> str:
    if character.isprintable():
        return character
    escape = character.encode("unicode_escape")
    return escape.decode("ascii")


def one_line(error: BaseException, most: int = 160) -> str:
    """What an exception says, in one line for a terminal: the first, or its name where it says
    nothing.
    """
    line = type(error).__name__
    lines = str(error).splitlines()
    if lines:
        line = lines[0]
    return plain(line[:most])
