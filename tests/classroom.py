"""An nbgrader course of two one-line questions (see the package `questions`): graded in about a
second a submission.
"""

from __future__ import annotations

import functools
import os
import shutil
import sys
import tempfile
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from nbgrader.api import Gradebook

from autograder import logs
from autograder.grading import batch
from autograder.grading.course import Course, Graded
from autograder.grading.layout import METADATA_KEY
from autograder.grading.worker import examine
from autograder.questions import catalogue

ROOT = Path(__file__).parents[1]
NAME = "sums"
QUESTIONS = ("small.total", "small.turn")
RIGHT = {
    "total": "def total(values):\n    return values.sum()",
    "turn": "def turn(image):\n    return image.T",
}


def exercise(questions=QUESTIONS):
    """The notebook that students get."""
    cells = [
        _cell("setup", 'from autograder import check, use\n\nuse("numpy")', locked=True)
    ]
    for name in questions:
        question = catalogue.find(name)
        function = question.function_name
        cells.append(
            _cell(
                f"answer-{function}",
                f'def {function}(x):\n    raise NotImplementedError("{name}")',
                solution=True,
            )
        )
        cells.append(
            _cell(
                question.grade_id,
                f'check("{name}", {function})',
                grade=True,
                locked=True,
                points=question.points,
            )
        )
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(
        cells=cells,
        metadata={"kernelspec": kernel, "language_info": {"name": "python"}},
    )


def _cell(grade_id, source, **facts):
    plain = {"grade": False, "solution": False, "locked": False, "task": False}
    return new_code_cell(
        source,
        metadata={
            "nbgrader": {"grade_id": grade_id, "schema_version": 3} | plain | facts
        },
    )


@functools.cache
def empty_gradebook() -> bytes:
    """A new gradebook. nbgrader makes one by calling the command `alembic`, which stands beside
    Python and takes two seconds.
    """
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
        path = Path(folder) / "gradebook.db"
        with Gradebook(f"sqlite:///{path}"):
            pass
        return path.read_bytes()


def lay_out(root, questions=QUESTIONS, config=""):
    """A course in `root` with one exercise, not released, and an empty gradebook; `config` is
    added to its nbgrader_config.py.
    """
    (root / "exercises" / NAME).mkdir(parents=True)
    nbformat.write(exercise(questions), root / "exercises" / NAME / f"{NAME}.ipynb")
    text = (ROOT / "nbgrader_config.py").read_text(encoding="utf-8")
    (root / "nbgrader_config.py").write_text(text + config, encoding="utf-8")
    (root / "gradebook.db").write_bytes(empty_gradebook())
    return Course(root)


def submission_path(course, student):
    """Where `student` hands in."""
    return course.root / "submitted" / student / NAME / f"{NAME}.ipynb"


def hand_in(course, student, raw=None, **answers):
    """Write a submission: the exercise with these answers by function name, or `raw` (bytes or
    text) instead of a notebook.
    """
    path = submission_path(course, student)
    path.parent.mkdir(parents=True, exist_ok=True)
    text = nbformat.writes(notebook(**answers)) if raw is None else raw
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def notebook(questions=QUESTIONS, **answers):
    """The exercise with these answers by function name."""
    written = exercise(questions)
    for cell in written.cells:
        function = cell.metadata.nbgrader.grade_id.removeprefix("answer-")
        cell.source = answers.get(function, cell.source)
    return written


def grade(course: Course, student: str, assignment: str = NAME) -> Graded:
    """Grade one submission as ``course grade --regrade`` does."""
    [graded], _ = batch.grade(course, [(assignment, student)], workers=1, regrade=True)
    return graded


def grade_here(course: Course, student: str, assignment: str = NAME) -> Graded:
    """Examine a submission in this process, where a test has changed something, and record it."""
    with logs.kept_in(course.log_file):
        snapshot = course.snapshot(assignment)
        with course._here():
            finding = examine(snapshot.job(student))
        with course.locked():
            graded = course.record(snapshot, student, finding)
        shutil.rmtree(getattr(finding, "place", ""), ignore_errors=True)
        return graded


def verdicts(course, student):
    """The judge's findings, by function name."""
    graded = nbformat.read(
        course.root / "autograded" / student / NAME / f"{NAME}.ipynb", as_version=4
    )
    return {
        verdict["question"].partition(".")[2]: verdict
        for verdict in graded.metadata[METADATA_KEY]["verdicts"]
    }


def points(course, student):
    """The points in the gradebook."""
    with Gradebook(f"sqlite:///{course.root / 'gradebook.db'}") as gradebook:
        submission = gradebook.find_submission(NAME, student)
        return sum(
            grade.auto_score or 0.0
            for note in submission.notebooks
            for grade in note.grades
        )
