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

from autograder import logs
from autograder.errors import Disturbed, JudgeFault, NoWall, SubmissionError
from autograder.grading import submission
from autograder.grading.execute import RELEASE, VERSIONS, JudgedExecute, Steps
from autograder.grading.layout import METADATA_KEY
from autograder.questions import catalogue
from autograder.sandbox import provisioner
from autograder.text import one_line

MACHINE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EMFILE, errno.ENFILE, errno.ENOMEM)
"""Errors of the operating system that say nothing about a submission."""


def examine(job: dict[str, Any]) -> dict[str, Any]:
    """Run and judge one submission; never raises for what is wrong with it.

    job:     root, folder (the submission's), assignment, student, release (see `grader.released`),
             files (the course's own beside the notebook, to their paths), config (of traitlets,
             what is added to the course's), megabytes, gradebook (its address, for steps of the
             course's own; ours do not open it).
    returns: "notebooks" (name to "notebook", "verdicts" by grade id, and "versions", by what it was
             judged) and "files" (their fingerprint); else "reason" why it cannot be graded, or
             "fault": what must be put right before anybody can be, and "remedy": how, where that is
             known.
    """
    with Examination(job) as examination:
        return examination.result()


class Examination:
    """One submission's way from the submitted files to its verdicts (see `examine`): read and
    laid out at once, its first kernel started with `start_ahead`.
    """

    def __init__(self, job: dict[str, Any]):
        self._job, self._found, self._open = job, {}, contextlib.ExitStack()
        with self._kept():
            self._folder = self._open.enter_context(
                tempfile.TemporaryDirectory(prefix="submission-", ignore_cleanup_errors=True)
            )
            submission.check_name(job["student"])
            files = submission.read(Path(job["folder"]), job["megabytes"])
            _lay_out(Path(self._folder), files, job["files"])
            self._fingerprint = submission.fingerprint(files)
            self._runs = [
                self._prepared(name, notebook)
                for name, notebook in submission.notebooks(files, list(job["release"])).items()
            ]

    def __enter__(self) -> Examination:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def start_ahead(self) -> None:
        """Have a kernel started that `result` will find ready; if that fails, `result` starts
        one and says what is wrong.
        """
        if not self._found:
            run, nb, resources = self._runs[0]
            self._open.callback(run.give_up)
            try:
                run.start_ahead(nb, resources)
            except Exception:
                logs.log.debug("no kernel could be started ahead", exc_info=True)

    def result(self) -> dict[str, Any]:
        """Run and judge it."""
        if not self._found:
            with self._kept():
                notebooks = {
                    resources["metadata"]["name"]: _judged(run, nb, resources)
                    for run, nb, resources in self._runs
                }
                return {"notebooks": notebooks, "files": self._fingerprint}
        return self._found

    def _prepared(self, name: str, notebook: Any) -> tuple[JudgedExecute, Any, ResourcesDict]:
        config = _config(self._job["root"], json.dumps(self._job["config"]))
        facts = {
            "student": self._job["student"],
            "assignment": self._job["assignment"],
            "notebook": name,
            "db_url": self._job["gradebook"],
        }
        known = {
            "metadata": {"name": name, "path": self._folder},
            "nbgrader": facts,
            "unique_key": name,
            RELEASE: self._job["release"][name],
        }
        steps = Steps(config)
        notebook, resources = steps.prepare(notebook, ResourcesDict(None, known))
        return steps.judges(config=config), notebook, resources

    @contextlib.contextmanager
    def _kept(self) -> Iterator[None]:
        """What goes wrong in here is what was found."""
        with logs.about(f"{self._job['assignment']}, {self._job['student']}"):
            try:
                yield
            except Exception as error:
                self._found = _what_is_wrong(error)


def _judged(run: JudgedExecute, nb: Any, resources: ResourcesDict) -> dict[str, Any]:
    nb, resources = run.preprocess(nb, resources)
    verdicts = {
        grade_id: verdict.summary() for grade_id, verdict in resources[METADATA_KEY].items()
    }
    return {"notebook": nb, "verdicts": verdicts, "versions": resources[VERSIONS]}


def _what_is_wrong(error: Exception) -> dict[str, Any]:
    if isinstance(error, SubmissionError):
        return {"reason": one_line(error, most=400)}
    said = one_line(error)
    if isinstance(error, Disturbed):
        return {"fault": f"no kernel can be kept running here: {said}", "remedy": error.remedy}
    if isinstance(error, (JudgeFault, NoWall)):
        return {"fault": one_line(error, most=400), "remedy": error.remedy}
    if isinstance(error, OSError) and error.errno in MACHINE:
        return {
            "fault": (
                f"no submission can be run here: {error.strerror} ({tempfile.gettempdir()}). Make "
                "room there, or raise the limit; what was graded before is kept."
            )
        }
    logs.log.exception("a submission could not be examined")
    return {
        "reason": (
            f"a bug of the course, not of the submission: {type(error).__name__}: {said}; its "
            f"traceback is in {logs.GRADING}"
        )
    }


@functools.lru_cache(maxsize=4)
def _config(root: str, more: str) -> Any:
    from autograder.grading.course import configuration

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
    """Serve the descriptor `channel`; have kernels forked over the line `zygote`, if there is one."""
    if zygote is not None:
        provisioner.adopt(zygote)
    serve(Connection(channel))


def serve(connection: Connection) -> None:
    """Examine what comes over `connection`, in the course's folder, until the other side is
    gone. Never returns.
    """
    jobs: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(connection, jobs), daemon=True).start()
    catalogue.chapters()
    collected = logs.collect()  # this process writes no log: one process does
    connection.send_bytes(b"{}")  # ready
    following = None
    while True:
        with following or _begun(jobs.get()) as current:
            following = None
            with contextlib.suppress(queue.Empty):
                following = _begun(jobs.get_nowait())
                following.start_ahead()
            found = current.result() | {"log": collected.taken()}
            connection.send_bytes(json.dumps(found, ensure_ascii=False).encode("utf-8", "replace"))


def _begun(message: bytes) -> Examination:
    job = json.loads(message)
    os.chdir(job["root"])
    tempfile.tempdir = job["scratch"]
    return Examination(job)


def _receive(connection: Connection, jobs: queue.SimpleQueue[bytes]) -> None:
    """Pass on what comes in. When nothing can come any more, end this process at once, and what
    it started.
    """
    try:
        while True:
            jobs.put(connection.recv_bytes())
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
