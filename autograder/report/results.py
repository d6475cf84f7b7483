"""What a class has done: points from nbgrader's gradebook, which is opened read-only, and the
judge's verdicts from the autograded notebooks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

from autograder.errors import ReportError
from autograder.grading.layout import ERRORS, METADATA_KEY, two_deep
from autograder.questions.names import grade_id, question_name
from autograder.verdict import Status, Verdict

GRADEBOOK_SECONDS = 5.0
"""Seconds to wait for another program that is writing to the gradebook."""

_LONGEST_LINE = 300
"""So much is said of one thing to look at."""

_MOST_NAMES = 20
"""The most students that a note names."""

_NaturalKey: TypeAlias = list[tuple[bool, int, str]]
"""What sorts student2 before student10."""


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
        most = self.task.points
        if not most:
            return 1.0
        share = self.points / most
        return min(max(share, 0.0), 1.0)

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
        is_untouched = self.manual is None and not self.auto
        if self.task.by_hand and is_untouched:
            return Kind.OPEN
        if self.share == 1:
            return Kind.SOLVED
        if self.share == 0:
            return Kind.WRONG
        return Kind.PARTLY


@dataclass(frozen=True)
class SubmissionResult:
    """One student's work on one assignment. `marks` is empty and `reason` says why where it is
    not graded; `trusted` where it was run without walls. `look_at`: what its cells reach for that
    no exercise needs; no point depends on it.
    """

    student: str
    assignment: str
    state: State
    marks: tuple[Mark, ...] = ()
    late_penalty: float = 0.0
    reason: str = ""
    trusted: bool = False
    look_at: tuple[str, ...] = ()

    @property
    def points(self) -> float | None:
        """All points less the penalty, as nbgrader counts them; None where there is no grade."""
        if not self.marks:
            return None
        earned = sum(mark.points for mark in self.marks)
        counted = max(earned - self.late_penalty, 0.0)
        return round(counted, 2)


@dataclass(frozen=True)
class Assignment:
    """An assignment and its tasks, in the notebook's order."""

    name: str
    tasks: tuple[Task, ...]

    @property
    def points(self) -> float:
        """What a faultless submission gets."""
        total = sum(task.points for task in self.tasks)
        return round(total, 2)


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
    submissions: tuple[SubmissionResult, ...]
    notes: tuple[str, ...] = ()

    def of(self, assignment: Assignment) -> list[SubmissionResult]:
        """The submissions of one assignment, in the students' order."""
        name = assignment.name
        return [
            submission
            for submission in self.submissions
            if submission.assignment == name
        ]

    def share(self, submission: SubmissionResult) -> float | None:
        """A submission's points by the points to be had, from 0 to 1; None where there is no
        grade.
        """
        most = self._points_of(submission.assignment)
        if submission.points is None or not most:
            return None
        share = submission.points / most
        return min(share, 1.0)

    def find(self, student: str, assignment: str) -> SubmissionResult | None:
        """One student's submission of one assignment."""
        for submission in self.submissions:
            if submission.student == student and submission.assignment == assignment:
                return submission
        return None

    def _points_of(self, name: str) -> float:
        """What a faultless submission of the assignment of that name gets."""
        for assignment in self.assignments:
            if assignment.name == name:
                return assignment.points
        raise LookupError(f"the gradebook has no assignment {name!r}")


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
    students = {student: Student(student) for student, _ in submitted}
    students |= book.students
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
) -> Iterator[SubmissionResult]:
    """What was handed in for assignments that the gradebook does not know."""
    for key in sorted(submitted, key=_assignment_first):
        student, assignment = key
        if assignment in book.cells:
            continue
        unknown = (
            f"There is no assignment {assignment!r} in the gradebook: is it "
            "released, is the folder's name right?"
        )
        reason = reasons.get(key, unknown)
        yield SubmissionResult(student, assignment, State.NOT_GRADED, reason=reason)


def _assignment_first(key: SubmissionKey) -> tuple[_NaturalKey, _NaturalKey]:
    """Sorts by assignment, then by student."""
    student, assignment = key
    return _natural(assignment), _natural(student)


def _without_walls(results: list[SubmissionResult]) -> Iterator[str]:
    """For each assignment, whose submissions ran as the grader's own code."""
    students: dict[str, list[str]] = {}
    for submission in results:
        if submission.trusted:
            students.setdefault(submission.assignment, []).append(submission.student)
    for assignment, trusted in students.items():
        yield (
            f"{assignment}: graded without walls, as --trust-submissions asked: "
            f"{_names(trusted)}. These submissions could have changed any grade."
        )


