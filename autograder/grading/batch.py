"""Many submissions at once: worker processes examine them, and this process alone records the
grades as they come.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import FrameType
from typing import Any

from autograder import logs
from autograder.errors import CourseError, Disturbed
from autograder.grading.course import Course, Graded
from autograder.processes import last_line
from autograder.sandbox import provisioner, wall
from autograder.values.frameworks import ONE_THREAD

ATTEMPTS = 2
"""How many workers may die of one submission before it is given up."""

MOST_BYTES = 1 << 30
"""More than this is no answer of a worker."""

AHEAD = 3
"""Submissions that a worker has at one time: it runs one, starts the kernel of the next, and finds
the one after that when it is done. The last ones of a class are given singly, so that no worker
waits while another has several.
"""

FAREWELL = 5.0
"""Seconds that a worker has for ending what it started."""


def cores() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def start_worker(log: Path) -> tuple[Any, Connection]:
    """A process that runs `worker.serve`, in a session of its own, and our end of the line to
    it. What it prints goes to `log`.
    """
    ours, theirs = socket.socketpair()
    with theirs, open(log, "ab") as out:
        process = (
            _warm_worker(theirs.fileno(), out.fileno())
            if wall.supported() is None
            else _cold_worker(theirs.fileno(), out)
        )
    return process, Connection(ours.detach())


def _warm_worker(channel: int, log: int, attempts: int = 3) -> provisioner.Worker:
    for attempt in range(1, attempts + 1):
        try:
            return provisioner.warm().worker("autograder.grading.worker:main", channel, log)
        except Disturbed as error:
            if attempt == attempts:
                raise CourseError(f"no worker can be started: {error}") from error
    raise AssertionError("unreachable")


def _cold_worker(channel: int, out: Any) -> _Popen:
    return _Popen(
        [sys.executable, "-P", "-m", "autograder.grading.worker", str(channel)],
        pass_fds=[channel],
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=out,
        start_new_session=True,  # Ctrl-C is for us
        env=os.environ | ONE_THREAD,
    )


class _Popen(subprocess.Popen):
    """A process that was started cold, seen as `provisioner.Worker` is."""

    def wait(self, seconds: float | None = None) -> bool:
        try:
            super().wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def close(self) -> None:
        """Nothing to close."""

    def disturbed(self) -> bool:
        """Nothing that ended would end it, too."""
        return False


def grade(
    course: Course,
    work: list[tuple[str, str]],
    *,
    workers: int | None = None,
    regrade: bool = False,
    show: Callable[[Graded], None] = lambda graded: None,
) -> tuple[list[Graded], int]:
    """Grade submissions (assignment, student); those that have their grade only with `regrade`.

    show is called with each result as it comes. Returns all results in the order of `work`, and how
    many of them were there before.

    Raises `CourseError` for what stops everybody's grading, KeyboardInterrupt for SIGINT and
    SIGTERM; what was recorded until then stays.
    """
    with logs.kept_in(course.log_file), course.locked() as scratch, _interruptible() as signals:
        provisioner.begin()
        outlines = {
            assignment: course.outline(assignment)
            for assignment in dict.fromkeys(assignment for assignment, _ in work)
        }
        results: dict[tuple[str, str], Graded] = {}
        for assignment, outline in {} if regrade else outlines.items():
            there = course.graded_before(
                outline, [student for of, student in work if of == assignment]
            )
            results |= {(assignment, student): graded for student, graded in there.items()}
        before = len(results)
        for graded in results.values():
            show(graded)
        jobs = {key: outlines[key[0]].job(key[1]) for key in work if key not in results}
        with contextlib.closing(
            _examined(jobs, min(workers or cores(), len(jobs)), scratch)
        ) as examined:
            for key, found in examined:
                logs.append(found.pop("log", ()))
                with signals.held():  # a grade is entered whole
                    results[key] = course.record(outlines[key[0]], key[1], found)
                show(results[key])
        return [results[key] for key in work], before


def _examined(
    jobs: dict[Any, dict[str, Any]], workers: int, scratch: Path
) -> Generator[tuple[Any, dict[str, Any]], None, None]:
    """Have all jobs done by `workers` processes; yields (key, what was found) as they come."""
    waiting, left = deque(jobs), len(jobs)
    deaths: Counter[Any] = Counter()
    numbers = itertools.count()
    crew: list[_Worker] = []
    disturbances = 0
    try:
        while left:
            while len(crew) < min(workers, left):
                crew.append(_Worker(scratch / str(next(numbers))))
            _give_out(waiting, jobs, crew, workers)
            ready = wait([worker.connection for worker in crew])
            for worker in [worker for worker in crew if worker.connection in ready]:
                found = worker.receive()
                if found is None:  # it is dead
                    crew.remove(worker)
                    key, *later = worker.jobs or [None]
                    waiting.extendleft(reversed(later))
                    deaths[key] += not worker.process.disturbed()
                    worker.end()
                    disturbances += 1
                    if disturbances > 100:
                        raise CourseError(
                            "the processes that grade are killed again and again: "
                            "see what else runs on this machine"
                        )
                    if key is None and deaths[key] > 3 * workers + ATTEMPTS:
                        raise CourseError(f"no worker can be started: {worker.last_words()}")
                    if key is not None and deaths[key] < ATTEMPTS:
                        waiting.appendleft(key)
                    elif key is not None:
                        left -= 1
                        logs.log.error(
                            "%s: the process that examined it was killed "
                            "%d times; it said last:\n%s",
                            ", ".join(key),
                            ATTEMPTS,
                            worker.said(),
                        )
                        yield (
                            key,
                            {
                                "reason": (
                                    f"the process that examined it was killed {ATTEMPTS} times: "
                                    "look at it, or grade it again"
                                )
                            },
                        )
                elif not worker.ready:
                    worker.ready = True
                else:
                    disturbances = 0
                    key = worker.jobs.popleft()
                    _give_out(waiting, jobs, crew, workers)  # it works on while we record
                    left -= 1
                    yield key, found
    finally:
        for worker in crew:
            worker.connection.close()
        for worker in crew:
            worker.end()


def _give_out(
    waiting: deque, jobs: dict[Any, dict[str, Any]], crew: list[_Worker], workers: int
) -> None:
    """Keep the workers busy: one submission for each, then further ones while there are enough
    for all.
    """
    for depth in range(AHEAD):
        for worker in crew:
            if (
                worker.ready
                and len(worker.jobs) == depth
                and len(waiting) > (workers if depth else 0)
            ):
                worker.give(key := waiting.popleft(), jobs[key])


@dataclass
class _Worker:
    """A worker process and the submissions it was given, in their order. It is not ready before
    it has said so.
    """

    folder: Path
    jobs: deque = field(default_factory=deque)
    ready: bool = False
    process: Any = field(init=False)
    connection: Connection = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self.process, self.connection = start_worker(self.folder / "log")

    def give(self, key: Any, job: dict[str, Any]) -> None:
        """Send a job. If the worker is dead, its next answer will say so."""
        self.jobs.append(key)
        with contextlib.suppress(OSError):
            self.connection.send_bytes(json.dumps(job | {"scratch": str(self.folder)}).encode())

    def receive(self) -> dict[str, Any] | None:
        """What it found, or nothing where it says that it is ready; None if it is dead."""
        try:
            return json.loads(self.connection.recv_bytes(MOST_BYTES))
        except (EOFError, OSError):
            return None
        except ValueError:
            logs.log.exception("a worker sent what is no message")
            return None

    def end(self) -> None:
        """See that the process ends: of itself, when its line is cut, or else by force."""
        self.connection.close()
        if not self.process.wait(FAREWELL):
            self.process.kill()
            self.process.wait(FAREWELL)
        self.process.close()

    def said(self, most: int = 4000) -> str:
        """The end of what it printed, a traceback perhaps."""
        with open(self.folder / "log", "rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - most))
            return log.read().decode("utf-8", errors="replace") or "nothing"

    def last_words(self) -> str:
        """The last line of its log."""
        with open(self.folder / "log", "rb") as log:
            return last_line(log) or "it said nothing"


class _Signals:
    """SIGINT and SIGTERM as KeyboardInterrupt; while held, they wait."""

    def __init__(self) -> None:
        self._holding = self._due = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self._due = True
        if not self._holding:
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Nothing interrupts what is done in here; it is interrupted right after."""
        self._holding = True
        try:
            yield
        finally:
            self._holding = False
        if self._due:
            raise KeyboardInterrupt


@contextlib.contextmanager
def _interruptible() -> Iterator[_Signals]:
    signals = _Signals()
    if threading.current_thread() is not threading.main_thread():
        yield signals
        return
    before = {number: signal.signal(number, signals) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
