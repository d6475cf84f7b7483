"""One process that examines submissions, one at a time, for the process that records their
grades: no gradebook here, nothing written in the course's folder.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import itertools
import json
import math
import os
import queue
import shutil
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path, PurePath
from typing import Any

from nbconvert.exporters.exporter import ResourcesDict
from nbformat import NotebookNode, from_dict

from autograder import logs
from autograder.answers.time_limit import patience
from autograder.errors import (
    Disturbed,
    JudgeFault,
    JudgingStuck,
    NoWall,
    SubmissionError,
)
from autograder.grading import limits_of_worker
from autograder.grading.layout import METADATA_KEY
from autograder.grading.limits_of_worker import (
    READ_MEGABYTES,
    READ_SECONDS,
    READ_SECONDS_BY_CLOCK,
    RUN_SECONDS,
)
from autograder.grading.messages import (
    MOST_BYTES,
    CourseFault,
    Examined,
    Job,
    JudgedNotebook,
    Message,
    Ready,
    Report,
    Result,
    Ungradable,
    Working,
    decode,
    encode,
)
from autograder.grading.nbgrader_steps import (
    HAND_IN_KEY,
    RELEASE_KEY,
    VERSIONS_KEY,
    JudgedExecute,
)
from autograder.grading.settings import Steps, configuration
from autograder.grading.submissions import submission
from autograder.grading.submissions.cells import fault_of, question_of
from autograder.grading.submissions.hand_in_time import (
    AS_NBGRADER_WRITES,
    as_nbgrader_writes,
)
from autograder.questions import catalogue
from autograder.sandbox import zygote_client
from autograder.text import one_line, plain

_ROOM = 2**20
"""Bytes that can be written where there is room at all."""

MACHINE = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOMEM,
)
"""Errors of the operating system that say nothing about a submission."""


def examine(job: Job) -> Result:
    """Run and judge one submission; never raises for what is wrong with it."""
    with SubmissionRun(job) as run:
        return run.result()


class SubmissionRun:
    """One submission's way from the submitted files to its verdicts: read and laid out at once,
    its first kernel started with `start_ahead`.
    """

    def __init__(self, job: Job):
        self._job = job
        self._failure: Result | None = None
        self._open = contextlib.ExitStack()
        self.number = 0
        self.leaving = False
        with self._capture_errors():
            _refuse_faults(job)
            self._steps = Steps(_config(job.root, json.dumps(job.config)))
            self._open.callback(self._forget_copy)
            self._place = tempfile.mkdtemp(prefix="handed-in-")
            self._folder = self._open.enter_context(
                tempfile.TemporaryDirectory(
                    prefix="submission-", ignore_cleanup_errors=True
                )
            )
            with (
                limits_of_worker.memory(READ_MEGABYTES),
                limits_of_worker.processor(READ_SECONDS),
            ):
                self._read()

    def __enter__(self) -> SubmissionRun:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def seconds(self) -> float:
        """What running and judging it may take by the clock, all in all."""
        if self._failure is not None:
            return RUN_SECONDS
        step, _, _ = self._notebooks[0]
        questions = {
            question.name: question
            for _, nb, _ in self._notebooks
            for question in map(question_of, nb.cells)
            if question is not None
        }
        answers = sum(patience(question.seconds) for question in questions.values())
        notebooks = len(self._notebooks) * patience(step.notebook_seconds)
        return notebooks + answers + RUN_SECONDS

    def start_ahead(self) -> None:
        """Have a kernel started that `result` will find ready; if that fails, `result` starts
        one and says what is wrong.
        """
        if self._failure is not None:
            return
        step, nb, resources = self._notebooks[0]
        self._open.callback(step.give_up)
        try:
            step.start_ahead(nb, resources)
        except Exception:
            logs.log.debug("no kernel could be started ahead", exc_info=True)

    def result(self) -> Result:
        """Run and judge it."""
        if self._failure is None:
            with self._capture_errors():
                found = self._judge()
                place, self._place = self._place, ""  # whoever records removes it
                return replace(found, place=place)
        assert self._failure is not None
        return self._failure

    def _read(self) -> None:
        job = self._job
        grade_ids = {name: release["cells"] for name, release in job.release.items()}
        received = submission.receive(
            Path(job.folder), job.student, grade_ids, job.megabytes
        )
        files, clashes = _without_clashes(received.files, job.files, received.notebooks)
        self._remarks = (*received.remarks, *clashes)
        self._digest = received.digest
        kept = files | _timestamp(received)
        kept |= {f"{name}.ipynb": b"" for name in received.notebooks}
        _write(Path(self._place, job.student, job.assignment), kept)
        _write(Path(self._folder), files)
        _copy(job.files, Path(self._folder))
        self._notebooks = [
            self._prepared(name, notebook)
            for name, notebook in received.notebooks.items()
        ]

    def _judge(self) -> Examined:
        step, _, _ = self._notebooks[0]
        most = math.inf if step.trust_submissions else step.judge_mb
        with (
            limits_of_worker.memory(most)
            if most < math.inf
            else contextlib.nullcontext()
        ):
            judged = {
                resources["metadata"]["name"]: self._judged(step, nb, resources)
                for step, nb, resources in self._notebooks
            }
            return Examined(judged, self._digest, remarks=self._remarks)

    def _judged(
        self, step: JudgedExecute, nb: NotebookNode, resources: ResourcesDict
    ) -> JudgedNotebook:
        nb, resources = step.preprocess(nb, resources)
        nb, resources = self._steps.show(nb, resources)
        return JudgedNotebook(nb, resources[METADATA_KEY], resources[VERSIONS_KEY])

    def _prepared(
        self, name: str, notebook: NotebookNode
    ) -> tuple[JudgedExecute, NotebookNode, ResourcesDict]:
        job = self._job
        names = {
            "student": job.student,
            "assignment": job.assignment,
            "notebook": name,
            "db_url": job.gradebook,
        }
        known = {
            "metadata": {"name": name, "path": self._folder},
            "nbgrader": names,
            "unique_key": name,
            RELEASE_KEY: job.release[name],
            HAND_IN_KEY: self._digest,
        }
        notebook, resources = self._steps.prepare(notebook, ResourcesDict(None, known))
        config = _config(job.root, json.dumps(job.config))
        return self._steps.judges(config=config), notebook, resources

    def _forget_copy(self) -> None:
        """Remove the copy of what was handed in, unless whoever records has it."""
        if self._place:
            shutil.rmtree(self._place, ignore_errors=True)

    @contextlib.contextmanager
    def _capture_errors(self) -> Iterator[None]:
        """An exception inside the block becomes the result."""
        with logs.about(f"{self._job.assignment}, {self._job.student}"):
            try:
                yield
            except Exception as error:
                self.leaving = isinstance(error, JudgingStuck)
                self._failure = _what_is_wrong(error, self._job)


def _refuse_faults(job: Job) -> None:
    """Raise `JudgeFault` for a released cell that nobody can be graded with, before the submission
    is looked at: what is found wrong later is not the course's.
    """
    for release in job.release.values():
        for cell, _fixed in release["cells"].values():
            fault = fault_of(from_dict(cell))
            if fault is not None:
                raise JudgeFault(f"{job.assignment}: {fault}")


def _what_is_wrong(error: Exception, job: Job) -> Ungradable | CourseFault:
    """Whose fault an exception is, in words. What also happens without any submission is the
    machine's, and nobody can be graded; anything else is this submission's.
    """
    said = one_line(error)
    match error:
        case SubmissionError():
            return Ungradable(one_line(error, most=400))
        case JudgeFault():
            return CourseFault(one_line(error, most=400), error.remedy)
        case Disturbed() | NoWall():
            return _kernels_fail(error, job)
        case OSError() if error.errno in MACHINE:
            return _no_room(error)
        case MemoryError():
            return Ungradable(
                "it needs more memory to be read and judged than there is for it"
            )
    logs.log.exception("a submission could not be examined")
    return Ungradable(
        f"a bug of the course, not of the submission: {type(error).__name__}: {said}; its "
        f"traceback is in {logs.GRADING}"
    )


def _kernels_fail(error: Disturbed | NoWall, job: Job) -> Ungradable | CourseFault:
    """The submission's fault where a kernel starts that has nothing of it."""
    said = one_line(error, most=400)
    try:
        _start_and_stop_a_kernel(job)
    except (Disturbed, NoWall):
        what = (
            said
            if isinstance(error, NoWall)
            else f"no kernel can be kept running here: {said}"
        )
        return CourseFault(what, error.remedy)
    except Exception:
        logs.log.exception("a kernel could not be tried")
        return CourseFault(f"no kernel can be kept running here: {said}", error.remedy)
    return Ungradable(f"no kernel could be kept running for it ({said}); others start")


