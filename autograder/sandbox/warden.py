"""Between the zygote and a kernel: a process that forks one kernel, watches what it uses, and ends
it when nobody waits for it any more.

The kernel is the first process of a process namespace of its own, so that everything it started
ends with it. It raises its wall itself, before it reads a line of the submission's code. What its
processes use is read in `usage`.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import time
from pathlib import Path

from autograder.errors import FolderRefused, NoWall
from autograder.sandbox import linux, memory_group, usage, wall
from autograder.sandbox.memory_group import MemoryGroup
from autograder.sandbox.messages import (
    Cause,
    EndReason,
    KernelEnded,
    KernelFailed,
    KernelReady,
    KernelSetting,
    KernelStarted,
    read_from_file,
    send,
)

WATCH = 0.2
"""Seconds between two looks at what a kernel's processes use."""

WARDEN, KERNEL = "grading-warden", "grading-kernel"
"""What `ps` calls the two processes."""

ONE_PROCESSOR = 1.25
"""Processor seconds a second above which a kernel is confined to one processor."""

_MEGABYTE = 2**20


def be_warden(
    setting_file: int,
    judge: int,
    line: int,
    shown: tuple[str, ...],
    processor: int,
) -> None:
    """Fork a kernel, and stay until it has ended. Never returns.

    setting_file: the descriptor of the file with its `KernelSetting`.
    judge:        the descriptor of the channel to the judge, for the kernel.
    line:         the descriptor of the line to whoever asked.
    shown:        what every kernel sees, see `wall.View`.
    processor:    where the kernel may run if it takes more than one.
    """
    linux.name_process(WARDEN)
    close_all_but(setting_file, judge, line)
    grader = socket.socket(fileno=line)
    setting = read_from_file(setting_file)
    assert isinstance(setting, KernelSetting)
    limits = setting.limits
    group = memory_group.make((limits.memory_mb + limits.disk_mb) * _MEGABYTE)
    # No two wardens have one number at one time, so it serves as the kernel's, too.
    kernel_id = os.getpid()
    try:
        wall.enter_process_namespace()
        # After a new user namespace, which clears it.
        linux.die_with_parent()
        wardens_end = os.pidfd_open(kernel_id)
        pid = os.fork()
    except OSError as error:
        _say_that_no_wall_can_stand(grader, error)
        _remove(group)
        os._exit(1)
    if pid == 0:
        _be_kernel(setting, judge, grader, shown, wardens_end, kernel_id)
    os.close(judge)
    os.close(wardens_end)
    _guard(pid, limits.memory_mb * _MEGABYTE, processor, group, grader)
    os._exit(0)


def _say_that_no_wall_can_stand(grader: socket.socket, error: OSError) -> None:
    why = f"{error.strerror}{wall.advice(error)}"
    message = f"no wall can stand around submissions here: {why}"
    send(grader, KernelFailed(Cause.WALL, message))


