"""The class report: what it collects from a real gradebook and real notebooks, and that
strangers' text stays text.
"""

from __future__ import annotations

import csv
import json
import re
import sqlite3
from base64 import b64decode
from html.parser import HTMLParser
from pathlib import Path

import classroom
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from nbgrader.api import Gradebook

from autograder.grading.course import ERRORS
from autograder.grading.layout import METADATA_KEY
from autograder.report import results
from autograder.report.results import (
    Kind,
    Mark,
    ReportError,
    State,
    SubmissionResult,
    Task,
    collect,
)
from autograder.report.tables import write, write_csv, write_html
from autograder.verdict import Status, Verdict

# nbgrader's own.
pytestmark = pytest.mark.filterwarnings("ignore:Object of type <Submitted")

HOSTILE = '<script>alert("1")</script>'
FORMULA = '=HYPERLINK("http://example.org", "look")'
QUESTIONS = {"convolution-shift": 2.0, "convolution-pool": 3.0}
RIGHT, HALF, WRONG = (
    (Status.CORRECT, 1.0, None),
    (Status.PARTIAL, 0.5, None),
    (Status.INCORRECT, 0.0, "The kernel is flipped."),
)


class Class:
    """An nbgrader course directory, made through nbgrader's own gradebook."""

    def __init__(self, root: Path):
        self.root = root
        root.mkdir(exist_ok=True)
        (root / "gradebook.db").write_bytes(classroom.empty_gradebook())
        self.questions: dict[str, dict[str, float]] = {}

    @property
    def url(self) -> str:
        return f"sqlite:///{self.root / 'gradebook.db'}"

    def release(
        self,
        assignment: str,
        questions: dict[str, float],
        written: dict[str, float] | None = None,
    ) -> None:
        self.questions[assignment] = questions
        with Gradebook(self.url) as book:
            book.add_assignment(assignment)
            book.add_notebook(assignment, assignment)
            for name, points in questions.items():
                book.add_grade_cell(
                    name, assignment, assignment, max_score=points, cell_type="code"
                )
            for name, points in (written or {}).items():
                book.add_grade_cell(
                    name, assignment, assignment, max_score=points, cell_type="markdown"
                )

    def hand_in(self, student: str, assignment: str) -> None:
        folder = self.root / "submitted" / student / assignment
        folder.mkdir(parents=True)
        nbformat.write(new_notebook(), folder / f"{assignment}.ipynb")

    def grade(
        self,
        student: str,
        assignment: str,
        answers: dict[str, tuple],
        headline: str = "As judged.",
        seconds: float = 0.1,
    ) -> Path:
        """`answers`: by grade id, (status, share of the points, mistake). Returns the autograded
        notebook.
        """
        verdicts = {}
        with Gradebook(self.url) as book:
            book.update_or_create_student(student)
            book.add_submission(assignment, student)
            for name, (status, share, mistake) in answers.items():
                points = self.questions[assignment][name]
                question = name.replace("-", ".", 1)
                verdicts[name] = Verdict(
                    question,
                    status,
                    points,
                    points * share,
                    headline,
                    4,
                    2,
                    (),
                    mistake,
                    seconds=seconds,
                )
                grade = book.find_grade(name, assignment, assignment, student)
                grade.auto_score, grade.needs_manual_grade = points * share, False
            book.db.commit()
        cells = [
            new_code_cell("", metadata={"nbgrader": {"grade_id": name, "grade": True}})
            for name in answers
        ]
        notebook = new_notebook(
            cells=cells,
            metadata={
                METADATA_KEY: {
                    "verdicts": [verdict.summary() for verdict in verdicts.values()]
                }
            },
        )
        folder = self.root / "autograded" / student / assignment
        folder.mkdir(parents=True)
        nbformat.write(notebook, folder / f"{assignment}.ipynb")
        return folder / f"{assignment}.ipynb"

    def by_hand(self, student: str, assignment: str, task: str, points: float) -> None:
        with Gradebook(self.url) as book:
            grade = book.find_grade(task, assignment, assignment, student)
            grade.manual_score, grade.needs_manual_grade = points, False
            book.db.commit()

    def fail(self, student: str, assignment: str, reason: str) -> None:
        (self.root / ERRORS).write_text(
            json.dumps({assignment: {student: reason}}), encoding="utf-8"
        )


