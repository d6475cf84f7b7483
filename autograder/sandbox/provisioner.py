"""Kernels behind a wall, for jupyter_client: a provisioner that has the zygote fork them (entry
point ``walled-kernel``).
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from jupyter_client import AsyncKernelManager
from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.provisioning import KernelProvisionerBase

from autograder.errors import Disturbed, FolderRefused, NoWall
from autograder.processes import as_last_words, last_line
from autograder.sandbox import wall
from autograder.sandbox.kernel import LANGUAGE
from autograder.sandbox.messages import (
    Cause,
    EndReason,
    KernelEnded,
    KernelFailed,
    KernelReady,
    KernelRequest,
    KernelStarted,
    Message,
    WorkerFailed,
    WorkerRequest,
    WorkerSetting,
    encode,
    pair,
    receive,
    send,
)
from autograder.values import frameworks
from autograder.values.frameworks import ONE_THREAD

NAME = "walled-kernel"
WARM_UP = 180.0
"""Seconds that the zygote may take to import everything on a busy machine before it counts as
stuck.
"""

Fingerprint = tuple[str | None, tuple[tuple[str, int], ...]]

_FAILURES: dict[Cause, type[Exception]] = {
    Cause.WALL: NoWall,
    Cause.FOLDER: FolderRefused,
    Cause.START: Disturbed,
}


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
        process = subprocess.Popen(
            [
                sys.executable,
                "-P",
                "-m",
                "autograder.sandbox.zygote",
                str(theirs.fileno()),
            ],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            cwd="/",
            start_new_session=True,
            env=_zygote_environment(),
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
        return not _readable(self._line, 0)

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
        # The zygote passes the environment on unread: what is once in its memory is in every
        # kernel's.
        setting = os.memfd_create("setting")
        try:
            os.write(
                setting, encode(WorkerSetting(dict(os.environ), os.getcwd(), sys.path))
            )
            answer = self._ask(WorkerRequest(main), [channel, log, setting])
        except OSError:
            answer = None
        finally:
            os.close(setting)
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
            return receive(self._line) if _readable(self._line, WARM_UP) else None

    def close(self) -> None:
        """End it, and with it all its kernels."""
        self._line.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _last_words(self) -> str:
        return as_last_words(last_line(self._log))


def _zygote_environment() -> dict[str, str]:
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


def _readable(source: socket.socket | int, seconds: float) -> bool:
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
        return _readable(self.descriptor, seconds)

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


class Guard(threading.Thread):
    """Looks after this process's own memory while it listens to a stranger's kernel: calls `act`
    once it has grown by more than `limit` bytes.

    ZeroMQ limits the size of a part of a message, and how many messages wait, but not how many
    parts a message has.
    """

    def __init__(self, limit: int, act: Callable[[], None]):
        super().__init__(daemon=True)
        self._limit = limit
        self._act = act
        self._over = threading.Event()
        self._start = _own_memory()
        self.start()

    def run(self) -> None:
        while not self._over.wait(0.2):
            if _own_memory() - self._start > self._limit:
                self._act()
                return

    def stop(self) -> None:
        """Nothing to look after any more: from here on `act` is not called."""
        self._over.set()
        if threading.current_thread() is not self:
            self.join()


def _own_memory() -> int:
    """Bytes of this process's memory that it shares with no file."""
    fields = Path("/proc/self/statm").read_text(encoding="ascii").split()
    resident, shared = int(fields[1]), int(fields[2])
    return (resident - shared) * os.sysconf("SC_PAGE_SIZE")


class WalledKernelManager(AsyncKernelManager):
    """A kernel manager whose kernels are walled, whatever kernel a notebook asks for."""

    @property
    def kernel_spec(self) -> KernelSpec:
        return KernelSpec(
            argv=["python"],
            display_name="Python behind a wall",
            language="python",
            metadata={"kernel_provisioner": {"provisioner_name": NAME}},
        )


