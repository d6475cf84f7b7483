"""What one call of an answer came to: plain frozen data that can cross between two processes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Outcome:
    """What one call of an answer came to.

    kind:    "value", "raised", "refused" (a value that cannot be judged), "timeout", "lost" (the
             process or the connection died).
    value:   the plain value, for "value".
    error:   the exception's type name; message: its text, or why the value was refused.
    lines:   the learner's own lines on the way to the exception, or to where it was stopped, as
             "line 3: return image @ kernel".
    printed: the beginning of what the call printed. last: the last line of it.
    forbidden: the first name among those that the question forbids that was called, if one was;
             forbidden_line: the learner's own line that led to it.
    changed: the places of the arguments that the call left with other numbers, as its own process
             says.
    seconds: how long it worked, in processor seconds, without its imports. imported: how long it
             worked at those.
    """

    kind: str
    value: Any = None
    error: str = ""
    message: str = ""
    lines: tuple[str, ...] = ()
    printed: str = ""
    last: str = ""
    forbidden: str = ""
    forbidden_line: str = ""
    changed: tuple[int, ...] = ()
    seconds: float = field(default=0.0, compare=False)
    imported: float = field(default=0.0, compare=False)

    @property
    def is_value(self) -> bool:
        """Whether the call gave a value that can be judged."""
        return self.kind == "value"

    @property
    def is_last(self) -> bool:
        """Whether the answer cannot be called again: it ran out of time, or its process is gone."""
        return self.kind in ("timeout", "lost")