@pytest.fixture
def course(tmp_path: Path) -> Class:
    """Two questions; Ada solved both, Ben half of one and none of the other."""
    course = Class(tmp_path / "course")
    course.release("02", QUESTIONS)
    for student, answers in {"ada": (RIGHT, RIGHT), "ben": (HALF, WRONG)}.items():
        course.hand_in(student, "02")
        course.grade(student, "02", dict(zip(QUESTIONS, answers, strict=True)))
    return course


def submission(course: Class, student: str, assignment: str = "02") -> SubmissionResult:
    return next(
        s
        for s in collect(course.root).submissions
        if (s.student, s.assignment) == (student, assignment)
    )


def table(course: Class) -> dict[str, dict[str, str]]:
    path, _ = write(course.root)
    with path.open(encoding="utf-8", newline="") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


def page(course: Class) -> str:
    return write(course.root)[1].read_text(encoding="utf-8")


# --- what is collected ---


def test_points_are_the_gradebooks_and_verdicts_the_judges(course):
    ben = submission(course, "ben")
    assert ben.state is State.GRADED
    assert ben.points == 1.0
    assert [mark.kind for mark in ben.marks] == [Kind.PARTLY, Kind.WRONG]
    assert ben.marks[1].verdict.mistake == "The kernel is flipped."
    assert ben.marks[0].auto == 1.0 and ben.marks[0].manual is None


def test_the_course_is_called_by_its_id_where_it_has_one(course, tmp_path):
    assert collect(course.root).course == "course"
    (tmp_path / "another").mkdir()
    named = Class(tmp_path / "another" / "folder")
    with Gradebook(named.url, course_id="deep-learning") as book:
        book.add_assignment("02")
    assert collect(named.root).course == "deep-learning"


def test_points_agree_with_nbgraders_own_sums(course):
    course.by_hand("ben", "02", "convolution-pool", 2.5)
    with Gradebook(course.url) as book:
        stored = book.find_submission("02", "ben")
        stored.notebooks[0].late_submission_penalty = 0.75
        book.db.commit()
        expected = stored.score - stored.late_submission_penalty
    ben = submission(course, "ben")
    assert ben.points == pytest.approx(expected)
    assert ben.marks[1].manual == 2.5
    assert ben.late_penalty == 0.75


def test_a_penalty_never_makes_points_negative(course):
    with Gradebook(course.url) as book:
        book.find_submission("02", "ben").notebooks[0].late_submission_penalty = 100
        book.db.commit()
    assert submission(course, "ben").points == 0


def test_a_written_answer_awaits_hand_grading_until_it_has_points(tmp_path):
    course = Class(tmp_path / "course")
    course.release("02", QUESTIONS, written={"essay": 5})
    course.grade("ada", "02", dict.fromkeys(QUESTIONS, RIGHT))
    ada = submission(course, "ada")
    assert ada.state is State.BY_HAND
    assert [mark.kind for mark in ada.marks] == [Kind.SOLVED, Kind.SOLVED, Kind.BY_HAND]
    assert table(course)["ada"]["02: essay"] == ""
    assert "Awaits hand grading" in page(course)
    course.by_hand("ada", "02", "essay", 4)
    assert submission(course, "ada").state is State.GRADED
    assert table(course)["ada"]["02: essay"] == "4"
    assert "Awaits hand grading" not in page(course)


