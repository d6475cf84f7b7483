"""Runs what may hang, crash or eat memory: forks of this process, which has the frameworks
imported, do one piece of work after another.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
from collections.abc import Callable
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from time import monotonic
from typing import Any

GIGABYTE = 2**30
MEMORY = 2 * GIGABYTE
"""Bytes that a piece of work may take on top of what the process has."""


def work_off(
    work: Callable[[int], Any], count: int, *, seconds: float, lost: Any, hands: int = 1
) -> list[Any]:
    """``[work(0), ..., work(count - 1)]``, each in a fork; `lost` for those that take longer than
    `seconds` or end their process.

    What `work` returns must be picklable; it is this program's own. A fork goes on with the next
    piece of work until it is lost.
    """
    results: list[Any] = [lost] * count
    waiting = iter(range(count))
    busy: dict[Connection, tuple[_Hand, int, float]] = {}

    def give(hand: _Hand | None) -> None:
        """The next piece of work to `hand`, or to a fresh one."""
        for index in waiting:
            hand = hand or _Hand(work)
            try:
                hand.connection.send(index)
            except OSError:  # it ended between two pieces
                hand.end()
                hand = _Hand(work)
                hand.connection.send(index)
            busy[hand.connection] = (hand, index, monotonic() + seconds)
            return
        if hand is not None:
            hand.end()

    try:
        for _ in range(min(hands, count)):
            give(None)
        while busy:
            ready = set(
                wait(
                    list(busy),
                    timeout=max(
                        0.0, min(deadline for _, _, deadline in busy.values()) - monotonic()
                    ),
                )
            )
            late = {
                connection
                for connection, (_, _, deadline) in busy.items()
                if deadline <= monotonic()
            }
            for connection in [connection for connection in busy if connection in ready | late]:
                hand, index, _ = busy.pop(connection)
                try:
                    if connection in ready:
                        results[index] = connection.recv()
                    else:
                        hand.end()
                except (EOFError, OSError):
                    hand.end()
                alive = connection in ready and not connection.closed
                if not alive:
                    results[index] = lost
                give(hand if alive else None)
    finally:
        for hand, _, _ in busy.values():
            hand.end()
    return results


class _Hand:
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
        os._exit(1)  # nothing of the parent's that waits for an orderly end is this fork's


def _limit_memory() -> None:
    if not os.path.exists("/proc/self/statm"):
        return
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    soft = used + MEMORY
    resource.setrlimit(
        resource.RLIMIT_AS, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard)
    )
