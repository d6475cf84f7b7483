"""The class in two files, for the instructor: ``grades.csv`` for another gradebook, ``report.html`` to read.

Points come from nbgrader's gradebook, which is opened read-only; what the judge found comes from the autograded notebooks. Student ids, names and exceptions are
strangers' text: escaped in the page, and no formula in the table.
"""

from __future__ import annotations

import base64
import csv
import io
import json
import math
import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import quote

from autograder.course import ERRORS
from autograder.feedback import template
from autograder.grader import METADATA_KEY
from autograder.verdict import Status, Verdict

CSV, HTML = "grades.csv", "report.html"
PATIENCE = 5.0
"""Seconds to wait for another program that is writing to the gradebook."""


class ReportError(Exception):
    """There is nothing to report on, or no way to write it; the message says what, where, and what to do."""


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
    """One cell that is worth points. `name` is its grade id, `label` what a reader calls it."""

    notebook: str
    name: str
    points: float
    label: str


@dataclass(frozen=True)
class Mark:
    """What one submission got for one task.

    points:       what counts: the manual score where there is one, else the automatic one, with extra credit.
    auto, manual: the two parts, None where there is none (yet).
    verdict:      the judge's, without pictures; None where a person grades, or where the notebook with it is lost.
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
        return min(max(self.points / self.task.points, 0.0), 1.0) if self.task.points else 1.0

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
        return Kind.SOLVED if self.share == 1 else Kind.PARTLY if self.share else Kind.WRONG


@dataclass(frozen=True)
class Submission:
    """One student's work on one assignment. `marks` is empty and `reason` says why where it is not graded."""

    student: str
    assignment: str
    state: State
    marks: tuple[Mark, ...] = ()
    late_penalty: float = 0.0
    reason: str = ""

    @property
    def points(self) -> float | None:
        """All points less the penalty, as nbgrader counts them; None where there is no grade."""
        return round(max(sum(mark.points for mark in self.marks) - self.late_penalty, 0.0), 2) if self.marks else None


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
    submissions: one for each student and assignment, then what was handed in as an assignment that the gradebook does not have.
    notes:       things to put right.
    """

    course: str
    students: tuple[Student, ...]
    assignments: tuple[Assignment, ...]
    submissions: tuple[Submission, ...]
    notes: tuple[str, ...] = ()

    def of(self, assignment: Assignment) -> list[Submission]:
        """The submissions of one assignment, in the students' order."""
        return [submission for submission in self.submissions if submission.assignment == assignment.name]


def write(course_dir: Path) -> tuple[Path, Path]:
    """Write ``grades.csv`` and ``report.html`` into the course's folder; returns their paths. Raises `ReportError`."""
    results = collect(course_dir)
    table, page = Path(course_dir) / CSV, Path(course_dir) / HTML
    write_csv(results, table)
    write_html(results, page)
    return table, page


# --- collecting -----------------------------------------------------------------------------------------------------------------


def collect(course_dir: Path) -> ClassResults:
    """Read a course's gradebook, its autograded notebooks and its list of failures. Changes nothing. Raises `ReportError`."""
    root = Path(course_dir)
    if not root.is_dir():
        raise ReportError(f"{root} is not a folder: give the course's folder, the one with gradebook.db.")
    book = _read_gradebook(root / "gradebook.db")
    found = _read_notebooks(root / "autograded")
    submitted = set(_folders(root / "submitted"))
    reasons, notes = _read_reasons(root / ERRORS)

    assignments = _assignments(book, found)
    students = {student: Student(student) for student, _ in submitted} | book.students
    results = [
        _submission(student, assignment, book, found, submitted, reasons)
        for assignment in assignments
        for student in sorted(students, key=_natural)
    ]
    results += [
        Submission(
            *key,
            State.NOT_GRADED,
            reason=reasons.get(key, f"There is no assignment {key[1]!r} in the gradebook: is it released, is the folder's name right?"),
        )
        for key in sorted(submitted, key=lambda key: (_natural(key[1]), _natural(key[0])))
        if key[1] not in book.cells
    ]
    return ClassResults(
        course=root.resolve().name,
        students=tuple(students[name] for name in sorted(students, key=_natural)),
        assignments=tuple(assignments),
        submissions=tuple(results),
        notes=(*notes, *found.notes),
    )


