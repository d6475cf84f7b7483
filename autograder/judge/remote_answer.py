"""The judge's side of a channel: an answer in another process, as a `CallAnswer`. What arrives
is a stranger's and is checked field by field.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from typing import Any

from autograder.answers.imports import MOST_WORK
from autograder.answers.outcome import Outcome
from autograder.text import plain
from autograder.values.channel import Channel, Closed, Message
from autograder.values.plain_values import Malformed

GRACE = 2.0
"""Seconds that a call may take beyond its own limits, of work and by the clock, before the judge
stops waiting: the answer's process notices first where it can.
"""

_LONGEST = 10**9
_MOST_ARGUMENTS = 100
_LOOK = 0.05  # seconds from one look at a process's work to the next, at least

_KINDS = ("value", "raised", "refused", "timeout")


class RemoteAnswer:
    """The answer at the other end of `channel`, which is to watch for calls of what `forbids`
    names. What breaks the exchange closes the channel: after it nothing from there can be told
    apart.

    worked: the seconds that the process of the answer has worked so far, measured from here. What
        the answer's process says of itself counts only where it is more.
    """

    def __init__(
        self,
        channel: Channel,
        forbids: Sequence[str] = (),
        worked: Callable[[], float] | None = None,
    ):
        self._channel = channel
        self._forbids = forbids
        self._worked = worked
        self._numbers = itertools.count(1)
        # What it may still have worked at imports, which is not counted: it says so itself.
        self._imports_left = MOST_WORK

    def __call__(
        self, driver: str, args: tuple[Any, ...], seconds: float, wall: float
    ) -> Outcome:
        if seconds <= 0 or wall <= 0:
            return Outcome("timeout")
        used = _since(self._worked)
        # As long again, since it may be importing just now.
        imports = min(self._imports_left, seconds)
        left = _countdown(seconds + imports, wall, used)
        number = next(self._numbers)
        fields = {"id": number, "driver": driver, "seconds": seconds, "wall": wall}
        if self._forbids:
            fields["forbids"] = list(self._forbids)
        try:
            self._channel.send("call", args, **fields)
            message = self._channel.receive(left)
        except TimeoutError:
            return self._broken(Outcome("timeout", seconds=used()))
        except Closed:
            return self._broken(Outcome("lost"))
        except Malformed as error:
            reason = f"What it sent could not be read: {error}."
            return self._broken(Outcome("lost", message=reason))
        if not _answers(message, number):
            reason = "It sent a message that was not an answer to the call."
            return self._broken(Outcome("lost", message=reason))
        imported = min(_seconds(message.fields.get("imported")), self._imports_left)
        self._imports_left -= imported
        outcome = _outcome(message, self._forbids, used() - imported)
        return _in_time(outcome, seconds)

    def _broken(self, outcome: Outcome) -> Outcome:
        self._channel.close()
        return outcome


def _countdown(
    seconds: float, wall: float, used: Callable[[], float]
) -> Callable[[], float]:
    """How long to wait for an answer from now on: a process cannot have used up what is left of
    its work before as many seconds have passed.
    """
    end = time.monotonic() + wall + GRACE

    def left() -> float:
        time_left = end - time.monotonic()
        work_left = seconds + GRACE - used()
        if work_left <= 0:
            return min(0.0, time_left)
        return min(max(work_left, _LOOK), time_left)

    return left


def _answers(message: Message, number: int) -> bool:
    """Whether a message is the answer to the call of that number."""
    if message.kind != "result":
        return False
    if message.fields.get("id") != number:
        return False
    return message.fields.get("outcome") in _KINDS


def _in_time(outcome: Outcome, seconds: float) -> Outcome:
    """A result that came after its time is none."""
    if outcome.seconds <= seconds + GRACE:
        return outcome
    return Outcome(
        "timeout", printed=outcome.printed, last=outcome.last, seconds=outcome.seconds
    )


def _since(worked: Callable[[], float] | None) -> Callable[[], float]:
    """How much more `worked` says than now; nothing where nobody measures."""
    if worked is None:
        return lambda: 0.0
    before = worked()
    return lambda: max(0.0, worked() - before)


def _outcome(message: Message, forbids: Sequence[str], measured: float) -> Outcome:
    fields = message.fields
    kind = fields["outcome"]
    forbidden = fields.get("forbidden")
    if forbidden not in forbids:
        forbidden = ""
    return Outcome(
        kind,
        value=message.value if kind == "value" else None,
        error=_text(fields.get("error"), 80),
        message=_text(fields.get("message"), 600),
        lines=_lines(fields.get("lines")),
        printed=_text(fields.get("printed"), 1000),
        last=_first_line(fields.get("last")),
        changed=_places(fields.get("changed")),
        forbidden=str(forbidden),
        forbidden_line=_first_line(fields.get("forbidden_line")) if forbidden else "",
        seconds=max(measured, _seconds(fields.get("seconds"))),
    )


def _first_line(value: Any) -> str:
    line, _, _ = _text(value, 200).partition("\n")
    return line


def _lines(value: Any) -> tuple[str, ...]:
    """A stranger's lines of code, the first few; none where they are no list."""
    if not isinstance(value, list):
        return ()
    return tuple(_text(line, 200) for line in value[:4])


def _places(value: Any) -> tuple[int, ...]:
    """A stranger's places of arguments; none where they are no list of such."""
    if not isinstance(value, list) or len(value) > _MOST_ARGUMENTS:
        return ()
    if not all(type(place) is int and 0 <= place < _MOST_ARGUMENTS for place in value):
        return ()
    return tuple(value)


def _seconds(value: Any) -> float:
    """A stranger's number of seconds; none where it is no such number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return 0.0
    if not 0 <= value < _LONGEST:
        return 0.0
    return float(value)


def _text(value: Any, most: int) -> str:
    """The beginning of a stranger's text, with what a terminal would obey, or nobody could see,
    made visible.
    """
    if not isinstance(value, str):
        return ""
    beginning = value[:most]
    # Half a surrogate pair can be sent but not written to a file.
    text = beginning.encode("utf-8", "replace").decode()
    lines = [plain(line) for line in text.split("\n")]
    return "\n".join(lines)
