"""Kernels behind a wall, for jupyter_client: a provisioner that has the zygote fork them (entry
point ``walled-kernel``).
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import json
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
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.provisioning import KernelProvisionerBase

from autograder.errors import Disturbed, FolderRefused, NoWall
from autograder.processes import as_last_words, last_line
from autograder.sandbox import wall
from autograder.sandbox.kernel import LANGUAGE
from autograder.sandbox.zygote import pair, receive, send
from autograder.values import frameworks
from autograder.values.frameworks import ONE_THREAD

NAME = "walled-kernel"
WARM_UP = 180.0
"""Seconds that the zygote may take to import everything on a busy machine before it counts as
stuck.
"""


class Zygote:
    """The grader's side of a running zygote."""

    def __init__(self, line: socket.socket, process: subprocess.Popen | None, log: Any, mark: Any):
        self._line, self._process, self._log, self.mark = line, process, log, mark
        self._owner, self._lock = os.getpid(), threading.Lock()

    @classmethod
    def start(cls, mark: Any) -> Zygote:
        """Start one; it warms up while this process goes on."""
        ours, theirs = pair()
        log = tempfile.TemporaryFile()  # noqa: SIM115 -- lives as long as the zygote
        kept = {
            name: os.environ[name]
            for name in ("PYTHONPATH", "LD_LIBRARY_PATH", "TZ")
            if name in os.environ
        }
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "autograder.sandbox.zygote", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            cwd="/",
            start_new_session=True,
            # HOME: nothing of the grader's is read or written. MALLOC_ARENA_MAX: malloc reserves 64
            # MB for each thread otherwise, of what a submission may have.
            env={
                "PATH": os.defpath,
                "LANG": LANGUAGE,
                "HOME": "/nonexistent",
                "MALLOC_ARENA_MAX": "1",
                **ONE_THREAD,
                **kept,
            },
        )
        theirs.close()
        return cls(ours, process, log, mark)

    def alive(self) -> bool:
        """Whether it can be asked by this process."""
        if self._owner != os.getpid():
            return False
        if self._process is not None:
            return self._process.poll() is None
        return not select.select([self._line], [], [], 0)[0]

    def request(self, message: dict[str, Any], descriptors: list[int]) -> None:
        """Ask it to fork something."""
        try:
            with self._lock:
                send(self._line, message, descriptors)
        except OSError as error:
            raise Disturbed(f"the warm process ended{self._last_words()}") from error

    def worker(self, main: str, channel: int, log: int) -> Worker:
        """Fork an ordinary process of the grader's that calls `main` ("module:function") with
        its copy of the descriptor `channel`, and prints to `log`.
        """
        # The zygote passes the environment on unread: what is once in its memory is in every
        # kernel's.
        setting = os.memfd_create("setting")
        try:
            os.write(
                setting,
                json.dumps(
                    {"environment": dict(os.environ), "folder": os.getcwd(), "path": sys.path}
                ).encode(),
            )
            with self._lock:
                send(self._line, {"kind": "worker", "main": main}, [channel, log, setting])
                answer = (
                    receive(self._line) if select.select([self._line], [], [], WARM_UP)[0] else None
                )
        except OSError:
            answer = None
        finally:
            os.close(setting)
        if answer is None:
            self.close()  # an answer that comes later would be taken for another's
            raise Disturbed(f"the warm process ended{self._last_words()}")
        message, descriptors = answer
        if "failed" in message:
            raise Disturbed(f"no process could be forked: {message['failed']}")
        return Worker(self, *descriptors)

    def close(self) -> None:
        """End it, and with it all its kernels."""
        self._line.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _last_words(self) -> str:
        return as_last_words(last_line(self._log))


@dataclass
class Worker:
    """A process that `zygote` forked, known by its pidfd."""

    zygote: Zygote
    descriptor: int

    def wait(self, seconds: float) -> bool:
        """Whether it ended within `seconds`."""
        return bool(select.select([self.descriptor], [], [], seconds)[0])

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


_current: Zygote | None = None
_starting = threading.Lock()


def warm() -> Zygote:
    """The zygote of this process; started at first use, and again when it ended or what it has
    imported has changed on disk.
    """
    global _current
    with _starting:
        ours = _current is not None and _current._owner == os.getpid()
        if ours and _current.mark is None and _current.alive():
            return _current  # a worker's: whoever started the zygote looks after it
        mark = _mark()
        if ours and (not _current.alive() or _current.mark != mark):
            _current.close()
            _current = None
        if _current is None or not _current.alive():
            _current = Zygote.start(mark)
        return _current


def running() -> Zygote:
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
    _current = Zygote(line, None, None, None)


@atexit.register
def _close() -> None:
    if _current is not None and _current._owner == os.getpid():
        _current.close()


