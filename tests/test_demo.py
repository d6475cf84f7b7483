"""The main job: a class is made from the questions' own definitions, graded through nbgrader,
and every grade is what it was made to be.
"""

from __future__ import annotations

import ast
import csv
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from browser import room as rooms

from autograder import cli, demo
from autograder.grading.course import Course
from autograder.report.results import collect
from autograder.values import frameworks
from autograder.verdict import Status

ROOT = Path(__file__).parents[1]
pytestmark = [pytest.mark.slow, pytest.mark.alone]


ONE = demo.WHOLE_CLASS[0]


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(ONE, id=ONE),
        pytest.param(None, id="all", marks=pytest.mark.night),
    ],
)
def only(request):
    """The exercise that is demonstrated, or None for all of them: at night."""
    return request.param


@pytest.fixture(scope="module")
def options(only):
    """What the command is given to that end."""
    return ["--only", only] if only else []


@pytest.fixture(scope="module")
def done(tmp_path_factory, options):
    """The demonstration, run once as a user runs it; returns (its course, what it printed, exit
    code).
    """
    folder = tmp_path_factory.mktemp("demonstration") / "demo"
    command = [
        sys.executable,
        "-c",
        "from autograder.cli import app; app()",
        "demo",
        "--out",
        str(folder),
        *options,
    ]
    ended = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False
    )
    return Course(folder), ended.stdout, ended.stderr, ended.returncode


@pytest.fixture(scope="module")
def course(done):
    return done[0]


@pytest.fixture(scope="module")
def made(course, only):
    """What was handed in, by assignment and student, made again from the same released
    notebooks.
    """
    return {
        name: _class(course, name)
        for name in demo.assignments(course)
        if only in (None, name)
    }


def _class(course, assignment):
    source = nbformat.read(
        course.root / "release" / assignment / f"{assignment}.ipynb", as_version=4
    )
    return {
        student.name: demo.submission(student, assignment, source)
        for student in demo.students(assignment)
    }


@pytest.fixture(scope="module")
def whole(made):
    """Of what was handed in, the assignments of the whole class."""
    return {name: made[name] for name in demo.WHOLE_CLASS if name in made}


@pytest.fixture(scope="module")
def results(course):
    return collect(course.root)


def test_it_ends_well_and_prints_the_table(done, made):
    _, out, err, code = done
    assert code == cli.GRADED, f"{out}\n{err}"
    assert "Traceback" not in err
    for assignment, works in made.items():
        rows = [line for line in out.splitlines() if assignment in line]
        assert len(rows) == len(works)
        assert all("✓" in row for row in rows)
    assert (
        f"All {sum(map(len, made.values()))} submissions earned "
        "exactly what they were made to earn." in out
    )


def test_the_report_and_the_pages_of_feedback_are_accessible(course, made):
    pages = [course.root / "report.html"]
    for assignment, works in made.items():
        folders = [course.root / "feedback" / student / assignment for student in works]
        pages += [folder / f"{assignment}.html" for folder in folders]
    with rooms.browser() as browser:
        page = browser.new_page()
        faults = {}
        for path in pages:
            page.goto(path.as_uri())
            if found := rooms.faults_of_access(page):
                faults[path.relative_to(course.root)] = found
    assert faults == {}