class WalledProvisioner(KernelProvisionerBase):
    """Has a kernel forked for one submission, and ends it.

    ``start_kernel`` takes, besides `cwd` (the notebook's folder, of which the kernel gets a copy):

    judge:    the descriptor of the channel to the judge, for the kernel.
    limits:   `wall.Limits`.
    hidden:   what it must not see, see `wall.View`.
    packages: packages that it may import besides those that are installed.
    wanted:   modules that it will import, see `preload.wanted`.
    ahead:    do not wait until it is there; whoever asked calls `ready` before making a client.
    """

    _control: socket.socket | None = None
    _kernel: int | None = None
    _sockets: int | None = None
    _ended = False
    _mount_point: str | None = None
    exit_code: int | None = None
    pid: int | None = None
    """The kernel's number, by which its work can be measured from here; it is controlled by its
    descriptor.
    """
    reason: EndReason | None = None
    """Why it ended, once `poll` knows; None while it runs."""

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        # `end` comes from other threads, also while `cleanup` closes descriptors: a number that was
        # closed may at once be another kernel's.
        self._lock = threading.Lock()

    @property
    def has_process(self) -> bool:
        return self._control is not None

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        km = self.parent
        assert km is not None  # whoever made this one
        self._mount_point = tempfile.mkdtemp(prefix="kernel-")
        km.transport, km.ip = "ipc", f"{wall.SOCKETS}/s"
        km.shell_port, km.iopub_port, km.stdin_port, km.hb_port, km.control_port = (
            range(1, 6)
        )
        self.connection_info = km.get_connection_info()
        return await super().pre_launch(cmd=[], **kwargs)

    async def launch_kernel(  # type: ignore[override]  # its base passes anything on
        self,
        cmd: list[str],
        *,
        judge: int,
        limits: wall.Limits,
        hidden: Sequence[str] = (),
        packages: Sequence[str] = (),
        wanted: Sequence[str] = (),
        ahead: bool = False,
        cwd: str | None = None,
        **kwargs: Any,
    ) -> KernelConnectionInfo:
        connection: dict[str, Any] = dict(self.connection_info)
        connection["key"] = connection["key"].decode()
        assert self._mount_point is not None  # pre_launch() made it
        request = KernelRequest(
            connection=connection,
            mount_point=self._mount_point,
            folder=str(Path(cwd).resolve()) if cwd else None,
            hidden=tuple(hidden),
            packages=tuple(packages),
            modules=tuple(wanted),
            limits=limits,
        )
        self._control, theirs = pair()
        try:
            warm().request(request, [judge, theirs.fileno()])
        finally:
            theirs.close()
        if not ahead:
            self.ready()
        return self.connection_info

    def ready(self) -> None:
        """Wait until it is there. Raises `NoWall`, `FolderRefused`, `Disturbed`."""
        while self._kernel is None or self._sockets is None:
            self._listen()
        # The sockets lie in a folder behind the wall that only its kernel and we, by this
        # descriptor, can reach.
        assert self.parent is not None
        self.parent.ip = f"/proc/self/fd/{self._sockets}/s"
        self.connection_info["ip"] = self.parent.ip

    def _listen(self) -> None:
        """Handle one message of a start; warden and kernel may write in either order."""
        assert self._control is not None
        answer = receive(self._control) if _readable(self._control, WARM_UP) else None
        if answer is None:
            raise Disturbed("the warm process ended, or does not answer")
        message, descriptors = answer
        match message:
            case KernelStarted(pid):
                (self._kernel,) = descriptors
                self.pid = pid
            case KernelReady():
                (self._sockets,) = descriptors
            case KernelFailed(cause, text):
                raise _FAILURES[cause](text)
            case _:
                raise Disturbed(f"a kernel ended while it started ({message})")

    async def poll(self) -> int | None:
        if self._control is None:
            return 0
        if self.exit_code is None and _readable(self._control, 0):
            self.exit_code, self.reason = self._end()
        return self.exit_code

    def _end(self) -> tuple[int, EndReason]:
        """The kernel's exit code, and why it ended, as its warden says if it still can."""
        assert self._control is not None
        answer = receive(self._control)
        if answer is not None and isinstance(answer[0], KernelEnded):
            return answer[0].exit_code, answer[0].reason
        return -1, EndReason.LOST

    async def wait(self) -> int | None:
        while await self.poll() is None:
            await asyncio.sleep(0.01)
        return self.exit_code

    async def why(self, seconds: float = 5.0) -> EndReason:
        """Why it ended; waits a moment for the warden's word.

        `EndReason.KILLED` means by somebody else: the first process of a process namespace cannot
        be killed from inside.
        """
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.wait(), seconds)
        by_a_signal = (
            self.reason == EndReason.OVER and self.exit_code == -signal.SIGKILL
        )
        if by_a_signal and not self._ended:
            return EndReason.KILLED
        return self.reason or EndReason.OVER

    async def send_signal(self, signum: int) -> None:
        if signum:
            self._signal(signum)

    async def kill(self, restart: bool = False) -> None:
        self.end()

    async def terminate(self, restart: bool = False) -> None:
        self.end()

    def end(self) -> None:
        """End the kernel and all it started, at once."""
        self._ended = True
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        """Send the kernel a signal, if there is one."""
        with self._lock, contextlib.suppress(ProcessLookupError):
            if self._kernel is not None:
                signal.pidfd_send_signal(self._kernel, number)

    async def cleanup(self, restart: bool = False) -> None:
        self.end()
        with self._lock:
            kernel, self._kernel = self._kernel, None
        sockets, self._sockets = self._sockets, None
        control, self._control = self._control, None
        for descriptor in (kernel, sockets):
            if descriptor is not None:
                os.close(descriptor)
        if control is not None:
            control.close()
        if self._mount_point:
            shutil.rmtree(self._mount_point, ignore_errors=True)