def _guard(
    pid: int,
    memory: int,
    processor: int,
    group: MemoryGroup | None,
    grader: socket.socket,
) -> None:
    """Watch kernel `pid` until it ends or must end, end it, and tell the grader why."""
    kernel = os.pidfd_open(pid)
    # Before the grader knows of it, and sends it any code.
    group = _take_in(group, pid)
    send(grader, KernelStarted(pid), [kernel])
    _offer_to_the_oom_killer(pid)
    reason = _watch(pid, kernel, memory, processor, group, grader)
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(kernel, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    if group is not None and group.killed():
        reason = EndReason.MEMORY
    _remove(group)
    with contextlib.suppress(OSError):
        send(grader, KernelEnded(os.waitstatus_to_exitcode(status), reason))


def _take_in(group: MemoryGroup | None, pid: int) -> MemoryGroup | None:
    """Put the kernel into its group; None where that is not allowed."""
    if group is None:
        return None
    try:
        group.take_in(pid)
    except OSError:
        group.remove()
        return None
    return group


def _remove(group: MemoryGroup | None) -> None:
    if group is not None:
        group.remove()


def close_all_but(*descriptors: int) -> None:
    """Close every other descriptor above standard error."""
    for descriptor in map(int, os.listdir("/proc/self/fd")):
        if descriptor > 2 and descriptor not in descriptors:
            with contextlib.suppress(OSError):  # the one that listed them
                os.close(descriptor)


# --- the kernel's process, until it is a kernel


def _be_kernel(
    setting: KernelSetting,
    judge: int,
    grader: socket.socket,
    shown: tuple[str, ...],
    wardens_end: int,
    kernel_id: int,
) -> None:
    """Raise the wall, then be an ordinary ipykernel. Never returns.

    wardens_end: the warden's pidfd, which can be read once it has ended.
    """
    try:
        os.setsid()
        linux.name_process(KERNEL)
        _raise_wall(setting, grader, shown, kernel_id)
        _discard_output()  # into the new root's /dev/null: not even these lead outside
        # Its end is this process's only since the wall stands: it may have ended before.
        if _has_ended(wardens_end):
            os._exit(1)
        os.close(wardens_end)
        sockets = os.open(wall.SOCKETS, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        send(grader, KernelReady(), [sockets])
        os.close(sockets)
        wall.limit_open_files(setting.limits)
        grader.close()
        from autograder.sandbox.kernel import run_kernel

        run_kernel(setting.connection, judge, setting.limits)
    finally:
        os._exit(1)


def _raise_wall(
    setting: KernelSetting,
    grader: socket.socket,
    shown: tuple[str, ...],
    kernel_id: int,
) -> None:
    """Enclose this process; where that fails tell the grader why, and end."""
    view = wall.View(
        shown=_with_packages(shown, setting.packages),
        hidden=setting.hidden,
        folder=setting.folder,
        mount_point=setting.mount_point,
    )
    try:
        wall.enclose(view, setting.limits, kernel_id)
    except BaseException as error:
        send(grader, _failure(error))
        os._exit(1)


def _with_packages(
    shown: tuple[str, ...], packages: tuple[str, ...]
) -> tuple[str, ...]:
    paths = [str(path) for package in packages for path in wall.locations(package)]
    return tuple(dict.fromkeys([*shown, *paths]))


def _failure(error: BaseException) -> KernelFailed:
    if isinstance(error, NoWall):
        return KernelFailed(Cause.WALL, str(error))
    if isinstance(error, FolderRefused):
        return KernelFailed(Cause.FOLDER, str(error))
    return KernelFailed(Cause.START, repr(error))


def _has_ended(process: int) -> bool:
    """Whether the process of this pidfd has ended."""
    readable, _, _ = select.select([process], [], [], 0)
    return bool(readable)


def _discard_output() -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.close(null)


# --- the watch


def _watch(
    pid: int,
    kernel: int,
    memory: int,
    processor: int,
    group: MemoryGroup | None,
    grader: socket.socket,
) -> EndReason:
    """Wait until kernel `pid`, whose pidfd is `kernel`, ends or must end; returns why. It must when
    its processes use more than `memory` bytes, or one of its `group` was killed because they did.

    A kernel whose processes use more than one processor's worth is confined to `processor` from
    then on. Until then it may run where there is room: confined from the beginning it would wait
    for the next kernels of its own worker.
    """
    now, worked = time.monotonic(), 0.0
    while True:
        ready, _, _ = select.select([grader.fileno(), kernel], [], [], WATCH)
        if kernel in ready:
            return EndReason.OVER
        if grader.fileno() in ready:
            return EndReason.RELEASED
        processes = usage.family(pid)
        then, worked_then = now, worked
        now, worked = time.monotonic(), usage.processor_seconds(processes)
        if worked - worked_then > ONE_PROCESSOR * (now - then):
            _confine(processes, processor)
        left = memory - usage.bytes_in_sockets(pid)
        if usage.use_more_memory(processes, left, parent=os.getpid()):
            return EndReason.MEMORY
        if group is not None and group.killed():
            return EndReason.MEMORY


def _offer_to_the_oom_killer(pid: int) -> None:
    """Should the machine run out of memory, process `pid` is the first to go."""
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/oom_score_adj").write_text("1000", encoding="ascii")


def _confine(processes: list[int], processor: int) -> None:
    """Let every thread of theirs run on one processor only. What they start later is confined
    with them, and none can undo it from inside.
    """
    for process in processes:
        for thread in usage.threads(process):
            with contextlib.suppress(OSError):
                os.sched_setaffinity(thread, {processor})
