"""What a class has done: points from nbgrader's gradebook, which is opened read-only, and the
judge's verdicts from the autograded notebooks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

from autograder.errors import ReportError
from autograder.grading.layout import ERRORS, METADATA_KEY, two_deep
from autograder.questions.names import grade_id, question_name
from autograder.verdict import Status, Verdict

PATIENCE = 5.0
"""Seconds to wait for another program that is writing to the gradebook."""


class State(StrEnum):
    """Where a submission stands."""

    GRADED = "graded"
    BY_HAND = "awaits hand grading"
    NOT_GRADED = "not graded"
    MISSING = "not handed in"


class Kind(StrEnum):
    """What became of one answer, in the report's words."""

    SOLVED = "solved"
    PARTLY = "partly"
    WRONG = "wrong"
    ERROR = "error"
    OPEN = "not attempted"
    BY_HAND = "awaits hand grading"


_KINDS = {
    Status.CORRECT: Kind.SOLVED,
    Status.PARTIAL: Kind.PARTLY,
    Status.INCORRECT: Kind.WRONG,
    Status.NOT_ATTEMPTED: Kind.OPEN,
    Status.ERROR: Kind.ERROR,
    Status.TIMEOUT: Kind.ERROR,
    Status.CRASHED: Kind.ERROR,
}


@dataclass(frozen=True)
class Student:
    """A student as the gradebook has them; one that it does not know has an id only."""

    id: str
    last_name: str = ""
    first_name: str = ""
    email: str = ""


@dataclass(frozen=True)
class Task:
    """One cell that is worth points. `name` is its grade id, `label` what a reader calls it,
    `by_hand` whether a person grades it.
    """

    notebook: str
    name: str
    points: float
    label: str
    by_hand: bool = False


@dataclass(frozen=True)
class Mark:
    """What one submission got for one task.

    points:       what counts: the manual score where there is one, else the automatic one, with
                  extra credit.
    auto, manual: the two parts, None where there is none (yet).
    verdict:      the judge's, without pictures; None where a person grades, or where the notebook
                  with it is lost.
    """

    task: Task
    points: float
    auto: float | None = None
    manual: float | None = None
    needs_manual_grade: bool = False
    verdict: Verdict | None = None

    @property
    def share(self) -> float:
        """Points by points to be had, from 0 to 1."""
        if not self.task.points:
            return 1.0
        return min(max(self.points / self.task.points, 0.0), 1.0)

    @property
    def pending(self) -> bool:
        """Whether there are no points at all yet."""
        return self.auto is None and self.manual is None

    @property
    def kind(self) -> Kind:
        """What became of the answer: the judge's word, else by the points."""
        if self.verdict:
            return _KINDS[self.verdict.status]
        if self.pending:
            return Kind.BY_HAND
        # 0: what nbgrader gives where the cell is as it was handed out.
        if self.task.by_hand and self.manual is None and not self.auto:
            return Kind.OPEN
        if self.share == 1:
            return Kind.SOLVED
        return Kind.PARTLY if self.share else Kind.WRONG


@dataclass(frozen=True)
class Submission:
    """One student's work on one assignment. `marks` is empty and `reason` says why where it is
    not graded; `trusted` where it was run without walls.
    """

    student: str
    assignment: str
    state: State
    marks: tuple[Mark, ...] = ()
    late_penalty: float = 0.0
    reason: str = ""
    trusted: bool = False

    @property
    def points(self) -> float | None:
        """All points less the penalty, as nbgrader counts them; None where there is no grade."""
        return (
            round(max(sum(mark.points for mark in self.marks) - self.late_penalty, 0.0), 2)
            if self.marks
            else None
        )


@dataclass(frozen=True)
class Assignment:
    """An assignment and its tasks, in the notebook's order."""

    name: str
    tasks: tuple[Task, ...]

    @property
    def points(self) -> float:
        """What a faultless submission gets."""
        return round(sum(task.points for task in self.tasks), 2)