def _by_different_versions(
    results: list[SubmissionResult], notebooks: _Notebooks
) -> Iterator[str]:
    """For each notebook that was not graded by one engine and the same questions for all: who by
    which, the most first.
    """
    for (assignment, notebook), by_version in _by_version(results, notebooks).items():
        if len(by_version) < 2:
            continue
        title = assignment
        if notebook != assignment:
            title += f", {notebook}"
        listed = _listed_versions(by_version)
        yield (
            f"{title}: graded by different versions: {listed}. The same "
            "answer may have got different points: "
            f"`course grade --regrade` grades all by one."
        )


def _listed_versions(students: dict[Version, list[str]]) -> str:
    """Who was graded by which version: of the commonest how many, of the others their names."""

    def commonest_first(version: Version) -> tuple[int, Version]:
        return -len(students[version]), version

    commonest, *others = sorted(students, key=commonest_first)
    count = len(students[commonest])
    parts = [f"{count} by {_version(commonest)}"]
    for version in others:
        names = _names(students[version])
        parts.append(f"{names} by {_version(version)}")
    return "; ".join(parts)


def _by_version(
    results: list[SubmissionResult], notebooks: _Notebooks
) -> dict[tuple[str, str], dict[Version, list[str]]]:
    """By assignment and notebook, then by version: the students who have marks."""
    groups: dict[tuple[str, str], dict[Version, list[str]]] = {}
    for submission in results:
        if not submission.marks:
            continue
        key = submission.student, submission.assignment
        versions = notebooks.versions.get(key, {})
        for notebook in sorted(versions):
            version = versions[notebook]
            group = groups.setdefault((submission.assignment, notebook), {})
            students = group.setdefault(version, [])
            students.append(submission.student)
    return groups


def _version(version: Version) -> str:
    engine, questions = version
    if not engine:
        return "a version that was not recorded"
    return f"engine {engine} with questions {questions}"


def _names(students: list[str]) -> str:
    names = ", ".join(students[:_MOST_NAMES])
    hidden = len(students) - _MOST_NAMES
    if hidden > 0:
        names += f" and {hidden} more"
    return names


Version: TypeAlias = tuple[str, str]
"""Engine and questions by which a notebook was graded."""

SubmissionKey: TypeAlias = tuple[str, str]
"""Student and assignment."""

_CellKey: TypeAlias = tuple[str, str]
"""Notebook and grade id."""

_Grade: TypeAlias = dict[str, Any]
"""The points of one cell, given by the judge and by a person, of how many."""

_Cell: TypeAlias = tuple[str, str, float, bool]
"""Notebook, grade id, points, and whether a person grades it."""


@dataclass
class _Book:
    """The gradebook's contents; grades by (student, assignment), then by (notebook, grade id)."""

    students: dict[str, Student]
    cells: dict[str, list[_Cell]]
    grades: dict[SubmissionKey, dict[_CellKey, _Grade]]
    penalties: dict[SubmissionKey, float]
    course: str  # its id, "" where it has none of its own


UNREADABLE = (OSError, ValueError, TypeError, AttributeError, KeyError, RecursionError)
"""What a notebook raises that is none, or not as it was written."""


@dataclass(frozen=True)
class _Notebook:
    """What one autograded notebook says.

    cells:    the grade ids in the notebook's order.
    verdicts: by grade id.
    trusted:  whether it was run without walls.
    version:  what judged it, "" where that is not recorded.
    look_at:  what the instructor is to look at.
    """

    cells: list[str]
    verdicts: dict[str, Verdict]
    trusted: bool
    version: Version
    look_at: tuple[str, ...] = ()


@dataclass
class _Notebooks:
    """What the autograded notebooks say; `present` also has those that could not be read."""

    present: set[SubmissionKey] = field(default_factory=set)
    verdicts: dict[SubmissionKey, dict[_CellKey, Verdict]] = field(default_factory=dict)
    order: dict[_CellKey, list[str]] = field(default_factory=dict)
    trusted: set[SubmissionKey] = field(default_factory=set)
    # By submission, then by notebook.
    versions: dict[SubmissionKey, dict[str, Version]] = field(default_factory=dict)
    look_at: dict[SubmissionKey, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, key: SubmissionKey, name: str, notebook: _Notebook) -> None:
        """Take in the notebook of that name of a submission."""
        _student, assignment = key
        if notebook.trusted:
            self.trusted.add(key)
        versions = self.versions.setdefault(key, {})
        versions[name] = notebook.version
        self.look_at.setdefault(key, []).extend(notebook.look_at)
        self.order.setdefault((assignment, name), notebook.cells)
        verdicts = self.verdicts.setdefault(key, {})
        for cell, verdict in notebook.verdicts.items():
            verdicts[name, cell] = verdict


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
        query={"mode": mode, "uri": "true", "timeout": str(GRADEBOOK_SECONDS)},
    )
    try:
        with Gradebook(url, course_id="") as gradebook:
            return _contents(gradebook)
    except (SQLAlchemyError, ValueError) as error:
        raise ReportError(f"{path} cannot be read: {_what_is_wrong(error)}") from error


