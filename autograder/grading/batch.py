"""Many submissions at once: worker processes examine them, and this process alone records the
grades as they come.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import FrameType
from typing import BinaryIO, Protocol

from autograder import logs
from autograder.errors import CourseError, Disturbed
from autograder.grading.course import AssignmentSnapshot, Course, Graded
from autograder.grading.messages import (
    MOST_BYTES,
    Examined,
    Job,
    Message,
    Ready,
    Report,
    Ungradable,
    Working,
    decode,
    encode,
)
from autograder.processes import last_line
from autograder.sandbox import wall, zygote_client
from autograder.values.frameworks import ONE_THREAD

ATTEMPTS = 2
"""How many workers may die of one submission before it is given up."""

START_SECONDS = 300.0
"""Seconds by the clock for a worker to be ready, on a machine that is very busy."""

GIVE_SECONDS = 60.0
"""Seconds by the clock for a worker that has a job to say what it does with it."""

LOOK_SECONDS = 1.0
"""Seconds between two looks at whether a worker has overstayed its time."""

AHEAD = 3
"""Submissions that a worker has at one time: it runs one, starts the kernel of the next, and finds
the one after that when it is done. The last ones of a class are given singly, so that no worker
waits while another has several.
"""

MOST_DISTURBANCES = 100
"""How many workers in a row may end without having examined anything."""

EXIT_SECONDS = 5.0
"""Seconds that a worker has for ending what it started."""

Key = tuple[str, str]
"""A submission: its assignment and its student."""


def cores() -> int:
    """The processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class WorkerProcess(Protocol):
    """The process of a worker: forked from the warm one, or started cold."""

    def wait(self, seconds: float) -> bool:
        """Whether it ends within so many seconds."""

    def kill(self) -> None:
        """End it, whatever it does."""

    def close(self) -> None:
        """Give back what is held of it."""

    def disturbed(self) -> bool:
        """Whether what ended it ended others, too."""


def start_worker(log: Path) -> tuple[WorkerProcess, Connection]:
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


def _warm_worker(channel: int, log: int, attempts: int = 3) -> zygote_client.Worker:
    for attempt in range(1, attempts + 1):
        try:
            return zygote_client.running().worker(
                "autograder.grading.worker:main", channel, log
            )
        except Disturbed as error:
            if attempt == attempts:
                raise CourseError(f"no worker can be started: {error}") from error
    raise AssertionError("unreachable")


def _cold_worker(channel: int, out: BinaryIO) -> _Popen:
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
    """A process that was started cold, seen as `zygote_client.Worker` is."""

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
    with (
        logs.kept_in(course.log_file),
        course.locked() as scratch,
        _interruptible() as signals,
    ):
        zygote_client.begin()
        assignments = dict.fromkeys(assignment for assignment, _ in work)
        snapshots = {
            assignment: course.snapshot(assignment) for assignment in assignments
        }
        results = {} if regrade else _graded_before(course, snapshots, work)
        before = len(results)
        for graded in results.values():
            show(graded)
        jobs = {}
        for assignment, student in work:
            if (assignment, student) not in results:
                jobs[assignment, student] = snapshots[assignment].job(student)
        with contextlib.closing(WorkerPool(jobs, workers or cores(), scratch)) as pool:
            for key, report in pool.reports():
                logs.append(report.log)
                with signals.held():  # a grade is entered whole
                    assignment, student = key
                    snapshot = snapshots[assignment]
                    results[key] = course.record(snapshot, student, report.result)
                if isinstance(report.result, Examined):
                    shutil.rmtree(report.result.place, ignore_errors=True)
                show(results[key])
        return [results[key] for key in work], before


def _graded_before(
    course: Course, snapshots: dict[str, AssignmentSnapshot], work: list[Key]
) -> dict[Key, Graded]:
    results = {}
    for assignment, snapshot in snapshots.items():
        students = [student for of, student in work if of == assignment]
        for student, graded in course.graded_before(snapshot, students).items():
            results[assignment, student] = graded
    return results


