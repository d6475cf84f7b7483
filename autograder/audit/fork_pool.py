"""Runs what may hang, crash or eat memory: forks of this process, which has the frameworks
imported, do one piece of work after another.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from time import monotonic
from typing import Any

GIGABYTE = 2**30
MEMORY = 2 * GIGABYTE
"""Bytes that a piece of work may take on top of what the process has."""


def map_in_forks(
    work: Callable[[int], Any],
    count: int,
    *,
    seconds: float,
    on_failure: Any,
    forks: int = 1,
) -> list[Any]:
    """``[work(0), ..., work(count - 1)]``, each in a fork; `on_failure` for those that take longer
    than `seconds` or end their process.

    What `work` returns must be picklable; it is this program's own. A fork goes on with the next
    piece of work until it fails.
    """
    results: list[Any] = [on_failure] * count
    waiting = iter(range(count))
    pool = _Pool(work, seconds)
    try:
        for _, index in zip(range(forks), waiting, strict=False):
            pool.give(index)
        while pool.busy:
            for fork, job in pool.finished():
                result, alive = fork.result(on_failure)
                results[job] = result
                following = next(waiting, None)
                if following is not None:
                    pool.give(following, fork if alive else None)
                elif alive:
                    fork.end()
    finally:
        pool.end()
    return results


@dataclass(frozen=True)
class _Job:
    """What a fork is at: number of the piece of work, and when its time is over."""

    fork: _Fork
    index: int
    deadline: float


class _Pool:
    """The forks that are at work."""

    def __init__(self, work: Callable[[int], Any], seconds: float):
        self.work = work
        self.seconds = seconds
        self.busy: dict[Connection, _Job] = {}

    def give(self, index: int, fork: _Fork | None = None) -> None:
        """A piece of work to `fork`, or to a fresh one."""
        fork = fork or _Fork(self.work)
        try:
            fork.connection.send(index)
        except OSError:  # it ended between two pieces
            fork.end()
            fork = _Fork(self.work)
            fork.connection.send(index)
        self.busy[fork.connection] = _Job(fork, index, monotonic() + self.seconds)

    def finished(self) -> Iterator[tuple[_Fork, int]]:
        """Wait until a fork has answered, ended or taken too long; each such, with its piece of
        work. Who takes too long is ended.
        """
        first_deadline = min(job.deadline for job in self.busy.values())
        patience = max(0.0, first_deadline - monotonic())
        ready = set(wait(list(self.busy), timeout=patience))
        now = monotonic()
        for connection, job in list(self.busy.items()):
            is_ready = connection in ready
            is_late = not is_ready and job.deadline <= now
            if is_late:
                job.fork.end()
            if is_ready or is_late:
                del self.busy[connection]
                yield job.fork, job.index

    def end(self) -> None:
        for job in self.busy.values():
            job.fork.end()


class _Fork:
    """One fork, which waits for indices on its connection and answers with results."""

    def __init__(self, work: Callable[[int], Any]):
        self.connection, theirs = Pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            self.connection.close()
            _serve(work, theirs)
        theirs.close()

    def result(self, on_failure: Any) -> tuple[Any, bool]:
        """What it answered, and whether it is there for more; `on_failure` where it has ended."""
        if self.connection.closed:
            return on_failure, False
        try:
            return self.connection.recv(), True
        except (EOFError, OSError):
            self.end()
            return on_failure, False

    def end(self) -> None:
        if self.connection.closed:
            return
        self.connection.close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def _serve(work: Callable[[int], Any], connection: Connection) -> None:
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        _limit_memory()
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nothing, stream)
        while True:
            connection.send(work(connection.recv()))
    finally:
        # Nothing of the parent's that waits for an orderly end is this fork's.
        os._exit(1)


def _limit_memory() -> None:
    if not os.path.exists("/proc/self/statm"):
        return
    with open("/proc/self/statm") as file:
        pages = int(file.read().split()[0])
    used = pages * resource.getpagesize()
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    soft = used + MEMORY
    if hard != resource.RLIM_INFINITY:
        soft = min(soft, hard)
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
