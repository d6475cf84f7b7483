"""The grader's side of the zygote: starts it, asks it to fork, and ends it.

One zygote serves a process and all the workers that it was asked for: `warm` gives it, `adopt`
hands it to a worker.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from autograder.errors import Disturbed
from autograder.processes import as_last_words, last_line, start_module
from autograder.sandbox import wall
from autograder.sandbox.kernel import LANGUAGE
from autograder.sandbox.messages import (
    Message,
    WorkerFailed,
    WorkerRequest,
    WorkerSetting,
    in_file,
    pair,
    receive,
    send,
)
from autograder.values import frameworks
from autograder.values.frameworks import ONE_THREAD

WARM_UP = 180.0
"""Seconds that the zygote may take to import everything on a busy machine before it counts as
stuck.
"""

Fingerprint = tuple[str | None, tuple[tuple[str, int], ...]]


class ZygoteClient:
    """The grader's side of a running zygote.

    line:        where it is asked.
    process:     itself, for whoever started it; a worker only has a line to the one that forked it.
    log:         what it prints.
    fingerprint: of the installation that it has imported, see `installation_fingerprint`; None in a
                 worker.
    """

    def __init__(
        self,
        line: socket.socket,
        process: subprocess.Popen[bytes] | None,
        log: IO[bytes] | None,
        fingerprint: Fingerprint | None,
    ):
        self._line = line
        self._process = process
        self._log = log
        self.fingerprint = fingerprint
        self._owner = os.getpid()
        self._lock = threading.Lock()

    @classmethod
    def start(cls, fingerprint: Fingerprint) -> ZygoteClient:
        """Start one; it warms up while this process goes on."""
        ours, theirs = pair()
        log = tempfile.TemporaryFile()  # noqa: SIM115 -- lives as long as the zygote
        process = start_module(
            "autograder.sandbox.zygote",
            theirs.fileno(),
            log,
            folder="/",
            environment=zygote_environment(),
        )
        theirs.close()
        return cls(ours, process, log, fingerprint)

    def owned(self) -> bool:
        """Whether this process started it, or was handed its line: no fork of such a process."""
        return self._owner == os.getpid()

    def alive(self) -> bool:
        """Whether it can be asked by this process."""
        if not self.owned():
            return False
        if self._process is not None:
            return self._process.poll() is None
        return not readable(self._line, 0)

    def request(self, message: Message, descriptors: list[int]) -> None:
        """Ask it to fork something."""
        try:
            with self._lock:
                send(self._line, message, descriptors)
        except OSError as error:
            raise Disturbed(f"the warm process ended{self._last_words()}") from error

    def worker(self, main: str, channel: int, log: int) -> Worker:
        """Fork an ordinary process of the grader's that calls `main` ("module:function") with
        its copy of the descriptor `channel` and a line to the zygote, and prints to `log`.
        """
        ours = WorkerSetting(dict(os.environ), os.getcwd(), sys.path)
        try:
            with in_file(ours) as setting:
                answer = self._ask(WorkerRequest(main), [channel, log, setting])
        except OSError:
            answer = None
        if answer is None:
            self.close()  # an answer that comes later would be taken for another's
            raise Disturbed(f"the warm process ended{self._last_words()}")
        message, descriptors = answer
        if isinstance(message, WorkerFailed):
            raise Disturbed(f"no process could be forked: {message.message}")
        return Worker(self, *descriptors)

    def _ask(
        self, message: Message, descriptors: list[int]
    ) -> tuple[Message, list[int]] | None:
        """Send and wait for the answer; None if there is none in time. Raises OSError."""
        with self._lock:
            send(self._line, message, descriptors)
            return receive(self._line) if readable(self._line, WARM_UP) else None

    def close(self) -> None:
        """End it, and with it all its kernels."""
        self._line.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _last_words(self) -> str:
        return as_last_words(last_line(self._log))


def zygote_environment() -> dict[str, str]:
    """The whole environment of a zygote: every kernel can read it."""
    environment = {
        "PATH": os.defpath,
        "LANG": LANGUAGE,
        # Nothing of the grader's is read or written.
        "HOME": "/nonexistent",
        # malloc reserves 64 MB for each thread otherwise, of what a submission may have.
        "MALLOC_ARENA_MAX": "1",
        **ONE_THREAD,
    }
    for name in ("PYTHONPATH", "LD_LIBRARY_PATH", "TZ"):
        if name in os.environ:
            environment[name] = os.environ[name]
    return environment


def readable(source: socket.socket | int, seconds: float) -> bool:
    """Whether there is something to read, or to learn, within `seconds`."""
    ready, _, _ = select.select([source], [], [], seconds)
    return bool(ready)


@dataclass
class Worker:
    """A process that `zygote` forked, known by its pidfd."""

    zygote: ZygoteClient
    descriptor: int

    def wait(self, seconds: float) -> bool:
        """Whether it ended within `seconds`."""
        return readable(self.descriptor, seconds)

    def kill(self) -> None:
        """End it at once."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.descriptor, signal.SIGKILL)

    def close(self) -> None:
        """Forget it."""
        os.close(self.descriptor)

    def disturbed(self) -> bool:
        """Whether it ended because the zygote did."""
        return not self.zygote.alive()


_current: ZygoteClient | None = None
_starting = threading.Lock()


def warm() -> ZygoteClient:
    """The zygote of this process; started at first use, and again when it ended or what it has
    imported has changed on disk.
    """
    global _current
    with _starting:
        current = _current if _current is not None and _current.owned() else None
        if current is not None and current.fingerprint is None and current.alive():
            return current  # a worker's: whoever started the zygote looks after it
        fingerprint = installation_fingerprint()
        if current is not None:
            if current.alive() and current.fingerprint == fingerprint:
                return current
            current.close()
        _current = ZygoteClient.start(fingerprint)
        return _current


def running() -> ZygoteClient:
    """The zygote of this process as long as it lives, whatever has changed on disk since it was
    started: a class is graded by one, because what it forked ends with it. Started where there
    is none.
    """
    with _starting:
        if _current is not None and _current.alive():
            return _current
    return warm()


def begin() -> None:
    """Have the zygote started, if a wall can stand here: it warms up while this process does
    something else.
    """
    if wall.supported() is None:
        warm()


def adopt(line: socket.socket) -> None:
    """In a worker: use the zygote that forked it, over `line`."""
    global _current
    _current = ZygoteClient(line, process=None, log=None, fingerprint=None)


@atexit.register
def _close() -> None:
    if _current is not None and _current.owned():
        _current.close()


def installation_fingerprint() -> Fingerprint:
    """What a change of makes a zygote stale: the environment's installed packages, the packages
    that are shown, and where Python looks for modules.
    """
    paths = [
        Path(path)
        for path in sys.path
        if path.endswith(("site-packages", "dist-packages"))
    ]
    for package in ("autograder", *frameworks.packages()):
        for folder in wall.locations(package):
            paths += folder.glob("**/*.py")
    times = [(str(path), path.stat().st_mtime_ns) for path in paths if path.exists()]
    return os.environ.get("PYTHONPATH"), tuple(sorted(times))
