"""Courses for the tests of this folder: a class of forty, and what its gradebook says."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import classroom
import pytest
from classroom import NAME, RIGHT, hand_in

from autograder import batch, catalogue

TESTS = Path(__file__).parents[1]
COMMAND = "import sys; from autograder.cli import app; app()"
ANSWERS = [
    RIGHT,
    {"total": "def total(values):\n    return values.mean()", "turn": RIGHT["turn"]},
    {"total": RIGHT["total"]},
    {"total": RIGHT["total"], "turn": "def turn(image):\n    return image"},
    {"total": "def total(values)\n    return 1", "turn": RIGHT["turn"]},
]
"""What the class answers, in turn."""


@pytest.fixture(scope="module")
def small_questions():
    """The small course's questions, for fixtures that last longer than a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTOGRADER_QUESTIONS", "questions")
        catalogue.chapters.cache_clear()
        yield
    catalogue.chapters.cache_clear()


@pytest.fixture(scope="module")
def lay_out_class(small_questions, tmp_path_factory):
    """Make a released course in a folder of its own (or in `folder`) that `size` students have handed in; nothing is graded."""

    def make(size, folder=None):
        course = classroom.lay_out(folder or tmp_path_factory.mktemp("class") / "course")
        course.release(NAME)
        (course.root / ".course_secret").write_text("the same for all\n")
        for number in range(size):
            hand_in(course, f"student{number:02}", **ANSWERS[number % len(ANSWERS)])
        return course

    return make


@pytest.fixture(scope="module")
def undisturbed(lay_out_class):
    """A class of forty that was graded in one go."""
    course = lay_out_class(40)
    results, _ = batch.grade(course, [(NAME, student) for student in course.submissions(NAME)], workers=2)
    assert not [result for result in results if result.reason]
    return course


@pytest.fixture(scope="module")
def undisturbed_few(lay_out_class):
    """Four of them."""
    course = lay_out_class(4)
    batch.grade(course, [(NAME, student) for student in course.submissions(NAME)], workers=2)
    return course


@pytest.fixture
def ungraded(undisturbed, tmp_path):
    """The same class before it was graded."""
    from autograder.course import Course

    root = tmp_path / "course"
    shutil.copytree(undisturbed.root, root, ignore=shutil.ignore_patterns("autograded", "gradebook.db*", ".grading.lock"))
    course = Course(root)
    course.release(NAME)
    return course


def gradebook(course):
    """Every row of grades, sorted: student, cell, automatic score."""
    query = """
        select submitted_assignment.student_id, base_cell.name, grade.auto_score from grade
        join base_cell on grade.cell_id = base_cell.id
        join submitted_notebook on grade.notebook_id = submitted_notebook.id
        join submitted_assignment on submitted_notebook.assignment_id = submitted_assignment.id
    """
    connection = sqlite3.connect(course.root / "gradebook.db")
    try:
        return sorted(connection.execute(query).fetchall())
    finally:
        connection.close()


def notebooks(course):
    """The graded notebooks that are there, by student, as bytes and time of writing."""
    found = sorted((course.root / "autograded").glob(f"*/{NAME}/{NAME}.ipynb"))
    return {path.parts[-3]: path.stat().st_mtime_ns for path in found}


def all_verdicts(course):
    """What the judge found, by student; but how long it took."""
    return {
        student: {name: {key: value for key, value in verdict.items() if key != "seconds"} for name, verdict in found.items()}
        for student in notebooks(course)
        for found in [classroom.verdicts(course, student)]
    }


def start(course, *options):
    """`course grade` in a process of its own, in the background."""
    command = [sys.executable, "-P", "-c", COMMAND, "grade", str(course.root), NAME, *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(course, *options):
    """`course grade` to its end: exit code, standard output, standard error."""
    process = start(course, *options)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err