def test_what_could_not_be_graded_is_listed_with_its_reason_and_without_points(course):
    course.hand_in("cleo", "02")
    course.fail("cleo", "02", "02.ipynb is not a notebook")
    cleo = submission(course, "cleo")
    assert cleo.state is State.NOT_GRADED and cleo.points is None
    assert cleo.reason == "02.ipynb is not a notebook"
    assert (
        table(course)["cleo"]["02"] == ""
        and table(course)["cleo"]["02 status"] == "not graded"
    )
    assert "02.ipynb is not a notebook" in page(course)


def test_a_failed_new_submission_does_not_show_the_old_ones_points(course):
    course.fail("ada", "02", "no notebook in the submission")
    assert submission(course, "ada").points is None


def test_not_graded_yet_is_said_where_no_reason_was_recorded(course):
    course.hand_in("cleo", "02")
    assert "has not been graded yet" in submission(course, "cleo").reason


def test_a_folder_that_is_no_assignment_is_reported(course):
    course.hand_in("cleo", "two")
    assert "no assignment 'two'" in submission(course, "cleo", "two").reason
    assert "no assignment" in page(course)
    assert not [column for column in table(course)["cleo"] if column.startswith("two")]


def test_who_handed_in_nothing_has_no_points_rather_than_zero(course):
    with Gradebook(course.url) as book:
        book.add_student(
            "dan", first_name="Dan", last_name="Ek", email="dan@example.org"
        )
    assert submission(course, "dan").state is State.MISSING
    assert (
        table(course)["dan"]["02"] == ""
        and table(course)["dan"]["email"] == "dan@example.org"
    )


def test_questions_stand_in_the_notebooks_order(tmp_path):
    course = Class(tmp_path / "course")
    course.release("02", QUESTIONS)
    course.grade("ada", "02", dict.fromkeys(reversed(QUESTIONS), RIGHT))
    assert [task.name for task in collect(course.root).assignments[0].tasks] == list(
        reversed(QUESTIONS)
    )


def test_students_are_sorted_as_people_count(course):
    for student in ("student10", "student9"):
        course.hand_in(student, "02")
    assert [student.id for student in collect(course.root).students] == [
        "ada",
        "ben",
        "student9",
        "student10",
    ]


def test_collecting_changes_nothing(course):
    before = {
        path: path.read_bytes() for path in course.root.rglob("*") if path.is_file()
    }
    collect(course.root)
    assert {
        path: path.read_bytes() for path in course.root.rglob("*") if path.is_file()
    } == before


def test_a_gradebook_of_another_course_id_is_read_as_it_is(course):
    with sqlite3.connect(course.root / "gradebook.db") as db:
        db.execute("UPDATE course SET id = 'vision'")
        db.execute("UPDATE assignment SET course_id = 'vision'")
    assert submission(course, "ada").points == 5
    with sqlite3.connect(course.root / "gradebook.db") as db:
        assert db.execute("SELECT id FROM course").fetchall() == [("vision",)]


# --- what is written ---


def test_the_table_has_a_row_a_student_and_columns_for_assignments_and_questions(
    course,
):
    rows = table(course)
    assert rows["ben"] == {
        "student": "ben",
        "last_name": "",
        "first_name": "",
        "email": "",
        "02": "1",
        "02 max": "5",
        "02 late penalty": "0",
        "02 status": "graded",
        "02: convolution.shift": "1",
        "02: convolution.pool": "0",
        "02 look at": "",
    }


def test_what_the_instructor_is_to_look_at_is_shown_and_changes_no_point(course):
    path = course.root / "autograded" / "ben" / "02" / "02.ipynb"
    notebook = nbformat.read(path, as_version=4)
    line = "cell 3 (answer-pool): a thread: import threading  # <b>"
    notebook.metadata[METADATA_KEY]["look_at"] = [
        line,
        "cell 4: a process of its own: x" * 100,
    ]
    before = table(course)["ben"]
    nbformat.write(notebook, path)
    assert submission(course, "ben").look_at[0] == line
    assert table(course)["ben"] | {"02 look at": ""} == before
    assert table(course)["ben"]["02 look at"].startswith(f"{line}; cell 4")
    seen = Page(page(course))
    assert "Look at these" in seen.text and line in seen.text
    assert "b" not in seen.tags[seen.tags.index("table") :]


