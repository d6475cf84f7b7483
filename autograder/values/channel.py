"""Messages between a student's process and the judge: a length, a JSON header, raw array bytes.

    8 bytes  header length, body length (two unsigned 32-bit integers, big-endian)
    header   JSON: {"kind": ..., ..., "arrays": [{"dtype", "shape"}, ...]}
    body     the arrays' bytes, one after another, C order

Sizes are capped before anything is read into memory; what does not parse raises `Malformed`.
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from autograder.values.plain_values import (
    MAX_BYTES,
    Malformed,
    describe_arrays,
    pack,
    read_arrays,
    unpack,
)

MAX_HEADER = 8 * 2**20
MAX_BODY = MAX_BYTES
UNREAD = 10.0
"""Seconds that a message may wait for being read before whoever sent it hangs up."""
_LENGTHS = struct.Struct(">II")


class Closed(ConnectionError):
    """The other side is gone."""


@dataclass(frozen=True)
class Message:
    """One message: its kind, its plain fields, and one plain value that may hold arrays."""

    kind: str
    fields: dict[str, Any]
    value: Any = None


class Channel:
    """One end of a connected stream socket."""

    def __init__(self, sock: socket.socket):
        self._socket = sock
        self.closed = False

    def send(self, kind: str, value: Any = None, **fields: Any) -> None:
        """Send one message. Raises `Closed` where the other side is gone or does not read,
        ValueError for a value over the size limits.
        """
        tree, arrays = pack(value)
        content = {
            "kind": kind,
            "fields": fields,
            "value": tree,
            "arrays": describe_arrays(arrays),
        }
        header = json.dumps(content).encode()
        size = sum(array.nbytes for array in arrays)
        _check_size(len(header), size)
        body = b"".join(array.tobytes() for array in arrays)
        lengths = _LENGTHS.pack(len(header), size)
        try:
            self._socket.settimeout(UNREAD)
            self._socket.sendall(lengths + header + body)
        except OSError as error:
            raise Closed("the connection is closed") from error

    def receive(self, timeout: float | Callable[[], float] | None = None) -> Message:
        """The next message. Raises `TimeoutError` after `timeout` seconds, `Closed` at the end of
        the stream, `Malformed` for nonsense.

        timeout: or a function that says how many seconds are left at least, and is asked again when
            they are over.
        """
        left = _countdown(timeout)
        lengths = self._read(_LENGTHS.size, left)
        header_length, body_length = _LENGTHS.unpack(lengths)
        if header_length > MAX_HEADER:
            raise Malformed("a message over the size limit")
        if body_length > MAX_BODY:
            raise Malformed("a message over the size limit")
        header = self._read(header_length, left)
        body = self._read(body_length, left)
        return _message(header, body)

    def close(self) -> None:
        """Close this end; whoever waits at the other gets `Closed`."""
        self.closed = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _read(self, count: int, left: Callable[[], float] | None) -> bytes:
        parts = bytearray()
        while len(parts) < count:
            remaining = left() if left else None
            if remaining is not None and remaining <= 0:
                raise TimeoutError("no answer in time")
            try:
                self._socket.settimeout(remaining)
                part = self._socket.recv(min(count - len(parts), 2**20))
            except TimeoutError:
                continue
            except OSError as error:
                raise Closed("the connection is closed") from error
            if not part:
                raise Closed("the connection is closed")
            parts += part
        return bytes(parts)


def _check_size(header: int, body: int) -> None:
    """Raise ValueError for a message that the other side would not take."""
    if header <= MAX_HEADER and body <= MAX_BODY:
        return
    megabytes = (header + body) / 2**20
    limit = MAX_BODY / 2**20
    raise ValueError(
        f"a value of {megabytes:.0f} MB is more than can be judged (limit {limit:.0f} MB)"
    )


def _message(header: bytes, body: bytes) -> Message:
    """The message of these bytes; raises `Malformed` for nonsense."""
    try:
        content = json.loads(header)
    except (ValueError, RecursionError) as error:
        raise Malformed("a header that is not JSON") from error
    if not isinstance(content, dict):
        raise Malformed("a header without kind and fields")
    kind = content.get("kind")
    fields = content.get("fields")
    if not isinstance(kind, str) or not isinstance(fields, dict):
        raise Malformed("a header without kind and fields")
    arrays = read_arrays(content.get("arrays"), body)
    value = unpack(content.get("value"), arrays)
    return Message(kind, fields, value)


def _countdown(
    timeout: float | Callable[[], float] | None,
) -> Callable[[], float] | None:
    """A function that says how many seconds are left; None where there is no end."""
    if timeout is None:
        return None
    if callable(timeout):
        return timeout
    deadline = time.monotonic() + timeout
    return lambda: deadline - time.monotonic()
