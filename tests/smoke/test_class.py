"""One small class through the whole path: `course grade`, the gradebook, the report, and a second
run that has nothing left to do.

One submission of each kind, honest and hostile. What each kind may try besides is in
`tests/attacks`, what a machine may do in `tests/faults`.
"""

from __future__ import annotations

import csv
import subprocess
import sys
from dataclasses import dataclass

import psutil
import pytest
from attacks import test_harm, test_score, test_secrets
from attacks.harness import (
    FULL,
    NEIGHBORS,
    POINTS,
    Session,
    attack,
    attacks_in,
    baited,
    collect,
    fingerprints,
    grading,
    lay_out_course,
    survivors,
)
from classroom import NAME

from autograder import cli
from autograder.grading.course import SECRET_FILE
from autograder.grading.secret import course_secret
from autograder.report import results
from autograder.sandbox import wall

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        wall.supported() is not None, reason="no wall on this kind of machine"
    ),
]

HOSTILE = (
    "endless-answer",
    "leave-at-once",
    "print-without-end",
    "take-memory",
    "read-home",
    "send-by-tcp",
    "checks-deleted",
    "checks-edited",
    "forged-verdict",
)
"""Of `tests/attacks`: an endless loop, a crash, a flood of output, memory, a file outside, the
network, cells of the course, and a forged verdict.
"""


def kind(what, outcome):
    """A submission that is no attack; the class takes it like one."""
    return attack("harm", what, stock="", here="", outcome=outcome)


def everything(evidence):
    evidence.earned(**POINTS)


def total_earned(points, said):
    """`total` earned this and its student was told why; the other questions earned all."""

    def outcome(evidence):
        verdict = evidence.verdicts["total"]
        assert said in f"{verdict['headline']} {verdict['mistake']}", verdict
        evidence.earned(**POINTS | {"total": points})

    return outcome


@kind("Right answers, one of them in PyTorch.", everything)
def in_torch(hand):
    hand.answer_all()
    hand.answer("total", "def total(values):\n    return torch.sum(values)")
    hand.run('use("torch")\nimport torch')


@kind(
    "A mistake that the question knows; of one value, the mean is right.",
    total_earned(0.5, "This is the mean, not the sum."),
)
def known_mistake(hand):
    hand.answer_all()
    hand.answer("total", "def total(values):\n    return values.mean()")


@kind(
    "An answer that is no Python.",
    total_earned(
        0.0, "There is no `total`: the cell that defines it failed. SyntaxError"
    ),
)
def syntax_error(hand):
    hand.answer_all()
    hand.answer("total", "def total(values)\n    return values.sum()")


def not_graded(evidence):
    assert evidence.reason
    assert (evidence.points, evidence.notebook) == (None, None)


@kind("A file that is no notebook.", not_graded)
def broken_file(hand):
    hand.raw = b'{"cells": ['


HONEST = [in_torch, known_mistake, syntax_error, broken_file]
ATTACKS = [
    found
    for module in (test_harm, test_score, test_secrets)
    for found in attacks_in(module)
    if found.name in HOSTILE
]


@dataclass
class Run:
    """What one `course` command did."""

    code: int
    out: str
    err: str


def course(*arguments) -> Run:
    command = [
        sys.executable,
        "-P",
        "-c",
        "from autograder.cli import app; app()",
        *map(str, arguments),
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=600
    )
    return Run(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def bait(tmp_path_factory):
    with baited(tmp_path_factory.mktemp("smoke")) as bait, grading(bait):
        yield bait


@pytest.fixture(scope="module")
def graded(bait) -> tuple[Session, Run]:
    """The class after `course grade`, with one warm process, and what the command said."""
    before = {process.pid for process in psutil.process_iter()}
    laid_out, students = lay_out_course(bait, [*HONEST, *ATTACKS])
    # which grading would make, and which nothing may change then
    course_secret(laid_out.root / SECRET_FILE)
    protected = {
        who: files
        for who, files in fingerprints(bait).items()
        if who in ("course", "machine")
    }
    run = course("grade", laid_out.root, NAME)
    found = results.collect(laid_out.root)
    evidence = {
        student: collect(
            laid_out, student, bait, found.find(student, NAME).reason or None
        )
        for student in students
    }
    return Session(bait, laid_out, evidence, protected, survivors(before)), run


def test_all_of_them_are_there():
    assert {found.name for found in ATTACKS} == set(HOSTILE)


def test_the_command_says_what_it_did(graded):
    session, run = graded
    count = len(session.evidence)
    assert (run.code, f"{count - 1} of {count} submissions graded." in run.out) == (
        cli.INCOMPLETE,
        True,
    ), run
    assert "broken-file" in run.err
    assert "Traceback" not in run.err


@pytest.mark.parametrize(
    "submission", [*HONEST, *ATTACKS], ids=lambda found: found.name
)
def test_each_earns_what_it_deserves_and_touches_nobody(submission, graded):
    session, _ = graded
    session.check(submission)


def test_the_report_has_the_gradebooks_points(graded):
    session, _ = graded
    run = course("report", session.course.root)
    assert run.code == cli.GRADED, run
    assert "<html" in (session.course.root / "report.html").read_text(encoding="utf-8")
    with (session.course.root / "grades.csv").open(
        encoding="utf-8", newline=""
    ) as file:
        points = {row["student"]: row[NAME] for row in csv.DictReader(file)}
    assert points.keys() == session.evidence.keys()
    for student, evidence in session.evidence.items():
        assert (
            points[student] == ""
            if evidence.points is None
            else float(points[student]) == evidence.points
        )
    assert float(points[NEIGHBORS[0]]) == FULL


def test_a_second_run_grades_nothing_again(graded):
    session, _ = graded
    before = written(session)
    run = course("grade", session.course.root, NAME)
    count = len(session.evidence)
    assert f"{count - 1} of them had been graded before" in run.out, run
    assert written(session) == before


def written(session):
    """When each graded notebook was written."""
    return {
        path.parts[-3]: path.stat().st_mtime_ns
        for path in (session.course.root / "autograded").glob("*/*/*.ipynb")
    }
