"""The process that runs a submission, behind a wall or as an ordinary one, with one face.

A kernel is made from its `Setting`, asked for with `begin`, and used once `connect` has returned.
`manager` and `client` are Jupyter's, `judge` is the grader's end of the channel to the judge.
Whatever happened to it, `stop` ends it and gives back what it held.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zmq
from jupyter_client import AsyncKernelManager
from jupyter_client.utils import run_sync

from autograder.errors import Disturbed
from autograder.processes import work_of
from autograder.questions import package
from autograder.sandbox import preload, provisioner, wall
from autograder.values.frameworks import ONE_THREAD

MAX_LISTENER_GROWTH_BYTES = 2**30
"""By how much this process may grow while it listens to one kernel."""

FIRST_PATIENCE, MOST_PATIENCE = 0.02, 0.5
"""Seconds to wait for a kernel's first message on the channel of outputs before it is asked
again.
"""

_LIMITS = (
    (
        r"\bMemoryError\b|can't allocate memory|bad_alloc|Failed to allocate",
        "All its processes together have {limits.memory_mb} MB of memory.",
    ),
    (r"\[Errno 27\]", "A file may have {limits.file_mb} MB."),
    (r"\[Errno 28\]", "All its files together may have {limits.disk_mb} MB."),
    (r"\[Errno 24\]", "It may have {limits.open_files} files open."),
    (
        r"\[Errno 11\]|can't start new thread",
        "It may have {limits.processes} processes and threads at one time.",
    ),
)
"""What an error says that comes from one of the wall's limits, and how that limit is told."""


@dataclass(frozen=True)
class Setting:
    """What a kernel starts with.

    folder:    the notebook's, which is the kernel's working folder or copied into it.
    exercise:  the text of the course's own cells, from which is seen what answers will import.
    limits:    what it may use up behind a wall; the limit on output holds everywhere.
    packages:  that it may import besides those that are installed.
    seconds:   that it has for its first answer.
    name, arguments, config: Jupyter's, for an ordinary kernel: which one, with what on its command
        line, and traitlets' configuration.
    """

    folder: str | None
    exercise: str
    limits: wall.Limits
    packages: Sequence[str] = ()
    seconds: float = 60.0
    name: str = ""
    arguments: Sequence[str] = ()
    config: Any = None


class Kernel:
    """What both kinds have in common."""

    walled: bool
    manager: AsyncKernelManager | None = None
    client: Any = None
    judge: socket.socket | None = None
    ended_for = ""
    """Why the grader ended it, as a sentence; "" where it did not."""

    def __init__(self, setting: Setting):
        self.setting = setting
        self.worked: Callable[[], float] = lambda: 0.0

    def begin(self) -> None:
        """Ask for the process, and do not wait for it."""

    def connect(self) -> None:
        """Wait until it answers. Raises `Disturbed` where it does not, `NoWall` and
        `FolderRefused` where it cannot start.
        """
        run_sync(self._connect)()
        self.worked = work_of(self._process_id())

    def alive(self) -> bool:
        """Whether its process is there."""
        return self.manager is not None and run_sync(self.manager.is_alive)()

    def why_ended(self) -> str:
        """ "over" (by itself, or the grader ended it), "memory", "lost" (the warm process is gone)
        or "killed" (by somebody else).
        """
        return "over"

    def responds(self, seconds: float) -> bool:
        """Whether it answers a question on the channel where it is asked to run cells. Raises
        whatever Jupyter's library does on a message that is none.
        """
        request = self.client.kernel_info()
        try:
            run_sync(self._replied)(request, seconds)
        except TimeoutError:
            return False
        return True

    def limit_hit(self, error: str) -> list[str]:
        """The limit that an error comes from, in one line; nothing where it comes from none."""
        return []

    def kill(self) -> None:
        """End its process at once; from any thread."""

    def end_for(self, reason: str) -> None:
        """End it for a reason; from any thread."""
        self.ended_for = self.ended_for or reason
        self.kill()

    def end_as_flood(self) -> None:
        """End it because it sends too much; from any thread."""
        self.end_for(
            "The cell printed or displayed more than "
            f"{self.setting.limits.output_mb} MB, the limit."
        )

    def stop(self) -> None:
        """End it, and give back what it held."""
        self.kill()
        if self.judge is not None:
            self.judge.close()
        if self.client is not None:
            self.client.stop_channels()
        if self.manager is not None:
            run_sync(self._clean_up)()
            self.manager = (
                None  # from here on `kill` ends nothing: its number may be another's
            )

    async def _connect(self) -> None:
        raise NotImplementedError

    async def _clean_up(self) -> None:
        assert self.manager is not None
        await self.manager.cleanup_resources()

    def _process_id(self) -> int:
        assert self.manager is not None
        return self.manager.provisioner.pid  # type: ignore[union-attr]

    async def _replied(self, request: str, seconds: float) -> None:
        async def reply() -> None:
            while True:
                message = await self.client.shell_channel.get_msg(timeout=None)
                if message["parent_header"].get("msg_id") == request:
                    return
                # A message that waits is received without a pause: without this one, no time
                # would ever be up while messages keep coming.
                await asyncio.sleep(0)

        await asyncio.wait_for(reply(), seconds)


