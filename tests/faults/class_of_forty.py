"""A class of forty: what it answers, how it is graded in a process of its own, and what its
gradebook says.
"""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys

import classroom
from classroom import NAME, RIGHT

COMMAND = "import sys; from autograder.cli import app; app()"
ANSWERS = [
    RIGHT,
    {"total": "def total(values):\n    return values.mean()", "turn": RIGHT["turn"]},
    {"total": RIGHT["total"]},
    {"total": RIGHT["total"], "turn": "def turn(image):\n    return image"},
    {"total": "def total(values)\n    return 1", "turn": RIGHT["turn"]},
]
"""What the class answers, in turn."""


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
        student: {
            name: {key: value for key, value in verdict.items() if key != "seconds"}
            for name, verdict in found.items()
        }
        for student in notebooks(course)
        for found in [classroom.verdicts(course, student)]
    }


def start(course, *options):
    """`course grade` in a process of its own, in the background."""
    command = [
        sys.executable,
        "-P",
        "-c",
        COMMAND,
        "grade",
        str(course.root),
        NAME,
        *options,
    ]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def run(course, *options):
    """`course grade` to its end: exit code, standard output, standard error without the lines
    that say how far it is, which a slow machine gets.
    """
    process = start(course, *options)
    out, err = process.communicate(timeout=600)
    said = [
        line
        for line in err.splitlines(keepends=True)
        if not re.match(r"grading \d+ of \d+", line)
    ]
    return process.returncode, out, "".join(said)
