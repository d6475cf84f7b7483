"""Kernels behind a wall, for jupyter_client: a provisioner that has the zygote fork them (entry
point ``walled-kernel``).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jupyter_client import AsyncKernelManager
from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.provisioning import KernelProvisionerBase

from autograder.errors import Disturbed, FolderRefused, NoWall
from autograder.sandbox import wall, zygote_client
from autograder.sandbox.messages import (
    Cause,
    EndReason,
    KernelEnded,
    KernelFailed,
    KernelReady,
    KernelRequest,
    KernelSetting,
    KernelStarted,
    in_file,
    pair,
    receive,
)

NAME = "walled-kernel"

_FAILURES: dict[Cause, type[Exception]] = {
    Cause.WALL: NoWall,
    Cause.FOLDER: FolderRefused,
    Cause.START: Disturbed,
}


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
        setting = KernelSetting(
            connection=connection,
            mount_point=self._mount_point,
            folder=str(Path(cwd).resolve()) if cwd else None,
            hidden=tuple(hidden),
            packages=tuple(packages),
            limits=limits,
        )
        request = KernelRequest(modules=tuple(wanted))
        self._control, theirs = pair()
        with theirs, in_file(setting) as file:
            zygote_client.warm().request(request, [judge, theirs.fileno(), file])
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
        answer = None
        if zygote_client.readable(self._control, zygote_client.WARM_UP):
            answer = receive(self._control)
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
        if self.exit_code is None and zygote_client.readable(self._control, 0):
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