@dataclass(frozen=True)
class ClassResults:
    """Everything the report knows.

    assignments: the gradebook's.
    submissions: one for each student and assignment, then what was handed in as an assignment that
        the gradebook does not have.
    notes:       things to put right.
    """

    course: str
    students: tuple[Student, ...]
    assignments: tuple[Assignment, ...]
    submissions: tuple[Submission, ...]
    notes: tuple[str, ...] = ()

    def of(self, assignment: Assignment) -> list[Submission]:
        """The submissions of one assignment, in the students' order."""
        return [
            submission
            for submission in self.submissions
            if submission.assignment == assignment.name
        ]

    def share(self, submission: Submission) -> float | None:
        """A submission's points by the points to be had, from 0 to 1; None where there is no
        grade.
        """
        points = next(
            assignment.points
            for assignment in self.assignments
            if assignment.name == submission.assignment
        )
        return (
            None
            if submission.points is None or not points
            else min(submission.points / points, 1.0)
        )

    def find(self, student: str, assignment: str) -> Submission | None:
        """One student's submission of one assignment."""
        return next(
            (s for s in self.submissions if (s.student, s.assignment) == (student, assignment)),
            None,
        )


def collect(course_dir: Path) -> ClassResults:
    """Read a course's gradebook, its autograded notebooks and its list of failures. Changes
    nothing. Raises `ReportError`.
    """
    root = Path(course_dir)
    if not root.is_dir():
        raise ReportError(
            f"{root} is not a folder: give the course's folder, the one with gradebook.db."
        )
    book = _read_gradebook(root / "gradebook.db")
    notebooks = _read_notebooks(root / "autograded")
    submitted = set(_folders(root / "submitted"))
    reasons, notes = _read_reasons(root / ERRORS)

    assignments = _assignments(book, notebooks)
    students = {student: Student(student) for student, _ in submitted} | book.students
    in_order = sorted(students, key=_natural)
    results = [
        _submission(student, assignment, book, notebooks, submitted, reasons)
        for assignment in assignments
        for student in in_order
    ]
    results += _of_unknown_assignments(submitted, book, reasons)
    notes += notebooks.notes
    notes += _without_walls(results)
    notes += _by_different_versions(results, notebooks)
    return ClassResults(
        course=book.course or root.resolve().name,
        students=tuple(students[name] for name in in_order),
        assignments=tuple(assignments),
        submissions=tuple(results),
        notes=tuple(notes),
    )


def _of_unknown_assignments(
    submitted: set[SubmissionKey], book: _Book, reasons: dict[SubmissionKey, str]
) -> Iterator[Submission]:
    """What was handed in for assignments that the gradebook does not know."""
    for student, assignment in sorted(
        submitted, key=lambda key: (_natural(key[1]), _natural(key[0]))
    ):
        if assignment in book.cells:
            continue
        unknown = (
            f"There is no assignment {assignment!r} in the gradebook: is it "
            "released, is the folder's name right?"
        )
        reason = reasons.get((student, assignment), unknown)
        yield Submission(student, assignment, State.NOT_GRADED, reason=reason)


def _without_walls(results: list[Submission]) -> Iterator[str]:
    """For each assignment, whose submissions ran as the grader's own code."""
    for assignment in dict.fromkeys(submission.assignment for submission in results):
        trusted = [
            submission.student
            for submission in results
            if submission.trusted and submission.assignment == assignment
        ]
        if trusted:
            yield (
                f"{assignment}: graded without walls, as --trust-submissions asked: "
                f"{_names(trusted)}. These submissions could have changed any grade."
            )


def _by_different_versions(results: list[Submission], notebooks: _Notebooks) -> Iterator[str]:
    """For each notebook that was not graded by one engine and the same questions for all: who by
    which, the most first.
    """
    for (assignment, notebook), by_version in _by_version(results, notebooks).items():
        if len(by_version) < 2:
            continue
        which = assignment if notebook == assignment else f"{assignment}, {notebook}"
        most, *others = sorted(by_version.items(), key=lambda item: (-len(item[1]), item[0]))
        parts = [f"{len(most[1])} by {_version(most[0])}"]
        parts += [f"{_names(students)} by {_version(version)}" for version, students in others]
        yield (
            f"{which}: graded by different versions: {'; '.join(parts)}. The same "
            "answer may have got different points: "
            f"`course grade --regrade` grades all by one."
        )


