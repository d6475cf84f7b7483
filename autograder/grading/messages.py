"""What is said between the process that records grades and the processes that examine submissions.

Each message is a frozen dataclass; `encode` makes one line of JSON of it, and `decode` the message
again. Nothing in a submission can be taken for a message: a message
stands where one is due, and a submission's notebook never does.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from autograder.verdict import Verdict

MOST_BYTES = 256 * 2**20
"""The longest message: nothing that a worker says is longer."""


@dataclass(frozen=True)
class Job:
    """To a worker: examine this submission.

    folder:    where the student's files are.
    release:   the course's cells by notebook, see `cells.released`.
    files:     the course's own files beside the notebook, to their paths.
    config:    of traitlets, what is added to the course's own configuration.
    megabytes: the most that the submission may hold.
    gradebook: its address, for steps of the course's own; the project's steps do not open it.
    scratch:   the worker's folder for temporary files; "" where it has none of its own.
    """

    root: str
    folder: str
    student: str
    assignment: str
    release: dict[str, dict[str, Any]]
    files: dict[str, str]
    config: dict[str, Any]
    megabytes: float
    gradebook: str
    scratch: str = ""

    def in_scratch(self, folder: str) -> Job:
        """The same job for a worker with this folder."""
        return replace(self, scratch=folder)


@dataclass(frozen=True)
class Ready:
    """From a worker, once: jobs can come."""


@dataclass(frozen=True)
class Working:
    """From a worker: what it does from now on, and the seconds by the clock that it needs at most.

    job:  which of the jobs that it was given, counted from 0 since it started.
    what: "read" or "run".
    """

    job: int
    what: str
    seconds: float


@dataclass(frozen=True)
class JudgedNotebook:
    """A notebook that was run.

    verdicts: by the grade id of their check cells.
    versions: by what they were judged, see `versions.judged_by`.
    """

    notebook: dict[str, Any]
    verdicts: dict[str, Verdict]
    versions: dict[str, Any]


@dataclass(frozen=True)
class Examined:
    """From a worker: the submission was run and judged.

    notebooks: by name. files: the fingerprint of what was handed in.
    place:     a folder with a copy of it (``STUDENT/ASSIGNMENT`` in it), of which whoever records
               takes what is to be kept; nothing there but files that may be copied. It is theirs
               to remove.
    remarks:   what was left out or taken for something else, a sentence for each.
    """

    notebooks: dict[str, JudgedNotebook]
    files: str
    place: str = ""
    remarks: tuple[str, ...] = ()

    def share(self) -> float | None:
        """The part of their points that the judged answers earned; None where nothing was
        judged.
        """
        verdicts = [
            verdict
            for notebook in self.notebooks.values()
            for verdict in notebook.verdicts.values()
        ]
        return share((verdict.earned, verdict.points) for verdict in verdicts)


@dataclass(frozen=True)
class Ungradable:
    """From a worker: this submission gets no grade, for this reason; others do."""

    reason: str


@dataclass(frozen=True)
class CourseFault:
    """From a worker: nobody can be graded before this is put right.

    remedy: what to do; "" where the reason says it.
    """

    reason: str
    remedy: str = ""


Result = Examined | Ungradable | CourseFault


@dataclass(frozen=True)
class Report:
    """From a worker: what one job came to, and what was logged meanwhile.

    leaving: that the worker does nothing more, because something in it does not come to an end.
    """

    result: Result
    log: list[str]
    leaving: bool = False


Message = Job | Ready | Working | Report


def share(earned_of: Iterable[tuple[float, float]]) -> float | None:
    """The part of their points that answers earned, of (earned, points) pairs; None where there
    are no points.
    """
    pairs = list(earned_of)
    points = sum(worth for _, worth in pairs)
    if not points:
        return None
    return sum(earned for earned, _ in pairs) / points


def encode(message: Message) -> bytes:
    """As JSON in UTF-8."""
    text = json.dumps(_plain(message), default=_plain, ensure_ascii=False)
    # A path may hold bytes that are no text, and must arrive as it is. What a cell printed may
    # hold halves of characters, which no file of text can.
    errors = "surrogatepass" if isinstance(message, Job) else "replace"
    return text.encode("utf-8", errors)


def decode(line: bytes) -> Message:
    """The message that `encode` wrote. Raises ValueError for what is none."""
    try:
        content = json.loads(line.decode("utf-8", "surrogatepass"))
        kind = content.pop("kind")
        if kind == "Report":
            return Report(
                _result(content["result"]), content["log"], content["leaving"]
            )
        return {"Job": Job, "Ready": Ready, "Working": Working}[kind](**content)
    except (AttributeError, LookupError, TypeError) as error:
        raise ValueError(f"no message: {type(error).__name__}: {error}") from error


def _result(content: dict[str, Any]) -> Result:
    kind = content.pop("kind")
    if kind == "Examined":
        notebooks = {}
        for name, judged in content["notebooks"].items():
            notebooks[name] = _judged_notebook(judged)
        remarks = tuple(map(str, content["remarks"]))
        return Examined(notebooks, content["files"], content["place"], remarks)
    return {"Ungradable": Ungradable, "CourseFault": CourseFault}[kind](**content)


def _judged_notebook(content: dict[str, Any]) -> JudgedNotebook:
    verdicts = {}
    for grade_id, summary in content["verdicts"].items():
        verdicts[grade_id] = Verdict.from_summary(summary)
    return JudgedNotebook(content["notebook"], verdicts, content["versions"])


def _plain(value: Any) -> dict[str, Any]:
    """A message, or what is in one, as a dictionary with its kind; a verdict as its summary."""
    if isinstance(value, Verdict):
        return value.summary()
    if not is_dataclass(value):
        raise TypeError(f"{type(value).__name__} has no place in a message")
    content = {field.name: getattr(value, field.name) for field in fields(value)}
    return {"kind": type(value).__name__, **content}
