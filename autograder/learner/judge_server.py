"""One warm process for all of a learner's open notebooks: it imports the questions and what they
need once, and forks a judge for each kernel that asks.

Started by `autograder.learner.judges` as ``python -P -m autograder.learner.judge_server FD``, where
FD is the socket at which kernels ask. It ends when nobody has asked for a while and no judge is
left; a judge ends with its kernel.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import selectors
import signal
import socket
import struct
import sys
import time
import traceback
from collections.abc import Iterable
from pathlib import Path

from autograder import logs
from autograder.feedback.pictures import warm_up
from autograder.learner import judge_process
from autograder.learner.judges import JUDGE_IS, locked
from autograder.questions import catalogue, package
from autograder.values import frameworks
from autograder.values.channel import Channel
from autograder.values.frameworks import ONE_THREAD

IDLE = 120.0
"""Seconds without a judge after which the server ends: long enough for a kernel that is restarted,
short enough for a machine that has other things to do.
"""

_PATIENCE = 10.0
"""Seconds that whoever connects may take to say what it wants."""


def main() -> None:
    """Warm up, then serve the listening socket whose descriptor is the only argument."""
    listener = socket.socket(fileno=int(sys.argv[1]))
    with contextlib.suppress(Exception):  # the judges meet the same error, and tell it
        catalogue.chapters()
    with contextlib.suppress(Exception):
        warm_up()
    frameworks.available("torch")  # the largest of what judges would each import
    os.chdir("/")  # the folder that this one was started in may go
    gc.collect()
    gc.freeze()  # forks go on sharing the pages of what exists now
    Server(listener).serve()


class Server:
    """The serving loop."""

    def __init__(self, listener: socket.socket):
        self._listener = listener
        self._address = listener.getsockname()
        self._imported = _times_of(_imported_files())
        self._judges: set[int] = set()
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ)
        self._child_ended = _wake_when_a_child_ends()
        self._selector.register(self._child_ended, selectors.EVENT_READ)

    def serve(self) -> None:
        """Fork a judge for each kernel that asks, until none has asked for long."""
        last = time.monotonic()
        while True:
            for key, _ in self._selector.select(timeout=IDLE / 10):
                last = time.monotonic()
                if key.fileobj == self._child_ended:
                    os.read(self._child_ended, 4096)
                elif not self._accept():
                    return
            self._reap()
            if not self._judges and time.monotonic() - last > IDLE and self._leave():
                return

    def _accept(self) -> bool:
        """Serve whoever connects; False where this server is of no use any more."""
        connection, _ = self._listener.accept()
        with connection:
            if _times_of(self._imported) != self._imported:
                self._leave_at_once()
                return False
            self._fork(connection)
        return True

    def _fork(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):  # whoever asked sees the connection close
            pid = os.fork()
            if pid == 0:
                self._be_judge(connection)
            self._judges.add(pid)

    def _be_judge(self, connection: socket.socket) -> None:
        """Serve one kernel. Never returns."""
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._listener.close()
            os.setsid()
            kernel = _peer(connection)
            _take_over(connection)
            channel = Channel(connection)
            channel.send(JUDGE_IS, pid=os.getpid())
            judge_process.judge(channel, kernel)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)

    def _leave(self) -> bool:
        """Take the address away, unless somebody has just asked."""
        with locked(Path(self._address).parent):
            if _is_readable(self._listener):
                return False
            Path(self._address).unlink(missing_ok=True)
        return True

    def _leave_at_once(self) -> None:
        """Take the address away: whoever asks next starts another server. The judges go on."""
        with locked(Path(self._address).parent):
            Path(self._address).unlink(missing_ok=True)

    def _reap(self) -> None:
        while self._judges:
            pid, _ = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            self._judges.discard(pid)


def _imported_files() -> list[str]:
    """The files of the engine and of the questions that are imported here: a server whose files
    have changed would judge by what they were.
    """
    packages = {"autograder", *package.packages()}
    files = []
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and name.partition(".")[0] in packages:
            files.append(file)
    return files


def _times_of(files: Iterable[str]) -> dict[str, int]:
    """When each of `files` was changed; 0 for one that is gone."""
    times = dict.fromkeys(files, 0)
    for file in times:
        with contextlib.suppress(OSError):
            times[file] = os.stat(file).st_mtime_ns
    return times


def _peer(connection: socket.socket) -> int:
    """The number of the process at the other end. Raises PermissionError where it is another
    user's, or in a process namespace that is not ours.
    """
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    pid, user, _ = struct.unpack("3i", raw)
    if user != os.getuid() or pid <= 0:
        raise PermissionError("only processes of the same user have a judge here")
    return pid


def _take_over(connection: socket.socket) -> None:
    """Have the environment and the working folder of the kernel, and its log for what is said on
    standard error.
    """
    connection.settimeout(_PATIENCE)
    _, descriptors, _, _ = socket.recv_fds(connection, 1, 2)
    setting, log = descriptors
    os.dup2(log, 2)
    os.close(log)
    with os.fdopen(setting, "rb") as file:
        file.seek(0)
        kernels = json.load(file)
    os.environ.clear()
    os.environ.update(kernels["environment"] | ONE_THREAD)
    with contextlib.suppress(OSError):  # a folder that is gone has no files to read
        os.chdir(kernels["folder"])
    connection.settimeout(None)


def _wake_when_a_child_ends() -> int:
    """A descriptor that can be read once a child has ended."""
    reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    return reading


def _is_readable(listener: socket.socket) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        return bool(selector.select(timeout=0))


if __name__ == "__main__":
    with logs.kept_in(logs.at_home()):
        main()
