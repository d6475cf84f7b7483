"""One process that examines submissions, one at a time, for the process that records their grades: no gradebook here, nothing written in the course's folder."""

from __future__ import annotations

import contextlib
import errno
import functools
import json
import os
import queue
import shutil
import sys
import tempfile
import threading
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from nbconvert.exporters.exporter import ResourcesDict
from nbformat import from_dict

from autograder import catalogue, submission
from autograder.grader import METADATA_KEY, CannotBeGradedHere, JudgedExecute, restore
from autograder.provisioner import Disturbed
from autograder.wall import FolderRefused

MACHINE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EMFILE, errno.ENFILE, errno.ENOMEM)
"""Errors of the operating system that say nothing about a submission."""


def examine(job: dict[str, Any]) -> dict[str, Any]:
    """Run and judge one submission; never raises for what is wrong with it.

    job:     root, folder (the submission's), assignment, student, release (see `grader.released`), files (the course's own beside the notebook, to their
             paths), config (of traitlets, what is added to the course's), megabytes.
    returns: "notebooks" (name to "notebook" and "verdicts" by grade id) and "files" (their fingerprint); else "reason" why it cannot be graded, or
             "fault": what must be put right before anybody can be.
    """
    try:
        return _examine(job)
    except (submission.Unfit, CannotBeGradedHere, FolderRefused) as error:
        return {"reason": str(error)}
    except Exception as error:
        said = submission.one_line(error)
        if isinstance(error, Disturbed):
            return {"fault": f"no kernel can be kept running here: {said}", "kind": "Disturbed"}
        if type(error).__name__ in ("JudgeFault", "NoWall"):
            return {"fault": said, "kind": type(error).__name__}
        if isinstance(error, OSError) and error.errno in MACHINE:
            return {
                "fault": f"no submission can be run here: {error.strerror} ({tempfile.gettempdir()}). Make room there, or raise the limit; what was graded before is kept.",
                "kind": "OSError",
            }
        return {"reason": f"{type(error).__name__}: {said}"}


def _examine(job: dict[str, Any]) -> dict[str, Any]:
    submission.check_name(job["student"])
    files = submission.read(Path(job["folder"]), job["megabytes"])
    notebooks = submission.notebooks(files, list(job["release"]))
    with tempfile.TemporaryDirectory(prefix="submission-", ignore_cleanup_errors=True) as folder:
        _lay_out(Path(folder), files, job["files"])
        examined = {}
        for name, notebook in notebooks.items():
            nb, resources = _run(job, name, notebook, folder)
            verdicts = {grade_id: verdict.summary() for grade_id, verdict in resources[METADATA_KEY].items()}
            examined[name] = {"notebook": nb, "verdicts": verdicts}
    return {"notebooks": examined, "files": submission.fingerprint(files)}


def _run(job: dict[str, Any], name: str, notebook: Any, folder: str) -> Any:
    course = job["release"][name]
    notebook = restore(notebook, {grade_id: (from_dict(cell), fixed) for grade_id, (cell, fixed) in course["cells"].items()})
    if course["kernelspec"]:
        notebook.metadata["kernelspec"] = from_dict(course["kernelspec"])
    facts = {"student": job["student"], "assignment": job["assignment"], "notebook": name}
    resources = ResourcesDict(None, {"metadata": {"name": name, "path": folder}, "nbgrader": facts})
    return JudgedExecute(config=_config(job["root"], json.dumps(job["config"]))).preprocess(notebook, resources)


@functools.lru_cache(maxsize=4)
def _config(root: str, more: str) -> Any:
    from autograder.course import configuration

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


def main(channel: int) -> None:
    """Serve the descriptor `channel`."""
    serve(Connection(channel))


def serve(connection: Connection) -> None:
    """Examine what comes over `connection`, in the course's folder, until the other side is gone. Never returns."""
    jobs: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(connection, jobs), daemon=True).start()
    catalogue.chapters()
    connection.send_bytes(b"{}")  # ready
    while True:
        job = json.loads(jobs.get())
        os.chdir(job["root"])
        tempfile.tempdir = job["scratch"]
        connection.send_bytes(json.dumps(examine(job), ensure_ascii=False).encode("utf-8", "replace"))


def _receive(connection: Connection, jobs: queue.SimpleQueue[bytes]) -> None:
    """Pass on what comes in. When nothing can come any more, end this process at once, and what it started."""
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