@dataclass
class _Book:
    """The gradebook's contents; grades by (student, assignment), then by (notebook, grade id)."""

    students: dict[str, Student]
    cells: dict[str, list[tuple[str, str, float]]]
    grades: dict[tuple[str, str], dict[tuple[str, str], dict[str, Any]]]
    penalties: dict[tuple[str, str], float]


@dataclass
class _Notebooks:
    """What the autograded notebooks say; `present` also has those that could not be read."""

    present: set[tuple[str, str]] = field(default_factory=set)
    verdicts: dict[tuple[str, str], dict[tuple[str, str], Verdict]] = field(default_factory=dict)
    order: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def _read_gradebook(path: Path) -> _Book:
    if not path.is_file():
        raise ReportError(f"{path} does not exist: give the course's folder, and grade the class first (`course grade`).")
    from nbgrader.api import Gradebook
    from sqlalchemy.engine import URL
    from sqlalchemy.exc import SQLAlchemyError

    # Read-only, and no course id: a Gradebook otherwise creates what it misses.
    url = URL.create("sqlite", database=f"file:{quote(str(path.resolve()))}", query={"mode": "ro", "uri": "true", "timeout": str(PATIENCE)})
    try:
        with Gradebook(url, course_id="") as gradebook:
            return _contents(gradebook)
    except (SQLAlchemyError, ValueError) as error:
        raise ReportError(f"{path} cannot be read: {_what_is_wrong(error)}") from error


def _what_is_wrong(error: Exception) -> str:
    said = str(getattr(error, "orig", None) or error).splitlines()[0][:200]
    if "locked" in said:
        return "another program is writing to it. Wait until grading has finished, or close what holds it, then try again."
    if "no such column" in said:
        return f"it was made by another version of nbgrader ({said}). Run `nbgrader db upgrade` in the course's folder."
    return f"it is damaged, or no gradebook of nbgrader ({said}). Restore it from a backup, or move it away and grade the class again."


