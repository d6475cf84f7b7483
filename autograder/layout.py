"""What things are called in a course's folder and in its graded notebooks; nothing is imported here but the standard library."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from autograder.errors import CourseError

CONFIG = "nbgrader_config.py"
ERRORS = "grading_errors.json"
LOCK, SCRATCH = ".grading.lock", "grade-"
SECRET_FILE = ".course_secret"

METADATA_KEY = "autograder"
"""Where an autograded notebook keeps its verdicts: ``notebook.metadata[METADATA_KEY]["verdicts"]``, a list of `Verdict.summary`; beside
them, "engine" and "questions": by which versions they were judged (`autograder.versions`)."""


def find_root(start: Path | None = None) -> Path:
    """The course's folder: the nearest one at or above `start` that holds an ``nbgrader_config.py``. Raises `CourseError` where there is none."""
    start = (start or Path.cwd()).resolve()
    for folder in (start, *start.parents):
        if (folder / CONFIG).is_file():
            return folder
    raise CourseError(f"{start} is not inside a course: no {CONFIG} here or above. Change to the course's folder, or name it.")


def two_deep(folder: Path) -> Iterator[Path]:
    """Everything at ``folder/STUDENT/ASSIGNMENT``, of whatever kind; what is hidden (``.trash``, ``.git``) is no student and no assignment."""
    for path in folder.glob("*/*"):
        if not path.name.startswith(".") and not path.parent.name.startswith("."):
            yield path