def _what_is_wrong(error: Exception) -> str:
    of_database = getattr(error, "orig", None)
    first_line, *_ = str(of_database or error).splitlines()
    said = first_line[:200]
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
    return _Book(
        students=_students(gradebook),
        cells=_cells(gradebook),
        grades=_grades(gradebook),
        penalties=_penalties(gradebook),
        course=_course_id(gradebook),
    )


def _students(gradebook: Any) -> dict[str, Student]:
    students = {}
    for row in gradebook.students:
        students[row.id] = Student(
            id=row.id,
            last_name=row.last_name or "",
            first_name=row.first_name or "",
            email=row.email or "",
        )
    return students


def _cells(gradebook: Any) -> dict[str, list[_Cell]]:
    """The cells that are worth points, by assignment."""
    cells = {}
    for assignment in gradebook.assignments:
        of_assignment: list[_Cell] = []
        for notebook in assignment.notebooks:
            for cell in (*notebook.grade_cells, *notebook.task_cells):
                by_hand = cell.cell_type == "markdown"
                points = float(cell.max_score)
                of_assignment.append((notebook.name, cell.name, points, by_hand))
        cells[assignment.name] = of_assignment
    return cells


def _grades(
    gradebook: Any,
) -> dict[SubmissionKey, dict[tuple[str, str], dict[str, Any]]]:
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
    grades: dict[SubmissionKey, dict[_CellKey, _Grade]] = {}
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
    query = gradebook.db.query(
        submitted.student_id,
        api.Assignment.name,
        submitted.late_submission_penalty,
    )
    rows = query.join(api.Assignment, submitted.assignment_id == api.Assignment.id)
    penalties = {}
    for student, assignment, penalty in rows:
        penalties[student, assignment] = float(penalty)
    return penalties


def _course_id(gradebook: Any) -> str:
    """The course's id, where all assignments have the same one, and it is one of its own."""
    courses = {assignment.course_id for assignment in gradebook.assignments}
    # The last is nbgrader's, for want of another.
    courses -= {None, "", "default_course"}
    if len(courses) != 1:
        return ""
    return str(courses.pop())


def _folders(root: Path) -> Iterator[SubmissionKey]:
    """(student, assignment) of every folder ``root/student/assignment``; a link in its place
    counts.
    """
    for path in sorted(two_deep(root)):
        if path.is_dir() or path.is_symlink():
            student = path.parent.name
            yield student, path.name


def _read_notebooks(root: Path) -> _Notebooks:
    notebooks = _Notebooks()
    for key in _folders(root):
        student, assignment = key
        folder = root / student / assignment
        for path in sorted(folder.glob("*.ipynb")):
            notebooks.present.add(key)
            try:
                notebook = _read_notebook(path)
            except UNREADABLE as error:
                notebooks.notes.append(
                    f"{path.relative_to(root.parent)} cannot be read ({type(error).__name__}). "
                    "Its points are the gradebook's, its verdicts are left out: "
                    "grade this submission again."
                )
            else:
                notebooks.add(key, path.stem, notebook)
    return notebooks


def _read_notebook(path: Path) -> _Notebook:
    content = json.loads(path.read_bytes())
    metadata = content["metadata"].get(METADATA_KEY, {})
    verdicts = {}
    for summary in metadata.get("verdicts", []):
        verdict = Verdict.from_summary(summary)
        verdicts[grade_id(verdict.question)] = verdict
    engine = str(metadata.get("engine", ""))
    questions = str(metadata.get("questions", ""))
    return _Notebook(
        cells=_grade_ids(content["cells"]),
        verdicts=verdicts,
        trusted=metadata.get("trusted") is True,
        version=(engine[:40], questions[:80]),
        look_at=tuple(
            str(line)[:_LONGEST_LINE] for line in metadata.get("look_at", ())
        ),
    )


def _grade_ids(cells: list[dict[str, Any]]) -> list[str]:
    grade_ids = []
    for cell in cells:
        nbgrader = cell["metadata"].get("nbgrader", {})
        name = nbgrader.get("grade_id")
        if isinstance(name, str):
            grade_ids.append(name)
    return grade_ids


