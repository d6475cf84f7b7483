"""One process that examines submissions, one at a time, for the process that records their
grades: no gradebook here, nothing written in the course's folder.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import json
import os
import queue
import shutil
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from nbconvert.exporters.exporter import ResourcesDict
from nbformat import NotebookNode

from autograder import logs
from autograder.errors import Disturbed, JudgeFault, NoWall, SubmissionError
from autograder.grading import submission
from autograder.grading.layout import METADATA_KEY
from autograder.grading.messages import (
    CourseFault,
    Examined,
    Finding,
    Job,
    JudgedNotebook,
    Ready,
    Report,
    Ungradable,
    decode,
    encode,
)
from autograder.grading.nbgrader_steps import RELEASE_KEY, VERSIONS_KEY, JudgedExecute
from autograder.grading.settings import Steps, configuration
from autograder.questions import catalogue
from autograder.sandbox import provisioner
from autograder.text import one_line

MACHINE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EMFILE, errno.ENFILE, errno.ENOMEM)
"""Errors of the operating system that say nothing about a submission."""


def examine(job: Job) -> Finding:
    """Run and judge one submission; never raises for what is wrong with it."""
    with SubmissionRun(job) as run:
        return run.finding()


class SubmissionRun:
    """One submission's way from the submitted files to its verdicts: read and laid out at once,
    its first kernel started with `start_ahead`.
    """

    def __init__(self, job: Job):
        self._job = job
        self._failure: Finding | None = None
        self._open = contextlib.ExitStack()
        with self._capture_errors():
            self._folder = self._open.enter_context(
                tempfile.TemporaryDirectory(prefix="submission-", ignore_cleanup_errors=True)
            )
            received = submission.receive(
                Path(job.folder), job.student, list(job.release), job.megabytes
            )
            _lay_out(Path(self._folder), received.files, job.files)
            self._fingerprint = submission.fingerprint(received.files)
            self._notebooks = [
                self._prepared(name, notebook) for name, notebook in received.notebooks.items()
            ]

    def __enter__(self) -> SubmissionRun:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def start_ahead(self) -> None:
        """Have a kernel started that `finding` will find ready; if that fails, `finding` starts
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

    def finding(self) -> Finding:
        """Run and judge it."""
        if self._failure is None:
            with self._capture_errors():
                judged = {
                    resources["metadata"]["name"]: _judged(step, nb, resources)
                    for step, nb, resources in self._notebooks
                }
                return Examined(judged, self._fingerprint)
        assert self._failure is not None
        return self._failure

    def _prepared(
        self, name: str, notebook: NotebookNode
    ) -> tuple[JudgedExecute, NotebookNode, ResourcesDict]:
        job = self._job
        config = _config(job.root, json.dumps(job.config))
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
        }
        steps = Steps(config)
        notebook, resources = steps.prepare(notebook, ResourcesDict(None, known))
        return steps.judges(config=config), notebook, resources

    @contextlib.contextmanager
    def _capture_errors(self) -> Iterator[None]:
        """An exception inside the block becomes the finding."""
        with logs.about(f"{self._job.assignment}, {self._job.student}"):
            try:
                yield
            except Exception as error:
                self._failure = _what_is_wrong(error)


def _judged(step: JudgedExecute, nb: NotebookNode, resources: ResourcesDict) -> JudgedNotebook:
    nb, resources = step.preprocess(nb, resources)
    return JudgedNotebook(nb, resources[METADATA_KEY], resources[VERSIONS_KEY])


def _what_is_wrong(error: Exception) -> Ungradable | CourseFault:
    """Whose fault an exception is, in words."""
    said = one_line(error)
    match error:
        case SubmissionError():
            return Ungradable(one_line(error, most=400))
        case Disturbed():
            return CourseFault(f"no kernel can be kept running here: {said}", error.remedy)
        case JudgeFault() | NoWall():
            return CourseFault(one_line(error, most=400), error.remedy)
        case OSError() if error.errno in MACHINE:
            return CourseFault(
                f"no submission can be run here: {error.strerror} ({tempfile.gettempdir()}). Make "
                "room there, or raise the limit; what was graded before is kept."
            )
    logs.log.exception("a submission could not be examined")
    return Ungradable(
        f"a bug of the course, not of the submission: {type(error).__name__}: {said}; its "
        f"traceback is in {logs.GRADING}"
    )


@functools.lru_cache(maxsize=4)
def _config(root: str, more: str) -> Any:
    return configuration(Path(root), json.loads(more))


def _lay_out(folder: Path, files: dict[str, bytes], course: dict[str, str]) -> None:
    """A private copy of what lies beside the notebooks; the course's own files win."""
    for name, content in files.items():
        if not name.endswith(".ipynb"):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    for name, source in course.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, path)


def main(channel: int, zygote: socket.socket | None = None) -> None:
    """Serve the descriptor `channel`; have kernels forked over the line `zygote`, if there is
    one.
    """
    if zygote is not None:
        provisioner.adopt(zygote)
    serve(Connection(channel))


def serve(connection: Connection) -> None:
    """Examine what comes over `connection`, in the course's folder, until the other side is
    gone. Never returns.
    """
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(connection, lines), daemon=True).start()
    catalogue.chapters()
    collected = logs.collect()  # this process writes no log: one process does
    connection.send_bytes(encode(Ready()))
    following = None
    while True:
        with following or _started(lines.get()) as current:
            following = None
            with contextlib.suppress(queue.Empty):
                following = _started(lines.get_nowait())
                following.start_ahead()
            finding = current.finding()
            connection.send_bytes(encode(Report(finding, collected.taken())))


def _started(line: bytes) -> SubmissionRun:
    job = decode(line)
    assert isinstance(job, Job)
    os.chdir(job.root)
    tempfile.tempdir = job.scratch
    return SubmissionRun(job)


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