def _contents(gradebook: Any) -> _Book:
    from nbgrader import api

    db = gradebook.db
    students = {row.id: Student(row.id, row.last_name or "", row.first_name or "", row.email or "") for row in gradebook.students}
    cells = {
        assignment.name: [
            (notebook.name, cell.name, float(cell.max_score))
            for notebook in assignment.notebooks
            for cell in (*notebook.grade_cells, *notebook.task_cells)
        ]
        for assignment in gradebook.assignments
    }
    submitted, grades = api.SubmittedAssignment, {}
    query = (
        db.query(
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
    for row in query:
        facts = {
            "auto": row.auto,
            "manual": row.manual,
            "points": round(float(row.points), 2),
            "needs_manual_grade": bool(row.needs_manual_grade),
        }
        grades.setdefault((row.student, row.assignment), {})[row.notebook, row.cell] = facts
    late = db.query(submitted.student_id, api.Assignment.name, submitted.late_submission_penalty).join(
        api.Assignment, submitted.assignment_id == api.Assignment.id
    )
    return _Book(students, cells, grades, {(student, assignment): float(penalty) for student, assignment, penalty in late})


def _folders(root: Path) -> Iterator[tuple[str, str]]:
    """(student, assignment) of every folder ``root/student/assignment``."""
    for path in sorted(root.glob("*/*")):
        if path.is_dir() and not path.name.startswith(".") and not path.parent.name.startswith("."):
            yield path.parent.name, path.name


def _read_notebooks(root: Path) -> _Notebooks:
    found = _Notebooks()
    for key in _folders(root):
        for path in sorted((root / key[0] / key[1]).glob("*.ipynb")):
            found.present.add(key)
            try:
                cells, verdicts = _read_notebook(path)
            except (OSError, ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
                found.notes.append(
                    f"{path.relative_to(root.parent)} cannot be read ({type(error).__name__}). Its points are the gradebook's, its verdicts are left out: "
                    "grade this submission again."
                )
                continue
            found.order.setdefault((key[1], path.stem), cells)
            found.verdicts.setdefault(key, {}).update({(path.stem, name): verdict for name, verdict in verdicts.items()})
    return found


def _read_notebook(path: Path) -> tuple[list[str], dict[str, Verdict]]:
    """The grade ids in a notebook's order, and its verdicts by grade id."""
    notebook = json.loads(path.read_bytes())
    cells = [cell["metadata"].get("nbgrader", {}).get("grade_id") for cell in notebook["cells"]]
    stored = notebook["metadata"].get(METADATA_KEY, {}).get("verdicts", [])
    verdicts = [_verdict(summary) for summary in stored]
    return [name for name in cells if isinstance(name, str)], {verdict.question.replace(".", "-", 1): verdict for verdict in verdicts}


def _verdict(summary: dict[str, Any]) -> Verdict:
    """The inverse of `Verdict.summary`; raises for what is not one."""
    numbers = {name: float(summary[name]) for name in ("points", "earned", "seconds")}
    if not all(math.isfinite(number) for number in numbers.values()):
        raise ValueError("a number that is not finite")
    mistake = summary["mistake"]
    return Verdict(
        question=str(summary["question"]),
        status=Status(summary["status"]),
        headline=str(summary["headline"]),
        tried=int(summary["tried"]),
        passed=int(summary["passed"]),
        details=tuple(str(detail) for detail in summary["details"]),
        mistake=None if mistake is None else str(mistake),
        **numbers,
    )


def _read_reasons(path: Path) -> tuple[dict[tuple[str, str], str], list[str]]:
    try:
        listed = json.loads(path.read_bytes())
        return {(student, assignment): str(reason) for assignment, of in listed.items() for student, reason in of.items()}, []
    except FileNotFoundError:
        return {}, []
    except (OSError, ValueError, AttributeError, RecursionError):
        return {}, [
            f"{path.name} cannot be read: the reasons why submissions were not graded are missing. run course grade to write it anew."
        ]


def _assignments(book: _Book, found: _Notebooks) -> list[Assignment]:
    judged = {name for verdicts in found.verdicts.values() for name in verdicts}
    assignments = []
    for assignment, cells in book.cells.items():
        place = {
            (notebook, name): index
            for (of, notebook), names in found.order.items()
            if of == assignment
            for index, name in reversed(list(enumerate(names)))
        }
        cells = sorted(cells, key=lambda cell: (cell[0], place.get(cell[:2], len(place))))
        several = len({notebook for notebook, _, _ in cells}) > 1
        tasks = []
        for notebook, name, points in cells:
            label = name.replace("-", ".", 1) if (notebook, name) in judged else name
            tasks.append(Task(notebook, name, points, f"{notebook}: {label}" if several else label))
        assignments.append(Assignment(assignment, tuple(tasks)))
    return assignments


def _submission(
    student: str,
    assignment: Assignment,
    book: _Book,
    found: _Notebooks,
    submitted: set[tuple[str, str]],
    reasons: dict[tuple[str, str], str],
) -> Submission:
    key = student, assignment.name
    grades, verdicts = book.grades.get(key, {}), found.verdicts.get(key, {})
    handed_in = key in submitted or key in found.present
    if not handed_in and not grades:
        return Submission(*key, State.MISSING)
    reason = reasons.get(key) or _why_not_graded(key in submitted, key in found.present, bool(grades))
    if reason:
        return Submission(*key, State.NOT_GRADED, reason=reason)
    marks = tuple(
        Mark(task, **grades[task.notebook, task.name], verdict=verdicts.get((task.notebook, task.name)))
        for task in assignment.tasks
        if (task.notebook, task.name) in grades
    )
    state = State.BY_HAND if any(mark.needs_manual_grade for mark in marks) else State.GRADED
    return Submission(*key, state, marks, book.penalties.get(key, 0.0))


def _why_not_graded(submitted: bool, graded: bool, in_gradebook: bool) -> str:
    """Why there is no grade where no reason was recorded; empty where there is one."""
    if submitted and not graded:
        return "It has not been graded yet: run course grade."
    if not in_gradebook:
        return "There is a graded notebook, but the gradebook has no points for it: grade it again."
    return ""


def _natural(text: str) -> list[tuple[bool, int, str]]:
    """Sorts student2 before student10."""
    return [
        (part.isascii() and part.isdigit(), int(part) if part.isascii() and part.isdigit() else 0, part.casefold())
        for part in re.split(r"([0-9]+)", text)
    ] + [(False, 0, text)]


# --- grades.csv -----------------------------------------------------------------------------------------------------------------


def write_csv(results: ClassResults, path: Path) -> None:
    """One row a student; for each assignment its points, its maximum, the late penalty and the state, then every question's points.

    Points are empty, not zero, where there is no grade. Text that a spreadsheet would take for a formula gets a leading apostrophe.
    """
    out = io.StringIO()
    table = csv.writer(out)
    header = ["student", "last_name", "first_name", "email"]
    for assignment in results.assignments:
        header += [assignment.name, f"{assignment.name} max", f"{assignment.name} late penalty", f"{assignment.name} status"]
    header += [f"{assignment.name}: {task.label}" for assignment in results.assignments for task in assignment.tasks]
    table.writerow([_plain(cell) for cell in header])
    by_key = {(submission.student, submission.assignment): submission for submission in results.submissions}
    for student in results.students:
        row = [student.id, student.last_name, student.first_name, student.email]
        theirs = [(by_key[student.id, assignment.name], assignment) for assignment in results.assignments]
        for submission, assignment in theirs:
            row += [_number(submission.points), _number(assignment.points), _number(submission.late_penalty), submission.state]
        for submission, assignment in theirs:
            got = {mark.task: mark for mark in submission.marks}
            row += [_number(got[task].points) if task in got and not got[task].pending else "" for task in assignment.tasks]
        table.writerow([_plain(cell) for cell in row])
    _replace(path, out.getvalue())


def _plain(cell: str) -> str:
    """`cell` as text for every spreadsheet (https://owasp.org/www-community/attacks/CSV_Injection). Our own numbers are never negative."""
    risky = cell.lstrip().startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠")) or cell[:1] in ("\t", "\r", "\n")
    return f"'{cell}" if risky else cell


def _number(value: float | None) -> str:
    return "" if value is None else f"{round(value, 2):.10g}"


def _replace(path: Path, text: str) -> None:
    """Write the whole file or leave the old one."""
    path = Path(path)
    draft = path.with_name(f".{path.name}.new")
    try:
        draft.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")
        os.replace(draft, path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise ReportError(
            f"{path} cannot be written: {error.strerror}. Make room or change the folder's permissions, then try again."
        ) from error


# --- report.html ----------------------------------------------------------------------------------------------------------------


def write_html(results: ClassResults, path: Path) -> None:
    """One page that needs nothing else: no script, nothing from the network. The same results give the same bytes."""
    handed_in = [assignment for assignment in results.assignments if any(s.state is not State.MISSING for s in results.of(assignment))]
    graded = [submission for submission in results.submissions if submission.marks]
    page = template("report.html.j2").render(
        course=results.course,
        cards=_cards(results, graded),
        notes=results.notes,
        failed=[submission for submission in results.submissions if submission.state is State.NOT_GRADED],
        by_hand=_hand_grading(results),
        distribution=_picture(_draw_distribution(results, handed_in)) if graded else None,
        overview=_overview(results, handed_in) if len(handed_in) > 1 else [],
        assignments=handed_in,
        sections=[_section(results, assignment) for assignment in handed_in],
        waiting=[assignment.name for assignment in results.assignments if assignment not in handed_in],
        number=_number,
        tint=_tint,
        colours={kind.name.lower(): colour for kind, colour in COLOURS.items()},
        State=State,
        Kind=Kind,
    )
    _replace(path, page)


COLOURS = {
    Kind.SOLVED: "#2a8c82",
    Kind.PARTLY: "#e3b94f",
    Kind.WRONG: "#cf6a4c",
    Kind.ERROR: "#775a8f",
    Kind.OPEN: "#d3d9df",
    Kind.BY_HAND: "#8fb3d9",
}
_INK, _FAINT = "#25303b", "#8a94a0"


def _cards(results: ClassResults, graded: list[Submission]) -> list[tuple[str, str]]:
    """The headline figures: (figure, what it counts)."""
    shares = [share for submission in graded if (share := _share(results, submission)) is not None]
    answers = [mark for submission in graded for mark in submission.marks if not mark.pending]
    solved = sum(mark.kind is Kind.SOLVED for mark in answers)
    handed_in = sum(submission.state is not State.MISSING for submission in results.submissions)
    return [
        (str(len(results.students)), "student" if len(results.students) == 1 else "students"),
        (f"{len(graded)} of {handed_in}", "submissions graded"),
        (f"{median(shares):.0%}" if shares else "–", "median score"),
        (f"{solved / len(answers):.0%}" if answers else "–", "of the answers solved"),
        (str(sum(mark.needs_manual_grade for submission in graded for mark in submission.marks)), "answers await hand grading"),
        (str(sum(submission.state is State.NOT_GRADED for submission in results.submissions)), "not graded"),
    ]


def _share(results: ClassResults, submission: Submission) -> float | None:
    points = next(assignment.points for assignment in results.assignments if assignment.name == submission.assignment)
    return None if submission.points is None or not points else min(submission.points / points, 1.0)


def _hand_grading(results: ClassResults) -> list[tuple[str, str, list[str]]]:
    """(assignment, task, students) of what a person must look at."""
    rows = []
    for assignment in results.assignments:
        for task in assignment.tasks:
            students = [
                submission.student
                for submission in results.of(assignment)
                if any(mark.task == task and mark.needs_manual_grade for mark in submission.marks)
            ]
            rows += [(assignment.name, task.label, students)] if students else []
    return rows


def _overview(results: ClassResults, assignments: list[Assignment]) -> list[tuple[str, list[tuple[Submission, float | None]]]]:
    by_key = {(submission.student, submission.assignment): submission for submission in results.submissions}
    rows = []
    for student in results.students:
        theirs = [by_key[student.id, assignment.name] for assignment in assignments]
        rows.append((student.id, [(submission, _share(results, submission)) for submission in theirs]))
    return rows


def _section(results: ClassResults, assignment: Assignment) -> dict[str, Any]:
    """What the page says about one assignment."""
    submissions = results.of(assignment)
    graded = [submission for submission in submissions if submission.marks]
    wrong = [mark for submission in graded for mark in submission.marks if mark.kind in (Kind.PARTLY, Kind.WRONG) and mark.verdict]
    return {
        "assignment": assignment,
        "labels": _short([task.label for task in assignment.tasks]),
        "graded": len(graded),
        "rows": [(s, {mark.task: mark for mark in s.marks}, _share(results, s)) for s in submissions],
        "picture": _picture(_draw_questions(assignment, graded)) if graded else None,
        "mistakes": _mistakes(assignment, graded),
        "wrong": len(wrong),
        "unnamed": sum(mark.verdict.mistake is None for mark in wrong),
    }


def _mistakes(assignment: Assignment, graded: list[Submission]) -> list[tuple[str, str, int]]:
    """(task, mistake, how many made it), the commonest first."""
    labels = dict(zip(assignment.tasks, _short([task.label for task in assignment.tasks]), strict=True))
    made = Counter(
        (labels[mark.task], mark.verdict.mistake)
        for task in assignment.tasks
        for submission in graded
        for mark in submission.marks
        if mark.task == task and mark.verdict and mark.verdict.mistake
    )
    return [(label, mistake, count) for (label, mistake), count in made.most_common()]


def _short(labels: list[str]) -> list[str]:
    """The labels without the chapter where all share it."""
    chapters = {label.partition(".")[0] for label in labels if "." in label}
    return [label.partition(".")[2] or label for label in labels] if len(chapters) == 1 else labels


def _tint(share: float | None) -> str:
    """A light colour from warm (nothing) over yellow (half) to green (all); black text is legible on each."""
    if share is None:
        return "transparent"
    stops = ((246, 214, 203), (252, 240, 208), (203, 232, 222))
    low, part = (0, share * 2) if share < 0.5 else (1, share * 2 - 1)
    return "#" + "".join(f"{round(a + (b - a) * part):02x}" for a, b in zip(stops[low], stops[low + 1], strict=True))


# --- pictures -------------------------------------------------------------------------------------------------------------------


def _picture(figure: Any) -> str:
    """A figure as the address of an inline SVG; the same figure gives the same text."""
    import matplotlib

    out = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "report", "svg.fonttype": "path"}):
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return "data:image/svg+xml;base64," + base64.b64encode(out.getvalue()).decode()


def _literal(text: str, most: int = 44) -> str:
    """`text` as matplotlib draws it unchanged: no formulas between dollar signs, nothing that cannot be encoded, not endless."""
    text = text if len(text) <= most else text[: most - 1] + "…"
    return text.encode("utf-8", "backslashreplace").decode().replace("$", r"\$")


def _tidy(axes: Any) -> None:
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(_FAINT)
    axes.tick_params(length=0, labelsize=9, labelcolor=_INK)
    axes.set_axisbelow(True)


def _draw_distribution(results: ClassResults, assignments: list[Assignment]) -> Any:
    """How many submissions reached which share of the points: one histogram an assignment."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    shares = {a.name: [share for s in results.of(a) if (share := _share(results, s)) is not None] for a in assignments}
    shares = {name: values for name, values in shares.items() if values}
    columns = min(len(shares), 3) or 1
    rows = -(-len(shares) // columns) or 1
    figure = Figure(figsize=(9.6, 2.5 * rows), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.08)
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    for axes, (name, values) in zip(panels, shares.items(), strict=False):
        _tidy(axes)
        axes.hist(values, bins=[i / 10 for i in range(11)], color="#5b8db8", rwidth=0.9)
        axes.axvline(median(values), color=_INK, linewidth=1.1, linestyle=(0, (4, 3)))
        axes.set_title(_literal(name), loc="left", fontsize=10, color=_INK, fontweight="bold")
        axes.set_title(f"median {median(values):.0%}, n = {len(values)}", loc="right", fontsize=8.5, color=_FAINT)
        axes.xaxis.set_major_formatter(PercentFormatter(1))
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True, min_n_ticks=1))
        axes.grid(axis="y", color="#e8ebee")
        axes.set_xlim(-0.01, 1.01)
        axes.set_xlabel("share of the points", fontsize=9, color=_INK)
    for axes in panels[:: columns or 1]:
        axes.set_ylabel("submissions", fontsize=9, color=_INK)
    for axes in panels[len(shares) :]:
        axes.set_visible(False)
    return figure


def _draw_questions(assignment: Assignment, graded: list[Submission]) -> Any:
    """Left, what became of the answers to each question; right, how long the judge's calls of each took."""
    from matplotlib.figure import Figure

    marks = {task: [mark for submission in graded for mark in submission.marks if mark.task == task] for task in assignment.tasks}
    height = 0.34 * len(marks) + 1.05
    figure = Figure(figsize=(9.6, height), layout="constrained")
    answers, seconds = figure.subplots(1, 2, sharey=True, width_ratios=(5, 3))
    _draw_answers(answers, marks, len(graded))
    _draw_seconds(seconds, marks)
    answers.set_yticks(range(len(marks)), [_literal(label) for label in _short([task.label for task in marks])])
    answers.set_ylim(len(marks) - 0.45, -0.55)
    figure.legend(
        *answers.get_legend_handles_labels(),
        loc="outside upper left",
        ncols=6,
        frameon=False,
        fontsize=8.5,
        handlelength=1,
        columnspacing=1.4,
        labelcolor=_INK,
    )
    return figure


def _draw_answers(axes: Any, marks: dict[Task, list[Mark]], submissions: int) -> None:
    from matplotlib.ticker import MaxNLocator

    _tidy(axes)
    start = [0] * len(marks)
    for kind, colour in COLOURS.items():
        counts = [sum(mark.kind is kind for mark in of_task) for of_task in marks.values()]
        if not any(counts):
            continue
        axes.barh(range(len(marks)), counts, left=start, color=colour, height=0.72, label=str(kind), edgecolor="white", linewidth=0.8)
        ink = "white" if kind in (Kind.SOLVED, Kind.WRONG, Kind.ERROR) else _INK
        for row, count in enumerate(counts):
            if count and count >= submissions / 40:  # else there is no room for the figure
                axes.text(start[row] + count / 2, row, count, ha="center", va="center", fontsize=8, color=ink)
        start = [a + b for a, b in zip(start, counts, strict=True)]
    axes.set_xlim(0, submissions)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
    axes.set_xlabel("submissions", fontsize=9, color=_INK)


def _draw_seconds(axes: Any, marks: dict[Task, list[Mark]]) -> None:
    """One dot an answer, its height spread by a fixed pattern; a stroke at the median."""
    from matplotlib.ticker import FuncFormatter, NullLocator

    _tidy(axes)
    axes.set_xscale("log")
    times, heights, colours = [], [], []
    for row, of_task in enumerate(marks.values()):
        judged = [mark for mark in of_task if mark.verdict and mark.verdict.tried and mark.verdict.seconds > 0]
        seconds = [mark.verdict.seconds for mark in judged]
        times += seconds
        # Steps of the golden ratio: neighbours never coincide, and there is no chance in it.
        heights += [row + 0.5 * ((index * 0.618034) % 1 - 0.5) for index in range(len(judged))]
        colours += [COLOURS[mark.kind] for mark in judged]
        if seconds:
            axes.plot([median(seconds)] * 2, [row - 0.34, row + 0.34], color=_INK, linewidth=1.4, solid_capstyle="butt", zorder=3)
    axes.scatter(times, heights, s=13, c=colours, linewidths=0, alpha=0.85, zorder=2)
    axes.set_xlim(min(times, default=0.1) / 1.6, max(times, default=10) * 1.6)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} s"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.grid(axis="x", color="#e8ebee")
    axes.set_xlabel("time in the judge", fontsize=9, color=_INK)
