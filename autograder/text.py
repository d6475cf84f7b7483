"""Text for a terminal and for a log."""

from __future__ import annotations

from typing import Any

_LONGEST_KEY = 60


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


def key_as_text(key: Any) -> str:
    """The key of a dict as it is read: a name as it is, any other string with its quotation marks,
    so that it is not taken for a number.
    """
    is_name = isinstance(key, str) and key.replace(" ", "_").isidentifier()
    text = str(key) if is_name else repr(key)
    return text[:_LONGEST_KEY]
