"""Between the zygote and a kernel: a process that forks one kernel, watches what it uses, and ends
it when nobody waits for it any more.

The kernel is the first process of a process namespace of its own, so that everything it started
ends with it. It raises its wall itself, before it reads a line of the submission's code.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

from autograder.errors import FolderRefused, NoWall
from autograder.sandbox import linux, memory_group, wall
from autograder.sandbox.memory_group import MemoryGroup
from autograder.sandbox.messages import (
    Cause,
    EndReason,
    KernelEnded,
    KernelFailed,
    KernelReady,
    KernelRequest,
    KernelStarted,
    send,
)

WATCH = 0.2
"""Seconds between two looks at the memory that a kernel's processes use."""

WARDEN, KERNEL = "grading-warden", "grading-kernel"
"""What `ps` calls the two processes."""

ONE_PROCESSOR = 1.25
"""Processor seconds a second above which a kernel is confined to one processor."""

_BYTES_OF_A_SOCKET = 300 * 2**10
"""Bytes that may wait in one socket of the default size, with what Linux needs to keep them."""

_LOOKS_AT_THREADS = 3
"""How often a process is searched for a thread that lives: each may end while they are read, and
another begin.
"""

_MEGABYTE = 2**20


def be_warden(
    request: KernelRequest,
    judge: int,
    line: int,
    shown: tuple[str, ...],
    processor: int,
) -> None:
    """Fork the kernel that `request` asks for, and stay until it has ended.

    judge:     the descriptor of the channel to the judge, for the kernel.
    line:      the descriptor of the line to whoever asked.
    shown:     what every kernel sees, see `wall.View`.
    processor: where the kernel may run if it takes more than one.
    """
    linux.name_process(WARDEN)
    close_all_but(judge, line)
    grader = socket.socket(fileno=line)
    limits = request.limits
    group = memory_group.make((limits.memory_mb + limits.disk_mb) * _MEGABYTE)
    try:
        wall.enter_process_namespace()
        linux.die_with_parent()
        # No two wardens have one number at one time, so it serves as the kernel's, too.
        kernel_id = os.getpid()
        warden = os.pidfd_open(kernel_id)
        pid = os.fork()
    except OSError as error:
        why = f"{error.strerror}{wall.advice(error)}"
        message = f"no wall can stand around submissions here: {why}"
        send(grader, KernelFailed(Cause.WALL, message))
        _remove(group)
        os._exit(1)
    if pid == 0:
        _be_kernel(request, judge, grader, shown, warden, kernel_id)
    os.close(judge)
    os.close(warden)
    kernel = os.pidfd_open(pid)
    group = _take_in(group, pid)  # before the grader knows of it, and sends it any code
    send(grader, KernelStarted(pid), [kernel])
    reason = _watch(grader, pid, kernel, limits.memory_mb * _MEGABYTE, processor, group)
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(kernel, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    if group is not None and group.killed():
        reason = EndReason.MEMORY
    _remove(group)
    with contextlib.suppress(OSError):
        send(grader, KernelEnded(os.waitstatus_to_exitcode(status), reason))
    os._exit(0)


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
    request: KernelRequest,
    judge: int,
    grader: socket.socket,
    shown: tuple[str, ...],
    warden: int,
    kernel_id: int,
) -> None:
    """Raise the wall, then be an ordinary ipykernel. Never returns."""
    try:
        os.setsid()
        linux.name_process(KERNEL)
        _discard_output()
        _raise_wall(request, grader, shown, kernel_id)
        if _has_ended(warden):  # before its end would have been this process's, too
            os._exit(1)
        os.close(warden)
        sockets = os.open(wall.SOCKETS, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        send(grader, KernelReady(), [sockets])
        os.close(sockets)
        wall.limit_open_files(request.limits)
        grader.close()
        from autograder.sandbox.kernel import run_kernel

        run_kernel(request.connection, judge, request.limits)
    finally:
        os._exit(1)


def _raise_wall(
    request: KernelRequest,
    grader: socket.socket,
    shown: tuple[str, ...],
    kernel_id: int,
) -> None:
    """Enclose this process; where that fails tell the grader why, and end."""
    view = wall.View(
        shown=_with_packages(shown, request.packages),
        hidden=request.hidden,
        folder=request.folder,
        mount_point=request.mount_point,
    )
    try:
        wall.enclose(view, request.limits, kernel_id)
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
    grader: socket.socket,
    pid: int,
    kernel: int,
    memory: int,
    processor: int,
    group: MemoryGroup | None = None,
) -> EndReason:
    """Wait until the kernel ends or must end; returns why. It must when its processes use more than
    `memory` bytes, or one of its `group` was killed because they did.

    A kernel whose processes use more than one processor's worth is confined to `processor` from
    then on. Until then it may run where there is room: confined from the beginning it would wait
    for the next kernels of its own worker.
    """
    _offer_to_the_oom_killer(pid)
    seconds, worked = time.monotonic(), 0.0
    while True:
        ready, _, _ = select.select([grader.fileno(), kernel], [], [], WATCH)
        if kernel in ready:
            return EndReason.OVER
        if grader.fileno() in ready:
            return EndReason.RELEASED
        processes = _family(pid)
        seconds_before, worked_before = seconds, worked
        seconds, worked = time.monotonic(), _total(_processor_seconds, processes)
        if worked - worked_before > ONE_PROCESSOR * (seconds - seconds_before):
            _confine(processes, processor)
        in_sockets = _socket_count(pid) * _BYTES_OF_A_SOCKET
        if _use_more_memory(processes, memory - in_sockets):
            return EndReason.MEMORY
        if group is not None and group.killed():
            return EndReason.MEMORY