def _by_version(
    results: list[Submission], notebooks: _Notebooks
) -> dict[tuple[str, str], dict[Version, list[str]]]:
    """By assignment and notebook, then by version: the students who have marks."""
    groups: dict[tuple[str, str], dict[Version, list[str]]] = {}
    for submission in results:
        if not submission.marks:
            continue
        versions = notebooks.versions.get((submission.student, submission.assignment), {})
        for notebook, version in sorted(versions.items()):
            group = groups.setdefault((submission.assignment, notebook), {})
            group.setdefault(version, []).append(submission.student)
    return groups


def _version(version: Version) -> str:
    engine, questions = version
    return (
        f"engine {engine} with questions {questions}"
        if engine
        else "a version that was not recorded"
    )


def _names(students: list[str]) -> str:
    return ", ".join(students[:20]) + (
        f" and {len(students) - 20} more" if len(students) > 20 else ""
    )


Version: TypeAlias = tuple[str, str]
"""Engine and questions by which a notebook was graded."""

SubmissionKey: TypeAlias = tuple[str, str]
"""Student and assignment."""


@dataclass
class _Book:
    """The gradebook's contents; grades by (student, assignment), then by (notebook, grade id)."""

    students: dict[str, Student]
    cells: dict[str, list[tuple[str, str, float, bool]]]
    grades: dict[tuple[str, str], dict[tuple[str, str], dict[str, Any]]]
    penalties: dict[tuple[str, str], float]
    course: str  # its id, "" where it has none of its own


UNREADABLE = (OSError, ValueError, TypeError, AttributeError, KeyError, RecursionError)
"""What a notebook raises that is none, or not as it was written."""


