"""The judge's side of a channel: an answer in another process, as a `Peer`. What arrives is a
stranger's and is checked field by field.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from typing import Any

from autograder.answers.run import Peer
from autograder.text import plain
from autograder.values.channel import Channel, Closed, Message
from autograder.values.plain_values import Malformed
from autograder.verdict import Outcome

GRACE = 2.0
"""Seconds that a call may take beyond its own limits, of work and by the clock, before the judge
stops waiting: the answer's process notices first where it can.
"""

_LONGEST = 10**9
_LOOK = 0.05  # seconds from one look at a process's work to the next, at least

_KINDS = ("value", "raised", "refused", "timeout")


def remote(
    channel: Channel, forbids: Sequence[str] = (), worked: Callable[[], float] | None = None
) -> Peer:
    """The answer at the other end of `channel`, which is to watch for calls of what `forbids`
    names. What breaks the exchange closes the channel: after it nothing from there can be told
    apart.

    worked: the seconds that the process of the answer has worked so far, measured from here. What
        the answer's process says of itself counts only where it is more.
    """
    numbers = itertools.count(1)
    watch = {"forbids": list(forbids)} if forbids else {}

    def broken(kind: str, message: str = "", seconds: float = 0.0) -> Outcome:
        channel.close()
        return Outcome(kind, message=message, seconds=seconds)

    def peer(driver: str, args: tuple, seconds: float, wall: float) -> Outcome:
        if seconds <= 0 or wall <= 0:
            return Outcome("timeout")
        number, used, end = next(numbers), _since(worked), time.monotonic() + wall + GRACE

        def left() -> float:
            # A process cannot have used up what is left of its work before as many seconds have
            # passed.
            work = seconds + GRACE - used()
            return min(max(work, _LOOK) if work > 0 else 0.0, end - time.monotonic())

        try:
            channel.send(
                "call", args, id=number, driver=driver, seconds=seconds, wall=wall, **watch
            )
            message = channel.receive(left)
        except TimeoutError:
            return broken("timeout", seconds=used())
        except Closed:
            return broken("lost")
        except Malformed as error:
            return broken("lost", f"What it sent could not be read: {error}.")
        if (
            message.kind != "result"
            or message.fields.get("id") != number
            or message.fields.get("outcome") not in _KINDS
        ):
            return broken("lost", "It sent a message that was not an answer to the call.")
        outcome = _outcome(message, forbids, used())
        return (
            outcome
            if outcome.seconds <= seconds + GRACE
            else Outcome(
                "timeout", printed=outcome.printed, last=outcome.last, seconds=outcome.seconds
            )
        )

    return peer


def _since(worked: Callable[[], float] | None) -> Callable[[], float]:
    """How much more `worked` says than now; nothing where nobody measures."""
    if worked is None:
        return lambda: 0.0
    before = worked()
    return lambda: max(0.0, worked() - before)


def _outcome(message: Message, forbids: Sequence[str], measured: float) -> Outcome:
    kind = message.fields["outcome"]
    lines = message.fields.get("lines")
    forbidden = message.fields.get("forbidden")
    return Outcome(
        kind,
        value=message.value if kind == "value" else None,
        error=_text(message.fields.get("error"), 80),
        message=_text(message.fields.get("message"), 600),
        lines=tuple(_text(line, 200) for line in lines[:4]) if isinstance(lines, list) else (),
        printed=_text(message.fields.get("printed"), 1000),
        last=_text(message.fields.get("last"), 200).partition("\n")[0],
        forbidden=forbidden if forbidden in forbids else "",
        seconds=max(measured, _seconds(message.fields.get("seconds"))),
    )


def _seconds(value: Any) -> float:
    """A stranger's number of seconds; none where it is no such number."""
    return (
        float(value)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < _LONGEST
        else 0.0
    )


def _text(value: Any, most: int) -> str:
    """The beginning of a stranger's text, with what a terminal would obey, or nobody could see,
    made visible.
    """
    if not isinstance(value, str):
        return ""
    # Half a surrogate pair can be sent but not written to a file.
    text = value[:most].encode("utf-8", "replace").decode()
    return "\n".join(plain(line) for line in text.split("\n"))
