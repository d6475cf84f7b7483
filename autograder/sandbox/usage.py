"""What a kernel and all that it started use, as its warden reads it in /proc: memory, sockets,
processor time. Nothing here ends or limits anything.

A process may end, or begin another program, between two reads; one that has ended uses nothing.

Source: proc(5), and Linux's Documentation/filesystems/proc.rst.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

PROC = Path("/proc")

BYTES_OF_A_SOCKET = 300 * 2**10
"""Bytes that may wait in one socket of the default size, with what Linux needs to keep them."""

_LOOKS_AT_THREADS = 3
"""How often a process is searched for a thread that lives: each may end while they are read, and
another begin.
"""

# Places in /proc/PID/stat, counted from 0 after the program's name.
_UTIME_TO_CSTIME = slice(11, 15)
_START_OF_STACK = 25


# --- which processes


def family(process: int) -> list[int]:
    """`process` and its descendants."""
    processes = [process]
    for each in processes:  # which grows meanwhile
        processes += _children(each)
    return processes


def _children(process: int) -> list[int]:
    """Each of its threads may have some, and may end while they are read."""
    children: list[int] = []
    for thread in threads(process):
        with contextlib.suppress(OSError):
            listed = PROC / str(process) / "task" / str(thread) / "children"
            children += map(int, listed.read_text(encoding="ascii").split())
    return children


def threads(process: int) -> list[int]:
    """The numbers of its threads; none once it has ended."""
    with contextlib.suppress(OSError):
        return [int(thread) for thread in os.listdir(PROC / str(process) / "task")]
    return []


def _total(measure: Callable[[int], float], processes: Sequence[int]) -> float:
    """What they have by `measure`, together; one that has ended has nothing."""
    total = 0.0
    for process in processes:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            total += measure(process)
    return total


# --- processor time


def processor_seconds(processes: Sequence[int]) -> float:
    """Their processor time, and that of their children that have ended."""
    return _total(_processor_seconds, processes)


def _processor_seconds(process: int) -> float:
    own_and_childrens = _stat(PROC / str(process))[_UTIME_TO_CSTIME]
    return sum(map(int, own_and_childrens)) / os.sysconf("SC_CLK_TCK")


def _stat(folder: Path) -> list[str]:
    """The fields of a `stat` file that come after the program's name."""
    line = (folder / "stat").read_text(encoding="ascii", errors="replace")
    return line.rpartition(")")[2].split()


# --- memory


def use_more_memory(processes: Sequence[int], limit: int, parent: int) -> bool:
    """Whether they have more than `limit` bytes of memory beyond what they share with `parent`, the
    fork of the zygote that has forked the first of them.

    Counting each shared page in full for each process takes no time, and is never too little. Only
    when that is too much are shared pages divided, which takes milliseconds.
    """
    if _total(_counted_in_full, processes) <= limit:
        return False
    parents_stack, parents_part = _start_of_stack(parent), _proportional(parent)

    def own(process: int) -> int:
        """What a process has of its own. A fork of the zygote that has not begun another program
        started with what its parent still has of it, which has written little since.
        """
        part = _proportional(process)
        is_fork = parents_stack != 0 and _start_of_stack(process) == parents_stack
        return max(part - parents_part, 0) if is_fork else part

    return _total(own, processes) > limit


def _counted_in_full(process: int) -> int:
    return _in_memory_or_swapped(_folder_with_memory(process))


def _proportional(process: int) -> int:
    """Bytes of its pages that stand for no file on a disk, in memory or swapped out, each divided
    by the number of processes that have it (Linux's "proportional set size").
    """
    folder = _folder_with_memory(process)
    try:
        text = (folder / "smaps_rollup").read_text(encoding="ascii")
    except PermissionError:  # whoever hides its pages has them counted in full
        return _in_memory_or_swapped(folder)
    return _kilobytes(text, "Pss_Anon:", "Pss_Shmem:", "SwapPss:") * 1024


def _start_of_stack(process: int) -> int:
    """Where the stack of the program begins that it runs, which tells programs apart: it is the
    same in a process and its forks, and another one, by chance, in each program that is begun
    anew. 0 where Linux does not tell.
    """
    return int(_stat(_folder_with_memory(process))[_START_OF_STACK])


def _folder_with_memory(process: int) -> Path:
    """Its folder in /proc, or that of a thread where its first one has ended: what belongs to all
    threads is told of those that live.
    """
    own = PROC / str(process)
    if _in_memory_or_swapped(own) > 0:
        return own
    for _ in range(_LOOKS_AT_THREADS):
        for thread in threads(process):
            folder = own / "task" / str(thread)
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                if _in_memory_or_swapped(folder) > 0:
                    return folder
    return own


def _in_memory_or_swapped(folder: Path) -> int:
    """Bytes of the pages of the process or thread whose folder in /proc this is, in memory or
    swapped out; none of one that has ended.
    """
    text = (folder / "status").read_text(encoding="ascii", errors="replace")
    return _kilobytes(text, "VmRSS:", "VmSwap:") * 1024


def _kilobytes(text: str, *names: str) -> int:
    """The sum of the lines that begin with one of `names`, as in "VmRSS:  812 kB"."""
    lines = [line.split() for line in text.splitlines()]
    return sum(int(words[1]) for words in lines if words and words[0] in names)


def bytes_in_sockets(process: int) -> int:
    """How many bytes may wait in the sockets of its network namespace; none where Linux does not
    tell.
    """
    with contextlib.suppress(OSError, ValueError, IndexError):
        sockstat = _folder_with_memory(process) / "net" / "sockstat"
        # The first line: "sockets: used 12".
        count = int(sockstat.read_text(encoding="ascii").split()[2])
        return count * BYTES_OF_A_SOCKET
    return 0