@dataclass
class _Notebooks:
    """What the autograded notebooks say; `present` also has those that could not be read."""

    present: set[tuple[str, str]] = field(default_factory=set)
    verdicts: dict[tuple[str, str], dict[tuple[str, str], Verdict]] = field(default_factory=dict)
    order: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    trusted: set[tuple[str, str]] = field(default_factory=set)
    # By submission, then by notebook.
    versions: dict[SubmissionKey, dict[str, Version]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def _read_gradebook(path: Path) -> _Book:
    if not path.is_file():
        raise ReportError(
            f"{path} does not exist: give the course's folder, and grade "
            "the class first (`course grade`)."
        )
    from nbgrader.api import Gradebook
    from sqlalchemy.engine import URL
    from sqlalchemy.exc import SQLAlchemyError

    # Read-only, and no course id: a Gradebook otherwise creates what it misses. What a killed
    # writer has left half done must be undone first, though.
    mode = "rw" if path.with_name(f"{path.name}-journal").exists() else "ro"
    url = URL.create(
        "sqlite",
        database=f"file:{quote(str(path.resolve()))}",
        query={"mode": mode, "uri": "true", "timeout": str(PATIENCE)},
    )
    try:
        with Gradebook(url, course_id="") as gradebook:
            return _contents(gradebook)
    except (SQLAlchemyError, ValueError) as error:
        raise ReportError(f"{path} cannot be read: {_what_is_wrong(error)}") from error


def _what_is_wrong(error: Exception) -> str:
    said = str(getattr(error, "orig", None) or error).splitlines()[0][:200]
    if "locked" in said:
        return (
            "another program is writing to it. Wait until grading has finished, "
            "or close what holds it, then try again."
        )
    if "no such column" in said:
        return (
            f"it was made by another version of nbgrader ({said}). Run "
            "`nbgrader db upgrade` in the course's folder."
        )
    return (
        f"it is damaged, or no gradebook of nbgrader ({said}). Restore it from a backup, or move "
        "it away and grade the class again."
    )


def _contents(gradebook: Any) -> _Book:
    students = {
        row.id: Student(row.id, row.last_name or "", row.first_name or "", row.email or "")
        for row in gradebook.students
    }
    return _Book(
        students,
        _cells(gradebook),
        _grades(gradebook),
        _penalties(gradebook),
        _course_id(gradebook),
    )


def _cells(gradebook: Any) -> dict[str, list[tuple[str, str, float, bool]]]:
    """By assignment: notebook, grade id, points, and whether a person grades it."""
    cells: dict[str, list[tuple[str, str, float, bool]]] = {}
    for assignment in gradebook.assignments:
        cells[assignment.name] = [
            (notebook.name, cell.name, float(cell.max_score), cell.cell_type == "markdown")
            for notebook in assignment.notebooks
            for cell in (*notebook.grade_cells, *notebook.task_cells)
        ]
    return cells


def _grades(gradebook: Any) -> dict[SubmissionKey, dict[tuple[str, str], dict[str, Any]]]:
    """By submission, then by notebook and grade id."""
    from nbgrader import api

    submitted = api.SubmittedAssignment
    rows = (
        gradebook.db.query(
            submitted.student_id.label("student"),
            api.Assignment.name.label("assignment"),
            api.Notebook.name.label("notebook"),
            api.BaseCell.name.label("cell"),
            api.Grade.auto_score.label("auto"),
            api.Grade.manual_score.label("manual"),
            api.Grade.score.label("points"),
            api.Grade.needs_manual_grade.label("needs_manual_grade"),
        )
        .select_from(api.Grade)
        .join(api.BaseCell, api.Grade.cell_id == api.BaseCell.id)
        .join(api.SubmittedNotebook, api.Grade.notebook_id == api.SubmittedNotebook.id)
        .join(api.Notebook, api.SubmittedNotebook.notebook_id == api.Notebook.id)
        .join(submitted, api.SubmittedNotebook.assignment_id == submitted.id)
        .join(api.Assignment, submitted.assignment_id == api.Assignment.id)
    )
    grades: dict[SubmissionKey, dict[tuple[str, str], dict[str, Any]]] = {}
    for row in rows:
        of_submission = grades.setdefault((row.student, row.assignment), {})
        of_submission[row.notebook, row.cell] = {
            "auto": row.auto,
            "manual": row.manual,
            "points": round(float(row.points), 2),
            "needs_manual_grade": bool(row.needs_manual_grade),
        }
    return grades


def _penalties(gradebook: Any) -> dict[SubmissionKey, float]:
    """What is taken off for handing in late, by submission."""
    from nbgrader import api

    submitted = api.SubmittedAssignment
    rows = gradebook.db.query(
        submitted.student_id, api.Assignment.name, submitted.late_submission_penalty
    ).join(api.Assignment, submitted.assignment_id == api.Assignment.id)
    return {(student, assignment): float(penalty) for student, assignment, penalty in rows}


def _course_id(gradebook: Any) -> str:
    """The course's id, where all assignments have the same one, and it is one of its own."""
    nobody = {None, "", "default_course"}  # the last: nbgrader's, for want of another
    courses = {assignment.course_id for assignment in gradebook.assignments} - nobody
    return courses.pop() if len(courses) == 1 else ""


def _folders(root: Path) -> Iterator[tuple[str, str]]:
    """(student, assignment) of every folder ``root/student/assignment``; a link in its place
    counts.
    """
    for path in sorted(two_deep(root)):
        if path.is_dir() or path.is_symlink():
            yield path.parent.name, path.name


def _read_notebooks(root: Path) -> _Notebooks:
    notebooks = _Notebooks()
    for key in _folders(root):
        for path in sorted((root / key[0] / key[1]).glob("*.ipynb")):
            notebooks.present.add(key)
            try:
                cells, verdicts, trusted, version = _read_notebook(path)
            except UNREADABLE as error:
                notebooks.notes.append(
                    f"{path.relative_to(root.parent)} cannot be read ({type(error).__name__}). "
                    "Its points are the gradebook's, its verdicts are left out: "
                    "grade this submission again."
                )
                continue
            if trusted:
                notebooks.trusted.add(key)
            notebooks.versions.setdefault(key, {})[path.stem] = version
            notebooks.order.setdefault((key[1], path.stem), cells)
            of_submission = notebooks.verdicts.setdefault(key, {})
            for name, verdict in verdicts.items():
                of_submission[path.stem, name] = verdict
    return notebooks


def _read_notebook(path: Path) -> tuple[list[str], dict[str, Verdict], bool, tuple[str, str]]:
    """The grade ids in a notebook's order, its verdicts by grade id, whether it was run without
    walls, and the versions that judged it ("" where not recorded).
    """
    notebook = json.loads(path.read_bytes())
    cells = [cell["metadata"].get("nbgrader", {}).get("grade_id") for cell in notebook["cells"]]
    metadata = notebook["metadata"].get(METADATA_KEY, {})
    verdicts = [Verdict.from_summary(summary) for summary in metadata.get("verdicts", [])]
    by_cell = {grade_id(verdict.question): verdict for verdict in verdicts}
    version = str(metadata.get("engine", ""))[:40], str(metadata.get("questions", ""))[:80]
    return (
        [name for name in cells if isinstance(name, str)],
        by_cell,
        metadata.get("trusted") is True,
        version,
    )


def _read_reasons(path: Path) -> tuple[dict[tuple[str, str], str], list[str]]:
    try:
        listed = json.loads(path.read_bytes())
        return {
            (student, assignment): str(reason)
            for assignment, of in listed.items()
            for student, reason in of.items()
        }, []
    except FileNotFoundError:
        return {}, []
    except (OSError, ValueError, AttributeError, RecursionError):
        return {}, [
            f"{path.name} cannot be read: the reasons why submissions were not graded are "
            "missing. Run course grade to write it anew."
        ]


def _assignments(book: _Book, notebooks: _Notebooks) -> list[Assignment]:
    judged = {name for verdicts in notebooks.verdicts.values() for name in verdicts}
    assignments = []
    for assignment, cells in book.cells.items():
        order = _order(assignment, notebooks)
        several = len({notebook for notebook, *_ in cells}) > 1
        tasks = []
        for notebook, name, points, by_hand in sorted(
            cells, key=lambda cell: (cell[0], order.get(cell[:2], len(order)))
        ):
            label = question_name(name) if (notebook, name) in judged else name
            if several:
                label = f"{notebook}: {label}"
            tasks.append(Task(notebook, name, points, label, by_hand))
        assignments.append(Assignment(assignment, tuple(tasks)))
    return assignments


def _order(assignment: str, notebooks: _Notebooks) -> dict[tuple[str, str], int]:
    """Where each cell stands in its notebook, by notebook and grade id; the first of several."""
    order: dict[tuple[str, str], int] = {}
    for (of, notebook), names in notebooks.order.items():
        if of == assignment:
            for index, name in enumerate(names):
                order.setdefault((notebook, name), index)
    return order


def _submission(
    student: str,
    assignment: Assignment,
    book: _Book,
    notebooks: _Notebooks,
    submitted: set[tuple[str, str]],
    reasons: dict[tuple[str, str], str],
) -> Submission:
    key = student, assignment.name
    grades, verdicts = book.grades.get(key, {}), notebooks.verdicts.get(key, {})
    handed_in = key in submitted or key in notebooks.present
    if not handed_in and not grades:
        return Submission(*key, State.MISSING)
    reason = reasons.get(key) or _why_not_graded(
        key in submitted, key in notebooks.present, bool(grades)
    )
    if reason:
        return Submission(*key, State.NOT_GRADED, reason=reason)
    marks = tuple(
        Mark(
            task,
            **grades[task.notebook, task.name],
            verdict=verdicts.get((task.notebook, task.name)),
        )
        for task in assignment.tasks
        if (task.notebook, task.name) in grades
    )
    state = State.BY_HAND if any(mark.needs_manual_grade for mark in marks) else State.GRADED
    return Submission(
        *key, state, marks, book.penalties.get(key, 0.0), trusted=key in notebooks.trusted
    )


def _why_not_graded(submitted: bool, graded: bool, in_gradebook: bool) -> str:
    """Why there is no grade where no reason was recorded; empty where there is one."""
    if submitted and not graded:
        return "It has not been graded yet: run course grade."
    if not in_gradebook:
        return "There is a graded notebook, but the gradebook has no points for it: grade it again."
    return ""


def _natural(text: str) -> list[tuple[bool, int, str]]:
    """Sorts student2 before student10."""
    keys = []
    for part in re.split(r"([0-9]+)", text):
        is_number = part.isascii() and part.isdigit()
        keys.append((is_number, int(part) if is_number else 0, part.casefold()))
    return [*keys, (False, 0, text)]
