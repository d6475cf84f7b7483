"""What an attack behind the wall comes to: what its notebook told, and the points that its
student keeps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attacks.harness import POINTS, Evidence, Hand

ABSENT = "FileNotFoundError: [Errno 2] No such file or directory"
DENIED = "PermissionError: [Errno 13] Permission denied"
FORBIDDEN = "PermissionError: [Errno 1] Operation not permitted"
READ_ONLY = "OSError: [Errno 30] Read-only file system"
NOT_SUPPORTED = "OSError: [Errno 95] Operation not supported"
NO_PROCESS = "ProcessLookupError: [Errno 3] No such process"
REFUSED = "ConnectionRefusedError: [Errno 111] Connection refused"
TOO_LARGE = "OSError: [Errno 27] File too large"
DISK_FULL = "OSError: [Errno 28] No space left on device"
AGAIN = "BlockingIOError: [Errno 11] Resource temporarily unavailable"

SYSCALLS = """
        import ctypes, errno, os
        libc = ctypes.CDLL(None, use_errno=True)
        column = 1 if os.uname().machine == "aarch64" else 0

        def call(numbers, *arguments):
            arguments = [
                ctypes.c_long(each) if isinstance(each, int) else each for each in arguments
            ]
            result = libc.syscall(ctypes.c_long(numbers[column]), *arguments)
            return result if result >= 0 else errno.errorcode[ctypes.get_errno()]
"""
"""The beginning of a cell that makes system calls: ``call((number on x86_64, number on aarch64),
*arguments)`` gives the result or the error's name.
"""

MEMORY = """
        def blocks_of_memory():
            with open("/proc/self/mem", "rb", 0) as memory:
                for line in open("/proc/self/maps"):
                    bounds, rights, *_ = line.split(None, 5)
                    first, last = (int(part, 16) for part in bounds.split("-"))
                    if not rights.startswith("rw"):
                        continue
                    for start in range(first, last, 2**22):
                        memory.seek(start)
                        yield memory.read(min(last - start, 2**22 + 100))
"""
"""The beginning of a cell that looks through its own memory: all that it could write to."""


def spying(hand: Hand, source: str, **facts: Any) -> None:
    """An honest submission with one more cell."""
    hand.answer_all()
    hand.run(source, **facts)


def told(
    points: dict[str, float] = POINTS, **expected: Any
) -> Callable[[Evidence], None]:
    """The notebook told exactly this (of errors, without the path that they name), and its
    answers earned these points.
    """

    def outcome(evidence: Evidence) -> None:
        assert {
            name: _without_path(value) for name, value in evidence.told.items()
        } == expected, evidence.text
        evidence.earned(**points)

    return outcome


def _without_path(value: Any) -> Any:
    return (
        value.partition(": '")[0].partition(" -> '")[0]
        if isinstance(value, str) and "Error: " in value
        else value
    )
