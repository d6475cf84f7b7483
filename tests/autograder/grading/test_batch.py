"""Many at once: what comes out is what one after the other gives, and the next run does what is
missing and nothing else.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import classroom
import nbformat
import psutil
import pytest
from classroom import NAME, RIGHT, hand_in, points, verdicts
from nbgrader.api import Gradebook

from autograder.grading import batch
from autograder.grading.course import LOCK, Course, CourseError
from autograder.grading.worker import examine
from autograder.report.tables import write
from autograder.sandbox import zygote_client

HALF = {"total": RIGHT["total"]}
CALL = "from autograder.cli import app; app()"


@pytest.fixture
def course(tmp_path, small_course):
    """A released course."""
    course = classroom.lay_out(tmp_path / "course")
    course.release(NAME)
    return course


def grade(course, students, **options):
    """Grade these; returns (results by student, how many were there before)."""
    results, before = batch.grade(
        course, [(NAME, student) for student in students], **({"workers": 1} | options)
    )
    return {result.student: result for result in results}, before


def autograded(course, student):
    return course.root / "autograded" / student / NAME / f"{NAME}.ipynb"


def gradebook(course):
    return Gradebook(f"sqlite:///{course.root / 'gradebook.db'}")


# --- the same as nbgrader -------------------------------------------------------------------------


def test_it_leaves_what_nbgrader_autograde_leaves(course):
    """Late penalty, timestamp, files, permissions, scores, comments, the notebook itself."""
    (course.root / "nbgrader_config.py").write_text(
        (course.root / "nbgrader_config.py").read_text()
        + "c.LateSubmissionPlugin.penalty_method = 'zero'\nc.LimitOutput.max_lines = 3\n"
    )
    course = Course(course.root)
    with gradebook(course) as book:
        book.update_or_create_assignment(NAME, duedate="2026-01-01 12:00:00 UTC")
    (course.root / "exercises" / NAME / "given.txt").write_text("the course's")
    for student in ("here", "there"):
        path = hand_in(
            course,
            student,
            total='print("x\\n" * 10)\nassert open("given.txt").read() == "the course\'s"\n'
            + RIGHT["total"],
        )
        path.with_name("timestamp.txt").write_text("2026-01-02 12:00:00 UTC")
        path.with_name("given.txt").write_text("mine")
        (path.parent / "deep").mkdir()
        (path.parent / "deep" / "data.txt").write_text("1 2 3")
    assert grade(course, ["here"])[0]["here"].reason is None
    assert course._run(lambda api: api.autograde(NAME, "there"))["success"]

    found = {}
    for student in ("here", "there"):
        folder = course.root / "autograded" / student / NAME
        notebook = json.loads(autograded(course, student).read_text())
        for cell in notebook["cells"]:
            for random in ("id", "execution_count"):
                cell.pop(random, None)
            cell["metadata"].pop("execution", None)
        # The submitted cells have ids of their own.
        notebook["metadata"]["autograder"].pop("files")
        for verdict in notebook["metadata"]["autograder"]["verdicts"]:
            verdict.pop("seconds")
        with gradebook(course) as book:
            submission = book.find_submission(NAME, student)
            scores = [
                (g.name, g.auto_score, g.needs_manual_grade)
                for n in submission.notebooks
                for g in n.grades
            ]
            comments = [
                (c.name, c.auto_comment)
                for n in submission.notebooks
                for c in n.comments
            ]
            late = submission.total_seconds_late, submission.late_submission_penalty
        files = {
            path.relative_to(folder): (
                path.stat().st_mode,
                path.read_text() if path.suffix == ".txt" else "",
            )
            for path in folder.rglob("*.*")
        }
        found[student] = [notebook, sorted(scores), sorted(comments), late, files]
    assert found["here"][3] == (86400.0, 1.0), "all points are gone"
    for here, there in zip(found["here"], found["there"], strict=True):
        assert here == there
    assert grade(course, ["here", "there"])[1] == 2, "what nbgrader graded is graded"


def test_submissions_of_several_notebooks(tmp_path, small_course):
    course = classroom.lay_out(tmp_path / "course", questions=("small.total",))
    nbformat.write(
        classroom.exercise(("small.turn",)),
        course.root / "exercises" / NAME / "more.ipynb",
    )
    course.release(NAME)
    for student in ("both", "first", "second"):
        path = hand_in(course, student)
        nbformat.write(classroom.notebook(("small.total",), **RIGHT), path)
        nbformat.write(
            classroom.notebook(("small.turn",), **RIGHT), path.with_name("more.ipynb")
        )
    classroom.submission_path(course, "first").with_name("more.ipynb").unlink()
    classroom.submission_path(course, "second").unlink()
    results, before = grade(course, ["both", "first", "second"], workers=2)
    assert (before, [result.reason for result in results.values()]) == (0, [None] * 3)
    assert [points(course, student) for student in ("both", "first", "second")] == [
        5,
        1,
        4,
    ]
    assert grade(course, ["both", "first", "second"])[1] == 3
    autograded(course, "both").with_name("more.ipynb").unlink()
    assert grade(course, ["both", "first", "second"])[1] == 2


def test_the_order_of_recording_does_not_matter(course):
    hand_in(course, "amy", **RIGHT)
    hand_in(course, "bob", **HALF)
    snapshot = course.snapshot(NAME)
    with course._here():
        found = {student: examine(snapshot.job(student)) for student in ("amy", "bob")}
    tables = []
    for order in (["amy", "bob"], ["bob", "amy"]):
        for student in order:
            course.record(snapshot, student, found[student])
        tables.append(
            [
                (points(course, student), verdicts(course, student))
                for student in ("amy", "bob")
            ]
        )
    assert tables[0] == tables[1]
    assert [total for total, _ in tables[0]] == [5, 1]


# --- what is missing ------------------------------------------------------------------------------


def test_the_next_run_does_only_what_is_missing(course):
    hand_in(course, "amy", **RIGHT)
    hand_in(course, "bob", raw="{")
    results, before = grade(course, ["amy", "bob"])
    assert (before, results["amy"].share, bool(results["bob"].reason)) == (0, 1.0, True)
    written = autograded(course, "amy").stat().st_mtime_ns
    hand_in(course, "bob", **HALF)
    hand_in(course, "new", **RIGHT)
    results, before = grade(course, ["amy", "bob", "new"])
    assert (before, results["amy"].share, results["bob"].share) == (1, 1.0, 0.2)
    assert autograded(course, "amy").stat().st_mtime_ns == written
    assert course.errors()[NAME] == {}
    assert grade(course, ["amy", "bob", "new"], regrade=True)[1] == 0
    assert autograded(course, "amy").stat().st_mtime_ns > written


def handed_in_again(course):
    hand_in(course, "amy", **HALF)


def a_file_more(course):
    classroom.submission_path(course, "amy").with_name("data.txt").write_text("new")


def released_again(course):
    path = course.root / "exercises" / NAME / f"{NAME}.ipynb"
    exercise = nbformat.read(path, as_version=4)
    exercise.cells[0].source += "\n# new"
    nbformat.write(exercise, path)
    course.release(NAME)


def notebook_cut_off(course):
    path = autograded(course, "amy")
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-3])


def notebook_gone(course):
    shutil.rmtree(course.root / "autograded" / "amy")


def score_gone(course):
    with gradebook(course) as book:
        book.find_grade("small-turn", NAME, NAME, "amy").auto_score = None
        book.db.commit()


def another_score(course):
    with gradebook(course) as book:
        book.find_grade("small-turn", NAME, NAME, "amy").auto_score = 1.0
        book.db.commit()


def gradebook_gone(course):
    (course.root / "gradebook.db").unlink()
    course.release(NAME)


@pytest.mark.parametrize(
    "change",
    [
        handed_in_again,
        a_file_more,
        released_again,
        notebook_cut_off,
        notebook_gone,
        score_gone,
        another_score,
        gradebook_gone,
    ],
    ids=lambda change: change.__name__,
)
def test_what_is_no_longer_the_grade_of_what_is_there_is_made_anew(course, change):
    hand_in(course, "amy", **RIGHT)
    hand_in(course, "bob", **HALF)
    grade(course, ["amy", "bob"])
    change(course)
    results, before = grade(course, ["amy", "bob"])
    assert results["amy"].reason is None
    assert before == (0 if change in (released_again, gradebook_gone) else 1)
    assert points(course, "amy") == (1 if change is handed_in_again else 5)
    assert points(course, "bob") == 1


def test_a_release_of_the_same_changes_nothing(course):
    hand_in(course, "amy", **RIGHT)
    grade(course, ["amy"])
    course.release(NAME)
    assert grade(course, ["amy"])[1] == 1


def test_points_given_by_hand_stay(course):
    hand_in(course, "amy", **RIGHT)
    grade(course, ["amy"])
    with gradebook(course) as book:
        book.find_grade("small-turn", NAME, NAME, "amy").manual_score = 2.5
        book.db.commit()
    assert grade(course, ["amy"])[1] == 1
    grade(course, ["amy"], regrade=True)
    with gradebook(course) as book:
        assert book.find_grade("small-turn", NAME, NAME, "amy").manual_score == 2.5


def test_what_changes_while_it_is_graded_is_not_recorded(course):
    hand_in(course, "amy", **RIGHT)
    snapshot = course.snapshot(NAME)
    with course._here():
        found = examine(snapshot.job("amy"))
    hand_in(course, "amy", **HALF)
    assert "changed while it was graded" in course.record(snapshot, "amy", found).reason
    assert not autograded(course, "amy").exists()


# --- workers --------------------------------------------------------------------------------------


def test_what_kills_its_worker_twice_is_given_up_and_stops_nobody_else(course):
    """With the worker's id at hand, which no submission inside a wall has: the parent of an
    ordinary kernel.
    """
    hand_in(course, "amy", **RIGHT)
    hand_in(
        course,
        "bob",
        total="import os, psutil\nkill = psutil.Process().parent()\nkill.kill()",
        turn=RIGHT["turn"],
    )
    hand_in(course, "zoe", **HALF)
    results, _ = grade(
        Course(course.root, trust=True), ["amy", "bob", "zoe"], workers=1
    )
    assert results["bob"].reason.startswith(
        "the process that examined it was killed 2 times"
    )
    assert (points(course, "amy"), points(course, "zoe")) == (5, 1)
    assert list(course.errors()[NAME]) == ["bob"]


def test_a_worker_that_cannot_start_is_the_courses_fault(course, monkeypatch):
    hand_in(course, "amy", **RIGHT)
    monkeypatch.setattr(zygote_client, "_current", None)
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with pytest.raises(
        CourseError, match="no worker can be started: the warm process ended"
    ):
        grade(course, ["amy"])
    assert course.errors() == {}


def test_large_results_of_all_workers_at_once_come_through(course):
    loud = 'for _ in range(15):\n    print("x" * 100_000)\n'
    for student in ("amy", "bob", "zoe"):
        hand_in(course, student, total=loud + RIGHT["total"], turn=RIGHT["turn"])
    results, _ = grade(course, ["amy", "bob", "zoe"], workers=3)
    assert [result.reason for result in results.values()] == [None] * 3
    assert points(course, "amy") == 5


def test_a_broken_question_stops_the_class(course, tmp_path, monkeypatch):
    hand_in(course, "amy", **RIGHT)
    package = tmp_path / "broken"
    shutil.copytree(
        classroom.ROOT / "tests" / "questions",
        package,
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    (package / "small.py").write_text(
        (package / "small.py").read_text() + "\n\ntotal.probes.clear()\n"
    )
    monkeypatch.setenv("AUTOGRADER_QUESTIONS", "broken")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv(
        "PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ['PYTHONPATH']}"
    )
    with pytest.raises(
        CourseError,
        match=r"small\.total could not be judged.*no probes.*Mend the question",
    ):
        grade(course, ["amy"])
    assert course.errors() == {}
    assert not autograded(course, "amy").exists()


def test_nobody_else_grades_the_course_meanwhile(course):
    hand_in(course, "amy", **RIGHT)
    with open(course.root / LOCK, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(
            CourseError, match="is being graded by another `course grade`"
        ) as caught:
            grade(course, ["amy"])
    assert "\n" not in str(caught.value)
    assert grade(course, ["amy"])[0]["amy"].reason is None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_cleanly(course, number):
    hand_in(course, "amy", **RIGHT)
    hand_in(course, "bob", total="import time\ntime.sleep(60)")
    command = [
        sys.executable,
        "-P",
        "-c",
        CALL,
        "grade",
        str(course.root),
        NAME,
        "--workers",
        "1",
    ]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        end = time.monotonic() + 60
        while (
            not autograded(course, "amy").exists()
            or len(psutil.Process(process.pid).children(recursive=True)) < 2
        ):
            assert time.monotonic() < end
            time.sleep(0.05)
        started = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert (process.returncode, out) == (130, "")
    # How far it is, is said before where it takes long.
    assert err.strip().splitlines()[-1] == "course: stopped; what was graded is kept"
    assert not [
        left
        for left in started
        if left.is_running() and left.status() != psutil.STATUS_ZOMBIE
    ]
    assert course.errors() == {}
    assert points(course, "amy") == 5
    assert not autograded(course, "bob").exists()


# --- without walls --------------------------------------------------------------------------------


def test_what_was_graded_without_walls_says_so(course):
    hand_in(course, "amy", **RIGHT)
    hand_in(course, "bob", **RIGHT)
    grade(Course(course.root, trust=True), ["amy"])
    grade(course, ["bob"])
    assert (
        nbformat.read(autograded(course, "amy"), as_version=4).metadata["autograder"][
            "trusted"
        ]
        is True
    )
    assert (
        "trusted"
        not in nbformat.read(autograded(course, "bob"), as_version=4).metadata[
            "autograder"
        ]
    )
    table, page = write(course.root)
    amy, bob = table.read_text().splitlines()[1:]
    assert "graded, without walls" in amy and "without walls" not in bob
    assert (
        "graded without walls, as --trust-submissions asked: amy." in page.read_text()
    )
