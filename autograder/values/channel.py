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
        header = json.dumps(
            {"kind": kind, "fields": fields, "value": tree, "arrays": describe_arrays(arrays)}
        ).encode()
        size = sum(array.nbytes for array in arrays)
        if len(header) > MAX_HEADER or size > MAX_BODY:
            raise ValueError(
                f"a value of {(len(header) + size) / 2**20:.0f} MB is more than can be judged "
                f"(limit {MAX_BODY / 2**20:.0f} MB)"
            )
        body = b"".join(array.tobytes() for array in arrays)
        try:
            self._socket.settimeout(UNREAD)
            self._socket.sendall(_LENGTHS.pack(len(header), size) + header + body)
        except OSError as error:
            raise Closed("the connection is closed") from error

    def receive(self, timeout: float | Callable[[], float] | None = None) -> Message:
        """The next message. Raises `TimeoutError` after `timeout` seconds, `Closed` at the end of
        the stream, `Malformed` for nonsense.

        timeout: or a function that says how many seconds are left at least, and is asked again when
            they are over.
        """
        left = timeout if callable(timeout) or timeout is None else _countdown(timeout)
        header_length, body_length = _LENGTHS.unpack(self._read(_LENGTHS.size, left))
        if header_length > MAX_HEADER or body_length > MAX_BODY:
            raise Malformed("a message over the size limit")
        raw, body = self._read(header_length, left), self._read(body_length, left)
        try:
            header = json.loads(raw)
        except (ValueError, RecursionError) as error:
            raise Malformed("a header that is not JSON") from error
        if (
            not isinstance(header, dict)
            or not isinstance(header.get("kind"), str)
            or not isinstance(header.get("fields"), dict)
        ):
            raise Malformed("a header without kind and fields")
        return Message(
            header["kind"],
            header["fields"],
            unpack(header.get("value"), read_arrays(header.get("arrays"), body)),
        )

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


def _countdown(seconds: float) -> Callable[[], float]:
    deadline = time.monotonic() + seconds
    return lambda: deadline - time.monotonic()
