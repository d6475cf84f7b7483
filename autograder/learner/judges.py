"""The kernel's side of the learner's judges: finds the server that forks them, starts it where
there is none, or starts a judge of its own where there can be none.

A server is found by an address in a folder that only its user can enter. Python's installation, the
question package and where Python looks for modules are part of it, so that kernels which differ in
these have servers of their own.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import select
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Protocol

from autograder.processes import start_module
from autograder.values.channel import Channel, Closed
from autograder.values.frameworks import ONE_THREAD
from autograder.values.plain_values import Malformed

JUDGE_IS = "judge"
"""The kind of a judge's first message, which says its number."""

WARM_UP = 60.0
"""Seconds that a server may take to import everything and to fork a judge."""

_SEPARATING = ("AUTOGRADER_QUESTIONS", "PYTHONHOME", "LD_LIBRARY_PATH")
"""Variables of the environment that decide, beside the path, what a server imports."""

_servers: list[subprocess.Popen[bytes]] = []
"""Those that this process has started; they may outlive it."""


class JudgeProcess(Protocol):
    """What is asked of a judge's process."""

    pid: int

    def poll(self) -> int | None: ...
    def kill(self) -> None: ...
    def wait(self) -> int: ...


def start(log: IO[bytes]) -> tuple[Channel, JudgeProcess]:
    """A judge for this process, which ends when the channel closes; what it says on standard error
    goes to `log`.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, ValueError, LookupError):
            return _ask_server(log)
    return start_own(log)


def warm_up() -> None:
    """Have the server started, if there can be one: it imports what it needs while the learner
    reads.
    """
    if sys.platform != "linux":
        return
    with contextlib.suppress(OSError):
        folder = _folder()
        address = _address(folder)
        with locked(folder):
            if not address.exists():
                _start_server(address)


def start_own(log: IO[bytes]) -> tuple[Channel, subprocess.Popen[bytes]]:
    """A judge that is a process started for this one alone."""
    ours, theirs = socket.socketpair()
    process = start_module("autograder.learner.judge_process", theirs.fileno(), log)
    theirs.close()
    return Channel(ours), process


class ForkedJudge:
    """A judge that the server has forked: no child of this process."""

    def __init__(self, pid: int):
        self.pid = pid
        self._descriptor = os.pidfd_open(pid)

    def poll(self) -> int | None:
        """0 once it has ended."""
        ended, _, _ = select.select([self._descriptor], [], [], 0)
        return 0 if ended else None

    def kill(self) -> None:
        """End it at once."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)

    def wait(self) -> int:
        """Return when it has ended."""
        select.select([self._descriptor], [], [])
        return 0

    def __del__(self) -> None:
        with contextlib.suppress(AttributeError, OSError):
            os.close(self._descriptor)


def _ask_server(log: IO[bytes]) -> tuple[Channel, ForkedJudge]:
    """A judge of the server's. Raises OSError, ValueError or LookupError where there is none."""
    folder = _folder()
    try:
        return _have_forked(_connect(folder), log)
    except (
        Closed
    ):  # a server whose files have changed leaves, and the next one is asked
        return _have_forked(_connect(folder), log)


def _have_forked(
    connection: socket.socket, log: IO[bytes]
) -> tuple[Channel, ForkedJudge]:
    channel = Channel(connection)
    setting = {"environment": dict(os.environ), "folder": os.getcwd()}
    with tempfile.TemporaryFile() as file:
        file.write(json.dumps(setting).encode())
        file.flush()
        try:
            socket.send_fds(connection, [b"j"], [file.fileno(), log.fileno()])
        except OSError as error:
            raise Closed("the server has left") from error
        hello = channel.receive(timeout=WARM_UP)
    if hello.kind != JUDGE_IS:
        raise Malformed("a judge says its number first")
    return channel, ForkedJudge(int(hello.fields["pid"]))


def _connect(folder: Path) -> socket.socket:
    """A connection to the server, which is started where there is none."""
    address = _address(folder)
    with locked(folder):
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(str(address))
        except (FileNotFoundError, ConnectionRefusedError):  # none, or a killed one's
            address.unlink(missing_ok=True)
            _start_server(address)
            connection.connect(str(address))
    return connection


def _start_server(address: Path) -> None:
    """Start a server that listens at `address`; it may be asked at once."""
    environment = dict(os.environ) | ONE_THREAD
    with socket.socket(socket.AF_UNIX) as listener, tempfile.TemporaryFile() as log:
        listener.bind(str(address))
        listener.listen()
        server = start_module(
            "autograder.learner.judge_server",
            listener.fileno(),
            log,
            environment=environment,
        )
    _servers.append(server)


def _address(folder: Path) -> Path:
    """Where this process's server listens: another one than that of a process which would import
    other things.
    """
    deciding = [sys.executable, sys.prefix, str(Path(__file__).parent)]
    deciding += [os.environ.get(name, "") for name in _SEPARATING]
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    deciding += [os.path.abspath(path) for path in paths if path]
    digest = hashlib.sha256("\0".join(deciding).encode()).hexdigest()
    return folder / f"judge-{digest[:16]}"


def _folder() -> Path:
    """A folder that only this user can enter. Raises PermissionError where there is none."""
    parent = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    folder = Path(parent) / f"deep-learning-course-{os.getuid()}"
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    status = folder.lstat()
    is_ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()
    if not is_ours or status.st_mode & 0o077:
        raise PermissionError(f"{folder} can be entered by others")
    return folder


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Alone among all who look for a server, start one or take one's address away."""
    import fcntl  # not on Windows, where no server is

    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
