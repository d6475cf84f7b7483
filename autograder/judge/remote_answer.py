"""The judge's side of a channel: an answer in another process, as a `CallAnswer`. What arrives
is a stranger's and is checked field by field.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from typing import Any

from autograder.answers.outcome import Outcome
from autograder.text import plain
from autograder.values.channel import Channel, Closed, Message
from autograder.values.plain_values import Malformed

GRACE = 2.0
"""Seconds that a call may take beyond its own limits, of work and by the clock, before the judge
stops waiting: the answer's process notices first where it can.
"""

_LONGEST = 10**9
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
        self._channel, self._forbids, self._worked = channel, forbids, worked
        self._numbers = itertools.count(1)

    def __call__(self, driver: str, args: tuple[Any, ...], seconds: float, wall: float) -> Outcome:
        if seconds <= 0 or wall <= 0:
            return Outcome("timeout")
        used = _since(self._worked)
        left = _countdown(seconds, wall, used)
        number = next(self._numbers)
        limits = {"seconds": seconds, "wall": wall}
        watch = {"forbids": list(self._forbids)} if self._forbids else {}
        try:
            self._channel.send("call", args, id=number, driver=driver, **limits, **watch)
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
        return _in_time(_outcome(message, self._forbids, used()), seconds)

    def _broken(self, outcome: Outcome) -> Outcome:
        self._channel.close()
        return outcome


def _countdown(seconds: float, wall: float, used: Callable[[], float]) -> Callable[[], float]:
    """How long to wait for an answer from now on: a process cannot have used up what is left of
    its work before as many seconds have passed.
    """
    end = time.monotonic() + wall + GRACE

    def left() -> float:
        work = seconds + GRACE - used()
        patience = max(work, _LOOK) if work > 0 else 0.0
        return min(patience, end - time.monotonic())

    return left


def _answers(message: Message, number: int) -> bool:
    """Whether a message is the answer to the call of that number."""
    if message.kind != "result" or message.fields.get("id") != number:
        return False
    return message.fields.get("outcome") in _KINDS


def _in_time(outcome: Outcome, seconds: float) -> Outcome:
    """A result that came after its time is none."""
    if outcome.seconds <= seconds + GRACE:
        return outcome
    return Outcome("timeout", printed=outcome.printed, last=outcome.last, seconds=outcome.seconds)


def _since(worked: Callable[[], float] | None) -> Callable[[], float]:
    """How much more `worked` says than now; nothing where nobody measures."""
    if worked is None:
        return lambda: 0.0
    before = worked()
    return lambda: max(0.0, worked() - before)


def _outcome(message: Message, forbids: Sequence[str], measured: float) -> Outcome:
    fields = message.fields
    kind = fields["outcome"]
    lines, forbidden = fields.get("lines"), fields.get("forbidden")
    last_line, _, _ = _text(fields.get("last"), 200).partition("\n")
    return Outcome(
        kind,
        value=message.value if kind == "value" else None,
        error=_text(fields.get("error"), 80),
        message=_text(fields.get("message"), 600),
        lines=tuple(_text(line, 200) for line in lines[:4]) if isinstance(lines, list) else (),
        printed=_text(fields.get("printed"), 1000),
        last=last_line,
        forbidden=str(forbidden) if forbidden in forbids else "",
        seconds=max(measured, _seconds(fields.get("seconds"))),
    )


def _seconds(value: Any) -> float:
    """A stranger's number of seconds; none where it is no such number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return 0.0
    return float(value) if 0 <= value < _LONGEST else 0.0


def _text(value: Any, most: int) -> str:
    """The beginning of a stranger's text, with what a terminal would obey, or nobody could see,
    made visible.
    """
    if not isinstance(value, str):
        return ""
    # Half a surrogate pair can be sent but not written to a file.
    text = value[:most].encode("utf-8", "replace").decode()
    return "\n".join(plain(line) for line in text.split("\n"))