class WalledKernel(Kernel):
    """Forked from the warm process, behind a wall."""

    walled = True
    _guard: provisioner.Guard | None = None

    def begin(self) -> None:
        """Ask the warm process for a fork."""
        run_sync(self._begin)()

    def why_ended(self) -> str:
        """What the warden says."""
        return run_sync(self._provisioner().why)()

    def limit_hit(self, error: str) -> list[str]:
        """Of the wall's."""
        return [
            "That is a limit of grading. " + sentence.format(limits=self.setting.limits)
            for pattern, sentence in _LIMITS
            if re.search(pattern, error)
        ]

    def kill(self) -> None:
        """Have the warden end all its processes."""
        if self.manager is not None and self.manager.provisioner is not None:
            self._provisioner().end()

    def stop(self) -> None:
        """End it, and the watch over this process's memory."""
        if self._guard is not None:
            self._guard.stop()
        super().stop()

    def _provisioner(self) -> provisioner.WalledProvisioner:
        assert self.manager is not None
        return self.manager.provisioner  # type: ignore[return-value]

    async def _begin(self) -> None:
        manager = provisioner.WalledKernelManager()
        # A kernel's messages are a stranger's: none may be larger than all that it may print, and
        # few may wait.
        most_bytes = (self.setting.limits.output_mb + 1) * 2**20
        manager.context.setsockopt(zmq.MAXMSGSIZE, most_bytes)
        manager.context.setsockopt(zmq.RCVHWM, 64)
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                await manager.start_kernel(
                    cwd=self.setting.folder,
                    judge=theirs.fileno(),
                    limits=self.setting.limits,
                    hidden=wall.hidden(package.packages(), [Path.cwd()]),
                    packages=self.setting.packages,
                    wanted=preload.wanted(self.setting.exercise),
                    ahead=True,
                )
        except BaseException:
            ours.close()
            await manager.cleanup_resources()
            raise
        self.manager, self.judge = manager, ours

    async def _connect(self) -> None:
        """Open the channels, and wait until a request is answered on both: jupyter_client's own
        way takes a fifth of a second more.
        """
        assert self.manager is not None
        self._provisioner().ready()
        self._guard = provisioner.Guard(MAX_LISTENER_GROWTH_BYTES, self.end_as_flood)
        self.client = self.manager.client()
        self.client.allow_stdin = False
        self.client.start_channels(hb=False, stdin=False)
        end = time.monotonic() + self.setting.seconds
        patience = FIRST_PATIENCE
        while time.monotonic() < end:
            if await self._heard_on_both(patience):
                return
            # What it published before it knew that somebody listens is lost: ask again.
            patience = min(2 * patience, MOST_PATIENCE)
            if not await self.manager.is_alive():
                break
        raise Disturbed(
            f"a kernel did not answer within {self.setting.seconds} seconds"
        )

    async def _heard_on_both(self, patience: float) -> bool:
        request = self.client.kernel_info()
        try:
            await self._replied(request, 0.5)
            await asyncio.wait_for(self._published_idle(request), patience)
        except TimeoutError:
            return False
        return True

    async def _published_idle(self, request: str) -> None:
        while True:
            message = await self.client.iopub_channel.get_msg(timeout=None)
            state = message["content"].get("execution_state")
            asked_by = message["parent_header"].get("msg_id")
            if asked_by == request and state == "idle":
                return


class TrustedKernel(Kernel):
    """An ordinary process of whoever grades, started when it is connected to."""

    walled = False
    _sockets: tempfile.TemporaryDirectory | None = None

    def kill(self) -> None:
        """End its process and what it started, even if it is gone itself."""
        provisioner = getattr(self.manager, "provisioner", None)
        process = getattr(provisioner, "process", None)
        if process is None:
            return
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        except PermissionError:
            process.kill()

    def stop(self) -> None:
        """End it, and remove its sockets."""
        super().stop()
        if self._sockets is not None:
            self._sockets.cleanup()

    async def _connect(self) -> None:
        name = {"kernel_name": self.setting.name} if self.setting.name else {}
        manager = AsyncKernelManager(config=self.setting.config, **name)
        # Sockets in a folder of our own: nobody else on the machine can talk to the kernel, as they
        # could over TCP.
        self._sockets = tempfile.TemporaryDirectory(prefix="kernel-")
        manager.transport, manager.ip = "ipc", f"{self._sockets.name}/socket"
        self.judge, theirs = socket.socketpair()
        self.manager = manager
        with theirs:
            await manager.start_kernel(
                extra_arguments=list(self.setting.arguments),
                env=_environment(theirs.fileno()),
                pass_fds=[theirs.fileno()],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                **({"cwd": self.setting.folder} if self.setting.folder else {}),
            )
        self.client = manager.client()
        self.client.start_channels()
        await self.client.wait_for_ready(timeout=self.setting.seconds)
        self.client.allow_stdin = False

    async def _clean_up(self) -> None:
        assert self.manager is not None
        with contextlib.suppress(RuntimeError):  # there never was a process
            if await self.manager.is_alive():
                await self.manager.shutdown_kernel(now=True)
        await self.manager.cleanup_resources()


def _environment(judge: int) -> dict[str, str]:
    """Of an ordinary kernel: this process's, without what the course keeps to itself."""
    own = {}
    for name, value in os.environ.items():
        if not name.startswith("COURSE_"):
            own[name] = value
    return own | {"AUTOGRADER_FD": str(judge), **ONE_THREAD}
