"""What a worker may use up: it does everything that is done for a submission, and what it does on
account of one must not grow with what stands in it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

try:
    import resource
except ImportError:  # Windows, where no class is graded
    resource = None  # type: ignore[assignment]

READ_MEGABYTES = 1536
"""Memory for reading one submission, beyond what the worker has before."""

READ_SECONDS = 60
"""Processor seconds for reading one submission; by the clock it has five times as many."""

READ_SECONDS_BY_CLOCK = 5.0 * READ_SECONDS

RUN_SECONDS = 180.0
"""Seconds by the clock, beyond what a notebook and its questions have, for starting kernels, for
judging, and for writing down what came of it.
"""


@contextlib.contextmanager
def memory(megabytes: float) -> Iterator[None]:
    """In here this process may have that much more memory than it has; what asks for more gets
    MemoryError. It is counted where Linux says how much there is, and not limited elsewhere.
    """
    data = _data()
    if data is None or resource is None:
        yield
        return
    before, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limit = data + int(megabytes * 2**20)
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (before, hard))


@contextlib.contextmanager
def processor(seconds: float) -> Iterator[None]:
    """In here this process may work for that long; then Linux ends it, whatever it is at."""
    if resource is None:
        yield
        return
    before, hard = resource.getrlimit(resource.RLIMIT_CPU)
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(used.ru_utime + used.ru_stime + seconds) + 1
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_CPU, (before, hard))


def _data() -> int | None:
    """Bytes of what RLIMIT_DATA counts of this process; None where nobody says."""
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmData:"):
                return int(line.split()[1]) * 1024
    return None