def _read_reasons(path: Path) -> tuple[dict[SubmissionKey, str], list[str]]:
    """Why submissions were not graded, and what is to be noted of the file itself."""
    reasons = {}
    try:
        listed = json.loads(path.read_bytes())
        for assignment, by_student in listed.items():
            for student, reason in by_student.items():
                reasons[student, assignment] = str(reason)
    except FileNotFoundError:
        return {}, []
    except (OSError, ValueError, AttributeError, RecursionError):
        note = (
            f"{path.name} cannot be read: the reasons why submissions were not graded are "
            "missing. Run course grade to write it anew."
        )
        return {}, [note]
    return reasons, []


def _assignments(book: _Book, notebooks: _Notebooks) -> list[Assignment]:
    judged: set[tuple[str, str]] = set()
    for verdicts in notebooks.verdicts.values():
        judged.update(verdicts)
    assignments = []
    for name, cells in book.cells.items():
        order = _order(name, notebooks)
        tasks = _tasks(cells, order, judged)
        assignments.append(Assignment(name, tuple(tasks)))
    return assignments


def _tasks(
    cells: list[_Cell], order: dict[tuple[str, str], int], judged: set[tuple[str, str]]
) -> list[Task]:
    """An assignment's tasks in the notebooks' order; a cell that the judge had to do with is
    called like its question.
    """

    def place(cell: _Cell) -> tuple[str, int]:
        notebook, name, _points, _by_hand = cell
        return notebook, order.get((notebook, name), len(order))

    several_notebooks = len({notebook for notebook, *_ in cells}) > 1
    tasks = []
    for notebook, name, points, by_hand in sorted(cells, key=place):
        label = name
        if (notebook, name) in judged:
            label = question_name(name)
        if several_notebooks:
            label = f"{notebook}: {label}"
        tasks.append(Task(notebook, name, points, label, by_hand))
    return tasks


def _order(assignment: str, notebooks: _Notebooks) -> dict[tuple[str, str], int]:
    """Where each cell stands in its notebook, by notebook and grade id; the first of several."""
    order: dict[tuple[str, str], int] = {}
    for (owner, notebook), cells in notebooks.order.items():
        if owner != assignment:
            continue
        for index, cell in enumerate(cells):
            order.setdefault((notebook, cell), index)
    return order


def _submission(
    student: str,
    assignment: Assignment,
    book: _Book,
    notebooks: _Notebooks,
    submitted: set[SubmissionKey],
    reasons: dict[SubmissionKey, str],
) -> SubmissionResult:
    key = student, assignment.name
    grades = book.grades.get(key, {})
    is_submitted = key in submitted
    is_graded = key in notebooks.present
    if not is_submitted and not is_graded and not grades:
        return SubmissionResult(*key, State.MISSING)
    reason = reasons.get(key) or _why_not_graded(is_submitted, is_graded, bool(grades))
    if reason:
        return SubmissionResult(*key, State.NOT_GRADED, reason=reason)
    verdicts = notebooks.verdicts.get(key, {})
    marks = _marks(assignment.tasks, grades, verdicts)
    by_hand = any(mark.needs_manual_grade for mark in marks)
    return SubmissionResult(
        student,
        assignment.name,
        state=State.BY_HAND if by_hand else State.GRADED,
        marks=tuple(marks),
        late_penalty=book.penalties.get(key, 0.0),
        trusted=key in notebooks.trusted,
        look_at=tuple(notebooks.look_at.get(key, ())),
    )


def _marks(
    tasks: Sequence[Task],
    grades: dict[tuple[str, str], dict[str, Any]],
    verdicts: dict[tuple[str, str], Verdict],
) -> list[Mark]:
    """The marks for those tasks that have a grade."""
    marks = []
    for task in tasks:
        cell = task.notebook, task.name
        if cell not in grades:
            continue
        verdict = verdicts.get(cell)
        marks.append(Mark(task, verdict=verdict, **grades[cell]))
    return marks


def _why_not_graded(submitted: bool, graded: bool, in_gradebook: bool) -> str:
    """Why there is no grade where no reason was recorded; empty where there is one."""
    if submitted and not graded:
        return "It has not been graded yet: run course grade."
    if not in_gradebook:
        return "There is a graded notebook, but the gradebook has no points for it: grade it again."
    return ""


def _natural(text: str) -> _NaturalKey:
    """Sorts student2 before student10."""
    key = []
    for part in re.split(r"([0-9]+)", text):
        folded = part.casefold()
        is_number = part.isascii() and part.isdigit()
        number = int(part) if is_number else 0
        key.append((is_number, number, folded))
    # Texts that are alike but for their case, or for zeros, have an order, too.
    key.append((False, 0, text))
    return key