def _start_and_stop_a_kernel(job: Job) -> None:
    """Raises `Disturbed` or `NoWall` where no kernel starts, whatever was handed in."""
    config = _config(job.root, json.dumps(job.config))
    step = Steps(config).judges(config=config)
    with tempfile.TemporaryDirectory(prefix="trial-") as folder:
        step.try_kernel(folder)


def _no_room(error: OSError) -> Ungradable | CourseFault:
    """The submission's fault where a small file can still be written."""
    try:
        with tempfile.TemporaryFile() as file:
            file.write(bytes(_ROOM))
            file.flush()
    except OSError:
        return CourseFault(
            f"no submission can be run here: {error.strerror} ({tempfile.gettempdir()}). Make "
            "room there, or raise the limit; what was graded before is kept."
        )
    return Ungradable(
        f"its files do not fit here: {error.strerror} ({tempfile.gettempdir()}): hand in less, or "
        "make room there"
    )


@functools.lru_cache(maxsize=4)
def _config(root: str, more: str) -> Any:
    return configuration(Path(root), json.loads(more))


def _folders_above(name: str) -> set[str]:
    return {str(parent) for parent in PurePath(name).parents}


def _without_clashes(
    files: dict[str, bytes], course: Iterable[str], notebooks: Iterable[str]
) -> tuple[dict[str, bytes], list[str]]:
    """Those of a submission's files that can lie beside the course's own, which win, and a sentence
    for each that cannot because one is a folder where the other is a file.
    """
    taken = set(course)
    for name in notebooks:
        taken |= {f"{name}.ipynb", f"{name}.new"}
    folders: set[str] = set()
    for name in taken:
        folders |= _folders_above(name)
    kept, left_out = {}, []
    for name, content in files.items():
        above = _folders_above(name)
        if name in folders or above & taken:
            left_out.append(
                f"{plain(name)} was left out: the course's own stands in its place"
            )
        else:
            kept[name] = content
    return kept, left_out