def test_nobody_to_look_at_leaves_no_trace_on_the_page(course):
    assert "Look at these" not in page(course)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", " =", "＝"])
def test_no_cell_is_a_formula(course, start):
    with Gradebook(course.url) as book:
        book.add_student(f"{start}1+1", last_name=f"{start}2+2")
    (row,) = [row for student, row in table(course).items() if "1+1" in student]
    assert row["student"] == f"'{start}1+1"
    assert row["last_name"] == f"'{start}2+2"


class Page(HTMLParser):
    """Collects the tags of a page, with their attributes, and its text."""

    def __init__(self, html: str):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text += data


def test_strangers_text_is_text_everywhere(tmp_path):
    course = Class(tmp_path / "course")
    course.release("02", QUESTIONS, written={"essay": 1})
    path = course.grade(
        "eve",
        "02",
        dict(zip(QUESTIONS, [(Status.ERROR, 0.0, HOSTILE), WRONG], strict=True)),
        headline=f'" onclick="alert(1)">{HOSTILE}',
    )
    with Gradebook(course.url) as book:
        book.add_student(f'"{HOSTILE}', last_name=FORMULA)
        book.add_submission("02", f'"{HOSTILE}')
    course.hand_in("fay", "02")
    course.fail("fay", "02", HOSTILE)
    path.with_name(f"{HOSTILE.replace('/', '')}.ipynb").write_text("no notebook")
    seen = Page(page(course))
    assert "script" not in seen.tags
    assert not [name for name, _ in seen.attributes if name.startswith("on")]
    assert HOSTILE in seen.text
    assert table(course)[f'"{HOSTILE}']["last_name"] == f"'{FORMULA}"


def test_the_page_needs_nothing_from_elsewhere(course):
    seen = Page(page(course))
    sources = [value for name, value in seen.attributes if name in ("src", "href")]
    assert sources
    assert all(source.startswith("data:image/svg+xml;base64,") for source in sources)
    assert "link" not in seen.tags and "script" not in seen.tags
    drawings = [b64decode(source.partition(",")[2]).decode() for source in sources]
    assert not any("<script" in drawing or "<image" in drawing for drawing in drawings)


def test_the_same_class_gives_the_same_bytes(course):
    first = [path.read_bytes() for path in write(course.root)]
    assert [path.read_bytes() for path in write(course.root)] == first


def test_the_page_counts_the_mistakes(course):
    for student in ("cleo", "dan"):
        course.grade(student, "02", dict(zip(QUESTIONS, (RIGHT, WRONG), strict=True)))
    assert re.search(
        r"<td class=\"keep\">pool</td><td>The kernel is flipped\.</td><td class=\"n\">3</td>",
        page(course),
    )


def test_names_that_look_like_formulas_can_be_drawn(tmp_path):
    course = Class(tmp_path / "course")
    course.release("$x^{", {"$\\frac": 1.0, "été_ünïcode": 2.0})
    course.grade("ada", "$x^{", {"$\\frac": RIGHT, "été_ünïcode": WRONG})
    assert "$\\frac" in page(course)


def test_a_name_that_is_not_text_can_be_written(course):
    folder = course.root / "submitted" / "caf\udce9" / "02"
    try:
        folder.mkdir(parents=True)
    except (OSError, UnicodeError):
        pytest.skip("this file system takes text only")
    assert "caf\\udce9" in page(course)


def test_a_course_where_nobody_handed_in_gives_a_page(tmp_path):
    course = Class(tmp_path / "course")
    course.release("02", QUESTIONS)
    assert "Nobody has handed in yet" in page(course)
    assert table(course) == {}


def test_an_unused_gradebook_gives_a_page(tmp_path):
    course = Class(tmp_path / "course")
    assert "no assignment yet" in page(course)