def _mark() -> tuple:
    """What a change of makes a zygote stale: the environment's installed packages, the packages
    that are shown, and where Python looks for modules.
    """
    folders = [Path(path) for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    files = [
        path
        for name in ("autograder", *frameworks.packages())
        for folder in wall.locations(name)
        for path in folder.glob("**/*.py")
    ]
    times = [(str(path), path.stat().st_mtime_ns) for path in [*folders, *files] if path.exists()]
    return os.environ.get("PYTHONPATH"), tuple(sorted(times))


class Guard(threading.Thread):
    """Looks after this process's own memory while it listens to a stranger's kernel: calls `act`
    once it has grown by more than `most` bytes.

    ZeroMQ limits the size of a part of a message, and how many messages wait, but not how many
    parts a message has.
    """

    def __init__(self, most: int, act: Callable[[], None]):
        super().__init__(daemon=True)
        self._most, self._act, self._over, self._start = most, act, threading.Event(), _own_memory()
        self.start()

    def run(self) -> None:
        while not self._over.wait(0.2):
            if _own_memory() - self._start > self._most:
                self._act()
                return

    def stop(self) -> None:
        """Nothing to look after any more."""
        self._over.set()


def _own_memory() -> int:
    """Bytes of this process's memory that it shares with no file."""
    fields = Path("/proc/self/statm").read_text(encoding="ascii").split()
    return (int(fields[1]) - int(fields[2])) * os.sysconf("SC_PAGE_SIZE")


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
    wanted:   modules that it will import, see `zygote.wanted`.
    ahead:    do not wait until it is there; whoever asked calls `ready` before making a client.
    """

    _control: socket.socket | None = None
    _kernel: int | None = None
    _sockets: int | None = None
    _ended = False
    _place: str | None = None
    exit_code: int | None = None
    pid: int | None = None
    """The kernel's number, by which its work can be measured from here; it is controlled by its
    descriptor.
    """
    reason: str | None = None
    """Why it ended, once `poll` knows: "over" (by itself), "released" (by us), "memory", "lost"
    (the warden is gone); None while it runs.
    """

    @property
    def has_process(self) -> bool:
        return self._control is not None

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        km = self.parent
        self._place = tempfile.mkdtemp(prefix="kernel-")
        km.transport, km.ip = "ipc", f"{wall.SOCKETS}/s"
        km.shell_port, km.iopub_port, km.stdin_port, km.hb_port, km.control_port = range(1, 6)
        self.connection_info = km.get_connection_info()
        return await super().pre_launch(cmd=[], **kwargs)

    async def launch_kernel(
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
    ) -> dict[str, Any]:
        inside = self.connection_info | {"key": self.connection_info["key"].decode()}
        self._control, theirs = pair()
        request = {
            "kind": "kernel",
            "connection": inside,
            "place": self._place,
            "folder": str(Path(cwd).resolve()) if cwd else None,
            "hidden": list(hidden),
            "packages": list(packages),
            "wanted": list(wanted),
            "limits": asdict(limits),
        }
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
        self.parent.ip = f"/proc/self/fd/{self._sockets}/s"
        self.connection_info["ip"] = self.parent.ip

    def _listen(self) -> None:
        """Take in what the warden or the kernel says while it starts: first come, first served."""
        answer = (
            receive(self._control) if select.select([self._control], [], [], WARM_UP)[0] else None
        )
        if answer is None:
            raise Disturbed("the warm process ended, or does not answer")
        message, descriptors = answer
        match message["kind"]:
            case "kernel":
                (self._kernel,) = descriptors
                self.pid = message["pid"]
            case "ready":
                (self._sockets,) = descriptors
            case "failed":
                failure = {"wall": NoWall, "folder": FolderRefused}.get(message["cause"], Disturbed)
                raise failure(message["message"])
            case _:
                raise Disturbed(f"a kernel ended while it started ({message})")

    async def poll(self) -> int | None:
        if self._control is None:
            return 0
        if self.exit_code is None and select.select([self._control], [], [], 0)[0]:
            answer = receive(self._control)
            self.exit_code, self.reason = (
                (answer[0]["code"], answer[0]["reason"]) if answer else (-1, "lost")
            )
        return self.exit_code

    async def wait(self) -> int | None:
        while await self.poll() is None:
            await asyncio.sleep(0.01)
        return self.exit_code

    async def why(self, seconds: float = 5.0) -> str:
        """Why it ended: "over" (by itself, or we ended it), "memory", "lost" (its warden is gone),
        or "killed"; waits a moment for the warden's word.

        Killed means by somebody else: the first process of a process namespace cannot be killed
        from inside.
        """
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.wait(), seconds)
        if self.reason == "over" and self.exit_code == -signal.SIGKILL and not self._ended:
            return "killed"
        return self.reason or "over"

    async def send_signal(self, signum: int) -> None:
        if self._kernel is not None and signum:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._kernel, signum)

    async def kill(self, restart: bool = False) -> None:
        self.end()

    async def terminate(self, restart: bool = False) -> None:
        self.end()

    def end(self) -> None:
        """End the kernel and all it started, at once."""
        self._ended = True
        if self._kernel is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._kernel, signal.SIGKILL)

    async def cleanup(self, restart: bool = False) -> None:
        self.end()
        kernel, self._kernel = self._kernel, None
        for descriptor in (
            kernel,
            self._sockets,
            self._control.detach() if self._control else None,
        ):
            if descriptor is not None:
                os.close(descriptor)
        self._sockets = self._control = None
        if self._place:
            shutil.rmtree(self._place, ignore_errors=True)