def _timestamp(received: submission.Submission) -> dict[str, bytes]:
    """``timestamp.txt`` as nbgrader reads it, so that it reads what was understood here."""
    said = received.files.get(submission.TIMESTAMP)
    if said is None:
        return {}
    if received.time is None:
        return {submission.TIMESTAMP: b""}
    if AS_NBGRADER_WRITES.fullmatch(said):
        return {submission.TIMESTAMP: said}
    return {submission.TIMESTAMP: as_nbgrader_writes(received.time).encode()}


def _write(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _copy(course: dict[str, str], folder: Path) -> None:
    """The course's own files, in place of those of the same names."""
    for name, source in course.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, path)


def main(channel: int, zygote: socket.socket | None = None) -> None:
    """Serve the descriptor `channel`; have kernels forked over the line `zygote`, if there is
    one.
    """
    if zygote is not None:
        zygote_client.adopt(zygote)
    serve(Connection(channel))


def serve(connection: Connection) -> None:
    """Examine what comes over `connection`, in the course's folder, until the other side is
    gone. Never returns.
    """
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(connection, lines), daemon=True).start()
    catalogue.chapters()
    collected = logs.collect()  # this process writes no log: one process does
    numbers = itertools.count()
    say = functools.partial(_say, connection)
    say(Ready())
    following = None
    while True:
        with following or _started(lines.get(), next(numbers), say) as current:
            following = None
            with contextlib.suppress(queue.Empty):
                following = _started(lines.get_nowait(), next(numbers), say)
                following.start_ahead()
            say(Working(current.number, "run", current.seconds()))
            result = current.result()
            say(Report(result, collected.taken(), current.leaving))


def _say(connection: Connection, message: Message) -> None:
    line = encode(message)
    if len(line) > MOST_BYTES and isinstance(message, Report):
        reason = f"what came of it is larger than {MOST_BYTES >> 20} MB: hand in less"
        line = encode(Report(Ungradable(reason), message.log, message.leaving))
    connection.send_bytes(line)


def _started(line: bytes, number: int, say: Callable[[Message], None]) -> SubmissionRun:
    job = decode(line)
    assert isinstance(job, Job)
    say(Working(number, "read", READ_SECONDS_BY_CLOCK))
    os.chdir(job.root)
    tempfile.tempdir = job.scratch
    run = SubmissionRun(job)
    run.number = number
    return run


def _receive(connection: Connection, lines: queue.SimpleQueue[bytes]) -> None:
    """Pass on what comes in. When nothing can come any more, end this process at once, and what
    it started.
    """
    try:
        while True:
            lines.put(connection.recv_bytes())
    except (EOFError, OSError):
        import psutil

        started = psutil.Process().children(recursive=True)
        for process in started:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(started, timeout=2)
        os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
