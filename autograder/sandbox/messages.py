"""What the grader, its warm process and a kernel's warden say to each other.

    grader ──KernelRequest──> zygote      with the channel to the judge, a line for the answers and
                                          a file with a `KernelSetting`
    grader ──WorkerRequest──> zygote      with a channel, a log and a file with a `WorkerSetting`
    zygote ──WorkerStarted | WorkerFailed──> grader
    warden ──KernelStarted ... KernelEnded──> grader      on the line that came with the request
    kernel ──KernelReady | KernelFailed──> grader         on the same line, before any cell runs

A message is one datagram of JSON over a Unix socket; descriptors travel beside it. A worker is a
grader here, too. None of these sockets is open in a process that runs a submission's code.

Every kernel has a copy of the zygote's memory. What one kernel or worker is told and no other may
know is therefore a file in memory, which the zygote passes on unread.
"""

from __future__ import annotations

import array
import contextlib
import json
import os
import socket
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self

from autograder.sandbox.wall import Limits

_LONGEST = 2**18  # bytes of a message
_MOST_DESCRIPTORS = 8


class Cause(StrEnum):
    """What kept a kernel from starting."""

    WALL = "wall"
    """No wall can stand on this machine."""
    FOLDER = "folder"
    """The submission's folder cannot be copied."""
    START = "start"
    """Anything else."""


class EndReason(StrEnum):
    """Why a kernel ended."""

    OVER = "over"
    """It ended by itself, or the grader ended it."""
    RELEASED = "released"
    """Nobody waits for it any more."""
    MEMORY = "memory"
    """It used more memory than it may."""
    LOST = "lost"
    """Its warden is gone."""
    KILLED = "killed"
    """Somebody else killed it: only the grader's side can tell, the warden says `OVER`."""


@dataclass(frozen=True)
class Message:
    """What all messages have in common."""

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Self:
        """A message as it was before it became JSON."""
        return cls(**fields)


@dataclass(frozen=True)
class KernelRequest(Message):
    """Fork a kernel behind a wall. Descriptors: the channel to the judge, a line for answers, a
    file with a `KernelSetting`.

    modules: what it will import, of `preload.MENTIONED`.
    """

    modules: tuple[str, ...]

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Self:
        return cls(tuple(fields["modules"]))


@dataclass(frozen=True)
class KernelSetting(Message):
    """What a kernel and its wall are made of.

    connection:  Jupyter's connection information.
    mount_point: an empty folder of its own, see `wall.View`; so are folder and hidden.
    packages:    top-level packages that it may import besides those that are installed.
    """

    connection: dict[str, Any]
    mount_point: str
    folder: str | None
    hidden: tuple[str, ...]
    packages: tuple[str, ...]
    limits: Limits

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Self:
        for name in ("hidden", "packages"):
            fields[name] = tuple(fields[name])
        fields["limits"] = Limits(**fields["limits"])
        return cls(**fields)


@dataclass(frozen=True)
class WorkerRequest(Message):
    """Fork an ordinary process of the grader's. Descriptors: its channel, its log, a file with a
    `WorkerSetting`.

    main: what it calls, as "module:function".
    """

    main: str


@dataclass(frozen=True)
class WorkerSetting(Message):
    """What a worker takes over from the grader: environment, working folder and ``sys.path``."""

    environment: dict[str, str]
    folder: str
    path: list[str]


@dataclass(frozen=True)
class WorkerStarted(Message):
    """A worker runs. Descriptor: its pidfd."""

    pid: int


@dataclass(frozen=True)
class WorkerFailed(Message):
    """No worker could be forked."""

    message: str


@dataclass(frozen=True)
class KernelStarted(Message):
    """A kernel was forked. Descriptor: its pidfd.

    pid: its number where the grader is.
    """

    pid: int


@dataclass(frozen=True)
class KernelReady(Message):
    """The wall stands. Descriptor: the folder with the kernel's sockets."""


@dataclass(frozen=True)
class KernelFailed(Message):
    """No wall could be raised, or no kernel started behind it."""

    cause: Cause
    message: str

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Self:
        return cls(Cause(fields["cause"]), fields["message"])


@dataclass(frozen=True)
class KernelEnded(Message):
    """A kernel is gone, and all that it started."""

    exit_code: int
    reason: EndReason

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Self:
        return cls(fields["exit_code"], EndReason(fields["reason"]))


_KINDS: dict[str, type[Message]] = {
    kind.__name__: kind
    for kind in (
        KernelRequest,
        KernelSetting,
        WorkerRequest,
        WorkerSetting,
        WorkerStarted,
        WorkerFailed,
        KernelStarted,
        KernelReady,
        KernelFailed,
        KernelEnded,
    )
}


def encode(message: Message) -> bytes:
    """`message` as JSON."""
    return json.dumps({"kind": type(message).__name__, **asdict(message)}).encode()


def decode(data: bytes) -> Message:
    """The message that `encode` wrote."""
    fields = json.loads(data)
    kind = _KINDS[fields.pop("kind")]
    return kind.from_fields(fields)


@contextlib.contextmanager
def in_file(message: Message) -> Iterator[int]:
    """The descriptor of a file in memory that holds `message`. Raises OSError."""
    descriptor = os.memfd_create("setting")
    try:
        os.write(descriptor, encode(message))
        yield descriptor
    finally:
        os.close(descriptor)


def read_from_file(descriptor: int) -> Message:
    """The message of `in_file`; the descriptor is closed."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    with os.fdopen(descriptor, "rb") as file:
        return decode(file.read())


def pair() -> tuple[socket.socket, socket.socket]:
    """Two connected sockets that keep messages apart."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def send(
    line: socket.socket, message: Message, descriptors: list[int] | None = None
) -> None:
    """Send one message and copies of `descriptors`. Raises OSError."""
    ancillary = []
    if descriptors:
        ancillary.append(
            (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))
        )
    line.sendmsg([encode(message)], ancillary)


def receive(line: socket.socket) -> tuple[Message, list[int]] | None:
    """The next message and its descriptors; None when the other side is gone."""
    try:
        data, descriptors, _, _ = socket.recv_fds(line, _LONGEST, _MOST_DESCRIPTORS)
    except ConnectionError:
        return None
    if not data:
        return None
    return decode(data), list(descriptors)