def _offer_to_the_oom_killer(pid: int) -> None:
    """Should the machine run out of memory, process `pid` is the first to go."""
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/oom_score_adj").write_text("1000", encoding="ascii")


def _use_more_memory(processes: list[int], limit: int) -> bool:
    """Whether the processes have more than `limit` bytes beyond what they share with the zygote.

    Counting each resident page in full takes no time and is never too little. Only when that is too
    much are shared pages divided, which takes milliseconds.
    """
    if _total(_pages, processes) <= limit:
        return False
    image, began_with = _image(os.getpid()), _share(os.getpid())
    return (
        _total(lambda process: _own_bytes(process, image, began_with), processes)
        > limit
    )


def _own_bytes(process: int, image: int, began_with: int) -> int:
    """Bytes that a process has beyond what it began with. A fork of the zygote that has not become
    another program began with what the warden, too, has of it: the warden has written little since.
    """
    share = _share(process)
    if image and _image(process) == image:
        return max(share - began_with, 0)
    return share


def _family(pid: int) -> list[int]:
    """Process `pid` and its descendants."""
    family = [pid]
    for process in family:
        family += _children(process)
    return family


def _children(process: int) -> list[int]:
    """Its children; none once it has ended. Each of its threads may have some, and may end while
    they are read.
    """
    children: list[int] = []
    for thread in _threads(process):
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{process}/task/{thread}/children").read_text().split()
            children += map(int, words)
    return children


def _threads(process: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(thread) for thread in os.listdir(f"/proc/{process}/task")]
    return []


def _confine(processes: list[int], processor: int) -> None:
    """Let every thread of theirs run on one processor only. What they start later is confined
    with them, and none can undo it from inside.
    """
    for process in processes:
        for thread in _threads(process):
            with contextlib.suppress(OSError):
                os.sched_setaffinity(thread, {processor})


def _total(measure: Callable[[int], float], processes: list[int]) -> float:
    """What they have by `measure`, together; one that has ended has nothing."""
    total = 0.0
    for process in processes:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            total += measure(process)
    return total


def _processor_seconds(process: int) -> float:
    """Seconds of processor time of a process and of its children that have ended."""
    line = Path(f"/proc/{process}/stat").read_text(encoding="ascii", errors="replace")
    after_the_name = line.rpartition(")")[2].split()
    own_and_childrens = after_the_name[11:15]
    return sum(map(int, own_and_childrens)) / os.sysconf("SC_CLK_TCK")


def _pages(process: int) -> int:
    """Bytes of its resident pages, each counted in full."""
    return _resident(_with_memory(process))


def _share(process: int) -> int:
    """Bytes of its resident pages that stand for no file on a disk, each divided by the number
    of processes that have it.
    """
    folder = _with_memory(process)
    try:
        lines = Path(folder, "smaps_rollup").read_text(encoding="ascii").splitlines()
    except PermissionError:  # whoever hides its pages has them counted in full
        return _resident(folder)
    kilobytes = [
        int(line.split()[1])
        for line in lines
        if line.startswith(("Pss_Anon:", "Pss_Shmem:"))
    ]
    return sum(kilobytes) * 1024


def _image(process: int) -> int:
    """Where the stack of the program begins that it runs: the same in a process and its forks, and
    another one, by chance, in each program that is started anew. 0 where that is not told.
    """
    line = Path(_with_memory(process), "stat").read_text(
        encoding="ascii", errors="replace"
    )
    after_the_name = line.rpartition(")")[2].split()
    return int(after_the_name[25])


def _with_memory(process: int) -> str:
    """Its folder in /proc, or that of a thread where its first one has ended: what belongs to all
    threads is told of those that live.
    """
    own = f"/proc/{process}"
    if _resident(own) > 0:
        return own
    for _ in range(_LOOKS_AT_THREADS):
        for thread in _threads(process):
            folder = f"{own}/task/{thread}"
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                if _resident(folder) > 0:
                    return folder
    return own


def _resident(folder: str) -> int:
    """Bytes of the resident pages of the process or thread whose folder in /proc this is."""
    fields = Path(folder, "statm").read_text(encoding="ascii").split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")


def _socket_count(pid: int) -> int:
    """How many sockets there are in the network namespace of process `pid`."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(Path(_with_memory(pid), "net", "sockstat").read_text().split()[2])
    return 0
