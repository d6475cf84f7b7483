"""The judge's side of a channel: an answer in another process, as a `Peer`. What arrives is a stranger's and is checked field by field."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from autograder.channel import Channel, Closed, Message
from autograder.run import Peer
from autograder.submission import plain
from autograder.values import Malformed
from autograder.verdict import Outcome

GRACE = 2.0
"""Seconds that a call may take beyond its own limit before the judge stops waiting: the answer's process notices first where it can."""

_KINDS = ("value", "raised", "refused", "timeout")


def remote(channel: Channel, forbids: Sequence[str] = ()) -> Peer:
    """The answer at the other end of `channel`, which is to watch for calls of what `forbids` names. What breaks the exchange closes the channel: after it nothing from there can be told apart."""
    numbers = itertools.count(1)
    watch = {"forbids": list(forbids)} if forbids else {}

    def broken(kind: str, message: str = "") -> Outcome:
        channel.close()
        return Outcome(kind, message=message)

    def peer(driver: str, args: tuple, seconds: float) -> Outcome:
        if seconds <= 0:
            return Outcome("timeout")
        number = next(numbers)
        try:
            channel.send("call", args, id=number, driver=driver, seconds=seconds, **watch)
            message = channel.receive(seconds + GRACE)
        except TimeoutError:
            return broken("timeout")
        except Closed:
            return broken("lost")
        except Malformed as error:
            return broken("lost", f"What it sent could not be read: {error}.")
        if message.kind != "result" or message.fields.get("id") != number or message.fields.get("outcome") not in _KINDS:
            return broken("lost", "It sent a message that was not an answer to the call.")
        return _outcome(message, forbids)

    return peer


def _outcome(message: Message, forbids: Sequence[str]) -> Outcome:
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
        forbidden=forbidden if forbidden in forbids else "",
    )


def _text(value: Any, most: int) -> str:
    """The beginning of a stranger's text, with what a terminal would obey, or nobody could see, made visible."""
    if not isinstance(value, str):
        return ""
    # Half a surrogate pair can be sent but not written to a file.
    text = value[:most].encode("utf-8", "replace").decode()
    return "\n".join(plain(line) for line in text.split("\n"))