def test_it_leaves_gradebook_table_report_and_a_feedback_page_each(course, made):
    assert (course.root / "gradebook.db").stat().st_size > 0
    assert "<html" in (course.root / "report.html").read_text(encoding="utf-8")
    with (course.root / "grades.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    assert rows.keys() == {student.name for student in demo.students()}
    for assignment, works in made.items():
        for student, work in works.items():
            points = rows[student][assignment]
            assert (
                points == ""
                if work.raw is not None
                else float(points) == pytest.approx(work.points)
            )
            page = (
                course.root / "feedback" / student / assignment / f"{assignment}.html"
            )
            assert page.stat().st_size > 0, page


def test_every_exercise_is_handed_in_all_right_in_either_framework_and_all_wrong(
    made, only
):
    exercises = sorted(
        path.parent.name for path in (ROOT / "exercises").glob("*/*.ipynb")
    )
    assert list(made) == ([only] if only else exercises)
    few = [
        name
        for name in demo.FEW
        if name != "all_gluon" or frameworks.available("mxnet")
    ]
    assert all(set(few) <= works.keys() for works in made.values())


def test_the_class_is_large_enough_and_students_are_distinct():
    names = [student.name for student in demo.CLASS]
    assert len(demo.students()) >= 16
    assert len(set(names)) == len(names)
    assert len({student.story for student in demo.CLASS}) == len(names)


def test_every_kind_of_submission_is_there(whole, results):
    source = "\n\n"
    for assignment, works in whole.items():
        graded = {student: results.find(student, assignment) for student in works}
        full = sum(
            mark.task.points for mark in graded["all_torch"].marks if mark.verdict
        )
        text = {
            student: source.join(cell.source for cell in work.notebook.cells)
            for student, work in works.items()
        }

        def has(student, status, graded=graded):
            return status in {
                mark.verdict.status for mark in graded[student].marks if mark.verdict
            }

        assert graded["all_torch"].points == full
        assert 'use("torch")' in text["all_torch"]
        if frameworks.available("mxnet"):
            assert graded["all_gluon"].points == full
            assert 'use("mxnet")' in text["all_gluon"]
        assert 'use("numpy")' in text["all_numpy"]
        assert all(
            word in text["noisy"]
            for word in ("print(", "warnings.warn", "sys.stderr", "plt.show")
        )
        assert works["noisy"].points > 0
        assert (
            sum(
                bool(works[name].mistakes)
                for name in ("mistake_1", "mistake_2", "mistake_3")
            )
            == 3
        )
        assert {
            mark.verdict.status for mark in graded["untouched"].marks if mark.verdict
        } == {Status.NOT_ATTEMPTED}
        assert 0 < works["half_done"].points < full
        assert not all(
            _parses(cell.source)
            for cell in works["syntax_error"].notebook.cells
            if cell.cell_type == "code"
        )
        assert "import a_package_that_is_not_installed" in text["import_error"]
        assert has("endless_loop", Status.TIMEOUT)
        assert has("crash", Status.CRASHED)
        assert _checks(works["check_deleted"]) < _checks(works["all_torch"])
        assert "full marks" in text["check_edited"]
        assert has("renamed", Status.ERROR)
        assert works["broken_file"].raw is not None
        assert graded["broken_file"].reason


def _parses(source):
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True


def _checks(work):
    return sum(bool(demo.question_of(cell)) for cell in work.notebook.cells)


def test_a_fault_in_one_question_costs_that_question_only(whole):
    for works in whole.values():
        quick = works["noisy"].earns
        for student in (
            "syntax_error",
            "import_error",
            "endless_loop",
            "crash",
            "renamed",
            "check_edited",
        ):
            lost = [
                name
                for name, points in quick.items()
                if works[student].earns[name] != points
            ]
            assert len(lost) == 1, student


def test_every_grade_is_what_it_was_made_to_be(results, made):
    assert [row for row in demo.compare(results, made) if row.problem] == []


def tampered(made, change):
    """The same expectations but for one student's of the first assignment."""
    works = dict(made[ONE])
    student, work = change(works)
    return made | {ONE: works | {student: work}}, student


def earns_more(works):
    work = works["half_done"]
    name = next(iter(work.earns))
    return "half_done", replace(work, earns=work.earns | {name: work.earns[name] + 0.5})


def same_sum_elsewhere(works):
    work = works["half_done"]
    names = list(work.earns)
    return "half_done", replace(
        work, earns=dict(zip(names, reversed(list(work.earns.values())), strict=True))
    )


def another_mistake(works):
    work = works["mistake_1"]
    name = next(iter(work.mistakes))
    return "mistake_1", replace(
        work, mistakes=work.mistakes | {name: "Another message."}
    )


def should_not_be_graded(works):
    return "all_torch", replace(works["all_torch"], raw="{")


def should_be_graded(works):
    return "broken_file", replace(works["broken_file"], raw=None)


def was_never_there(works):
    return "nobody", works["all_torch"]


def has_one_more_question(works):
    work = works["all_torch"]
    return "all_torch", replace(
        work, earns=work.earns | {"convolution.no_such_question": 0.0}
    )


@pytest.mark.parametrize(
    "change",
    [
        earns_more,
        same_sum_elsewhere,
        another_mistake,
        should_not_be_graded,
        should_be_graded,
        was_never_there,
        has_one_more_question,
    ],
    ids=lambda change: change.__name__.replace("_", " "),
)
def test_any_difference_is_found(results, made, change):
    expected, student = tampered(made, change)
    [wrong] = [row for row in demo.compare(results, expected) if row.problem]
    assert wrong.student == student


@pytest.mark.parametrize(
    "change",
    [earns_more, another_mistake],
    ids=lambda change: change.__name__.replace("_", " "),
)
def test_a_difference_is_exit_code_1(course, made, options, change, monkeypatch, capfd):
    expected, student = tampered(made, change)
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(demo, "lay_out", lambda *args: course)
    monkeypatch.setattr(demo, "hand_in", lambda course, name: expected[name])
    for step in ("release", "feedback"):
        monkeypatch.setattr(Course, step, lambda *args: None)
    with pytest.raises(SystemExit) as caught:
        cli.app(["demo", "--out", str(course.root), *options])
    out, err = capfd.readouterr()
    assert caught.value.code == cli.DIFFERENT
    [row] = [line for line in out.splitlines() if "✗" in line]
    assert student in row
    assert "1 of" in err


def test_the_class_hands_in_the_same_bytes_every_time(course, made, tmp_path):
    again = demo.lay_out(ROOT, tmp_path / "again")
    for name in made:
        again.release(name)
        demo.hand_in(again, name)
    assert files(again.root / "submitted") == files(course.root / "submitted")


def files(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_course_that_was_laid_out_before_is_replaced(course, tmp_path):
    old = tmp_path / "old"
    old.mkdir()
    shutil.copy(course.root / ".course_secret", old)
    shutil.copy(course.root / "gradebook.db", old)
    demo.lay_out(ROOT, old)
    assert not (old / "gradebook.db").exists()
    assert (old / "exercises").is_dir()