def test_two_assignments_get_an_overview(course):
    course.release("03", {"lenet-forward": 4.0})
    course.grade("ada", "03", {"lenet-forward": HALF})
    assert "Points by student and assignment" in page(course)
    assert (
        table(course)["ada"]["03"] == "2"
        and table(course)["ben"]["03 status"] == "not handed in"
    )


# --- what can go wrong ---


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b"[]",
        b'{"cells": 3, "metadata": {}}',
        b'{"cells": [], "metadata": {"autograder": {"verdicts": [{"status": "splendid"}]}}}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
def test_one_damaged_notebook_costs_its_verdicts_only(course, damage):
    path = course.root / "autograded" / "ben" / "02" / "02.ipynb"
    path.write_bytes(damage)
    results = collect(course.root)
    ben, ada = submission(course, "ben"), submission(course, "ada")
    assert ben.points == 1 and all(mark.verdict is None for mark in ben.marks)
    assert all(mark.verdict for mark in ada.marks)
    (note,) = results.notes
    assert (
        "autograded/ben/02/02.ipynb" in note and "grade this submission again" in note
    )
    assert "autograded/ben/02/02.ipynb" in page(course)


def test_numbers_that_are_none_are_a_damaged_notebook(course):
    path = course.root / "autograded" / "ben" / "02" / "02.ipynb"
    path.write_text(path.read_text().replace('"seconds": 0.1', '"seconds": NaN'))
    assert len(collect(course.root).notes) == 1


def test_a_damaged_list_of_failures_is_noted(course):
    (course.root / ERRORS).write_text("[1]")
    assert ERRORS in collect(course.root).notes[0]


def test_no_folder():
    with pytest.raises(ReportError, match="is not a folder"):
        collect(Path("nowhere"))


def test_no_gradebook_is_said_and_none_is_made(tmp_path):
    with pytest.raises(ReportError, match=r"gradebook\.db does not exist"):
        write(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("contents", [b"", b"not a database at all" * 100])
def test_a_damaged_gradebook_is_said_in_one_line(course, contents):
    (course.root / "gradebook.db").write_bytes(contents)
    with pytest.raises(ReportError, match="damaged") as raised:
        write(course.root)
    assert "\n" not in str(raised.value)


def test_a_cut_off_gradebook_is_said_in_one_line(course):
    path = course.root / "gradebook.db"
    path.write_bytes(path.read_bytes()[: 3 * 4096])
    with pytest.raises(ReportError, match="cannot be read"):
        write(course.root)


def test_another_version_of_the_gradebook_is_said(course):
    with sqlite3.connect(course.root / "gradebook.db") as db:
        db.execute("ALTER TABLE grade DROP COLUMN extra_credit")
    with pytest.raises(ReportError, match="nbgrader db upgrade"):
        collect(course.root)


def test_a_locked_gradebook_is_said(course, monkeypatch):
    monkeypatch.setattr(results, "GRADEBOOK_SECONDS", 0.1)
    with sqlite3.connect(course.root / "gradebook.db", isolation_level=None) as db:
        db.execute("BEGIN EXCLUSIVE")
        with pytest.raises(ReportError, match="another program is writing"):
            collect(course.root)


def test_what_cannot_be_written_leaves_the_old_file(course):
    results = collect(course.root)
    target = course.root / "grades.csv"
    target.mkdir()
    (target / "kept").touch()
    with pytest.raises(ReportError, match="cannot be written"):
        write_csv(results, target)
    with pytest.raises(ReportError, match="cannot be written"):
        write_html(results, course.root / "missing" / "report.html")
    assert (target / "kept").exists()
    assert not list(course.root.glob(".*.new"))


def test_a_written_answer_left_as_it_was_handed_out_is_not_attempted() -> None:
    untouched = Mark(
        Task("02", "written-x", 2.0, "written-x", by_hand=True), 0.0, auto=0.0
    )
    assert untouched.kind is Kind.OPEN
    assert Mark(untouched.task, 0.0, auto=0.0, manual=0.0).kind is Kind.WRONG
