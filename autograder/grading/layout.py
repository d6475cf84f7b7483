"""What things are called in a course's folder and in its graded notebooks; nothing is imported
here but the standard library.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

ERRORS = "grading_errors.json"
LOCK, SCRATCH = ".grading.lock", "grade-"
SECRET_FILE = ".course_secret"

METADATA_KEY = "autograder"
"""Where an autograded notebook keeps its verdicts: ``notebook.metadata[METADATA_KEY]["verdicts"]``,
a list of `Verdict.summary`; beside them, "engine" and "questions": by which versions they were
judged (`autograder.grading.versions`).
"""


def two_deep(folder: Path) -> Iterator[Path]:
    """Everything at ``folder/STUDENT/ASSIGNMENT``, of whatever kind; what is hidden (``.trash``,
    ``.git``) is no student and no assignment.
    """
    for path in folder.glob("*/*"):
        if not path.name.startswith(".") and not path.parent.name.startswith("."):
            yield path