class _Watch(threading.Thread):
    """Ends workers that have overstayed the time that they said they need.

    A thread of its own, which waits for nobody: neither for what a worker says nor for what is
    recorded meanwhile.
    """

    def __init__(self, workers: list[_Worker]):
        super().__init__(daemon=True)
        self._workers = workers
        self._over = threading.Event()
        self.start()

    def run(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            for worker in list(self._workers):
                worker.end_if_overdue()

    def stop(self) -> None:
        self._over.set()
        self.join()


class WorkerPool:
    """Has jobs done by up to `workers` processes, and others in the place of those that die."""

    def __init__(self, jobs: dict[Key, Job], workers: int, scratch: Path):
        self._jobs, self._scratch = jobs, scratch
        self._most_workers = min(workers, len(jobs))
        self._waiting, self._left = deque(jobs), len(jobs)
        self._workers: list[_Worker] = []
        self._numbers = itertools.count()
        self._deaths: Counter[Key] = Counter()
        self._failed_starts = self._disturbances = 0
        self._watch = _Watch(self._workers)

    def reports(self) -> Iterator[tuple[Key, Report]]:
        """Whose submission was examined, and what that came to, as they come. Raises
        `CourseError` where no worker can be kept.
        """
        while self._left:
            self._start_workers()
            self._give()
            for worker in self._ready():
                report = self._receive(worker)
                if report is not None:
                    self._left -= 1
                    yield report

    def close(self) -> None:
        """End all workers."""
        self._watch.stop()
        for worker in self._workers:
            worker.connection.close()
        for worker in self._workers:
            worker.end()

    def _start_workers(self) -> None:
        while len(self._workers) < min(self._most_workers, self._left):
            number = next(self._numbers)
            worker = _Worker(self._scratch / str(number))
            self._workers.append(worker)

    def _give(self) -> None:
        """Keep the workers busy: one submission for each, then further ones while there are
        enough for all.
        """
        for depth in range(AHEAD):
            reserve = self._most_workers if depth else 0
            for worker in self._workers:
                idle = worker.ready and len(worker.jobs) == depth
                if idle and len(self._waiting) > reserve:
                    key = self._waiting.popleft()
                    worker.give(key, self._jobs[key])

    def _ready(self) -> list[_Worker]:
        """The workers that have something to say, or are dead."""
        ready = wait([worker.connection for worker in self._workers])
        return [worker for worker in self._workers if worker.connection in ready]

    def _receive(self, worker: _Worker) -> tuple[Key, Report] | None:
        """What a worker reports, if it does."""
        message = worker.receive()
        if message is None:
            return self._replace_dead_worker(worker)
        if not isinstance(message, Report):
            worker.says(message)
            return None
        self._disturbances = 0
        key = worker.done()
        if message.leaving:
            self._workers.remove(worker)
            self._waiting.extendleft(reversed(worker.jobs))
            worker.end()
        self._give()  # it works on while the grade is recorded
        return key, message

    def _replace_dead_worker(self, worker: _Worker) -> tuple[Key, Report] | None:
        """Have a dead worker's submissions examined by others; the one that it died of too often,
        or that took too long, is given up.
        """
        self._workers.remove(worker)
        to_blame = not worker.process.disturbed()
        worker.end()
        self._disturbances += 1
        if self._disturbances > MOST_DISTURBANCES:
            raise CourseError(
                "the processes that grade are killed again and again: "
                "see what else runs on this machine"
            )
        if not worker.jobs:
            self._failed_starts += to_blame
            if self._failed_starts > 3 * self._most_workers + ATTEMPTS:
                raise CourseError(
                    f"no worker can be started: {worker.last_line_of_log()}"
                )
            return None
        key = worker.at_work_on()
        self._deaths[key] += to_blame
        given_up = worker.overdue or self._deaths[key] >= ATTEMPTS
        if given_up:
            self._disturbances = 0  # that is one less to do
            worker.jobs.remove(key)
        self._waiting.extendleft(reversed(worker.jobs))
        return (key, _given_up(key, worker)) if given_up else None


def _given_up(key: Key, worker: _Worker) -> Report:
    why = (
        f"was ended after {worker.seconds:.0f} seconds"
        if worker.overdue
        else f"was killed {ATTEMPTS} times"
    )
    logs.log.error(
        "%s: the process that examined it %s; it said last:\n%s",
        ", ".join(key),
        why,
        worker.last_output(),
    )
    stage = f" while it was {worker.what}" if worker.what else ""
    reason = f"the process that examined it {why}{stage}: look at it, or grade it again"
    return Report(Ungradable(reason), log=[])


_STAGES = {"read": "read", "run": "run and judged"}


@dataclass
class _Worker:
    """A worker process and the submissions it was given, in their order. It is not ready before
    it has said so.

    what:    what it does with the submission that it is at, as a participle; "" before it has said.
    seconds: that it may take for that, by the clock; overdue: that it took longer, and was ended.
    """

    folder: Path
    jobs: deque[Key] = field(default_factory=deque)
    ready: bool = False
    what: str = ""
    seconds: float = START_SECONDS
    overdue: bool = False
    process: WorkerProcess = field(init=False)
    connection: Connection = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self._given: list[Key] = []
        self._at: Key | None = None
        self._deadline: float | None = None
        # Held while its process is named by a descriptor.
        self._alive = threading.Lock()
        self._ended = False
        self.process, self.connection = start_worker(self.folder / "log")
        self._allow(START_SECONDS)

    def give(self, key: Key, job: Job) -> None:
        """Send a job. If the worker is dead, its next answer will say so."""
        if not self.jobs:
            self._allow(GIVE_SECONDS)
        self.jobs.append(key)
        self._given.append(key)
        with contextlib.suppress(OSError):
            self.connection.send_bytes(encode(job.in_scratch(str(self.folder))))

    def says(self, message: Message) -> None:
        """Take note of what it says about itself."""
        match message:
            case Ready():
                self.ready = True
                self._allow(None)
            case Working(job, what, seconds) if 0 <= job < len(self._given):
                self._at = self._given[job]
                self.what = _STAGES.get(what, "")
                self._allow(seconds)

    def done(self) -> Key:
        """A report has come: the submission that it is about."""
        self._at, self.what = None, ""
        key = self.jobs.popleft()
        self._allow(GIVE_SECONDS if self.jobs else None)
        return key

    def at_work_on(self) -> Key:
        """The submission that it does something for; it has some."""
        if self._at is not None and self._at in self.jobs:
            return self._at
        return self.jobs[0]

    def end_if_overdue(self) -> None:
        """Kill it if it has overstayed its time; from any thread."""
        with self._alive:
            if self._ended or self._deadline is None:
                return
            if time.monotonic() <= self._deadline:
                return
            self.overdue, self._deadline = True, None
            self.process.kill()

    def _allow(self, seconds: float | None) -> None:
        """From now on it has so many seconds for what it does; None where it does nothing."""
        with self._alive:
            if not self.overdue:
                self.seconds = seconds or 0.0
                self._deadline = None if seconds is None else time.monotonic() + seconds

    def receive(self) -> Message | None:
        """What it says; None if it is dead."""
        try:
            return decode(self.connection.recv_bytes(MOST_BYTES))
        except (EOFError, OSError):
            return None
        except ValueError:
            logs.log.exception("a worker sent what is no message")
            return None

    def end(self) -> None:
        """See that the process ends: of itself, when its line is cut, or else by force."""
        self.connection.close()
        if not self.process.wait(EXIT_SECONDS):
            self.process.kill()
            self.process.wait(EXIT_SECONDS)
        with self._alive:
            self._ended = True
            self.process.close()

    def last_output(self, most: int = 4000) -> str:
        """The end of what it printed, a traceback perhaps."""
        with open(self.folder / "log", "rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(0, size - most))
            return log.read().decode("utf-8", errors="replace") or "nothing"

    def last_line_of_log(self) -> str:
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
    before = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        before[number] = signal.signal(number, signals)
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
