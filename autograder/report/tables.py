"""The class in two files, for the instructor: ``grades.csv`` for another gradebook, ``report.html``
to read.

Points come from nbgrader's gradebook, which is opened read-only; what the judge found comes from
the autograded notebooks. Student ids, names and exceptions are strangers' text: escaped in the
page, and no formula in the table.
"""

from __future__ import annotations

import csv
import io
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from autograder.pages import template
from autograder.report.pictures import (
    COLOURS,
    draw_distribution,
    draw_questions,
    picture,
    short_labels,
)
from autograder.report.results import (
    Assignment,
    ClassResults,
    Kind,
    Mark,
    ReportError,
    State,
    SubmissionResult,
    Task,
    collect,
)

CSV = "grades.csv"
HTML = "report.html"
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
_CONTROL = ("\t", "\r", "\n")
_NO_FIGURE = "–"

# Colours of the lowest, the middle and the highest share of the points.
_WARM = (246, 214, 203)
_YELLOW = (252, 240, 208)
_GREEN = (203, 232, 222)


def write(course_dir: Path) -> tuple[Path, Path]:
    """Write ``grades.csv`` and ``report.html`` into the course's folder; returns their paths.
    Raises `ReportError`.
    """
    folder = Path(course_dir)
    results = collect(folder)
    table = folder / CSV
    page = folder / HTML
    write_csv(results, table)
    write_html(results, page)
    return table, page


def write_csv(results: ClassResults, path: Path) -> None:
    """One row a student; for each assignment its points, its maximum, the late penalty and the
    state, then every question's points, then what to look at.

    Points are empty, not zero, where there is no grade. Text that a spreadsheet would take for a
    formula gets a leading apostrophe.
    """
    rows = [_header(results.assignments)]
    by_key = _by_key(results)
    for student in results.students:
        row = [student.id, student.last_name, student.first_name, student.email]
        theirs = [
            by_key[student.id, assignment.name] for assignment in results.assignments
        ]
        for assignment, submission in zip(results.assignments, theirs, strict=True):
            row += [
                _number(submission.points),
                _number(assignment.points),
                _number(submission.late_penalty),
                _standing(submission),
            ]
        for assignment, submission in zip(results.assignments, theirs, strict=True):
            row += _points_by_task(assignment, submission)
        row += ["; ".join(submission.look_at) for submission in theirs]
        rows.append(row)
    out = io.StringIO()
    table = csv.writer(out)
    for row in rows:
        table.writerow([_plain(cell) for cell in row])
    _replace(path, out.getvalue())


def _header(assignments: Sequence[Assignment]) -> list[str]:
    header = ["student", "last_name", "first_name", "email"]
    for assignment in assignments:
        header += [
            assignment.name,
            f"{assignment.name} max",
            f"{assignment.name} late penalty",
            f"{assignment.name} status",
        ]
    for assignment in assignments:
        header += [f"{assignment.name}: {task.label}" for task in assignment.tasks]
    header += [f"{assignment.name} look at" for assignment in assignments]
    return header


def _by_key(results: ClassResults) -> dict[tuple[str, str], SubmissionResult]:
    """The submissions by student and assignment."""
    by_key = {}
    for submission in results.submissions:
        key = submission.student, submission.assignment
        by_key[key] = submission
    return by_key


def _points_by_task(assignment: Assignment, submission: SubmissionResult) -> list[str]:
    """The points for each task of the assignment, empty where there are none yet."""
    marks = {mark.task: mark for mark in submission.marks}
    points = []
    for task in assignment.tasks:
        mark = marks.get(task)
        if mark is None or mark.pending:
            points.append("")
        else:
            points.append(_number(mark.points))
    return points


def _standing(submission: SubmissionResult) -> str:
    if submission.trusted:
        return f"{submission.state}, without walls"
    return submission.state


def _plain(cell: str) -> str:
    """`cell` as text for every spreadsheet
    (https://owasp.org/www-community/attacks/CSV_Injection). Our own numbers are never negative.
    """
    text = cell.lstrip()
    if text.startswith(_FORMULA) or cell.startswith(_CONTROL):
        return f"'{cell}"
    return cell


def _number(value: float | None) -> str:
    if value is None:
        return ""
    rounded = round(value, 2)
    return f"{rounded:.10g}"


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
            f"{path} cannot be written: {error.strerror}. Make room or change the "
            "folder's permissions, then try again."
        ) from error


def write_html(results: ClassResults, path: Path) -> None:
    """One page that needs nothing else: no script, nothing from the network. The same results
    give the same bytes.
    """
    handed_in = []
    waiting = []
    for assignment in results.assignments:
        if _is_handed_in(results, assignment):
            handed_in.append(assignment)
        else:
            waiting.append(assignment.name)
    submissions = results.submissions
    graded = [submission for submission in submissions if submission.marks]
    failed = [
        submission for submission in submissions if submission.state is State.NOT_GRADED
    ]
    page = template("report", "report.html.j2").render(
        course=results.course,
        cards=_cards(results, graded),
        notes=results.notes,
        failed=failed,
        by_hand=_hand_grading(results),
        look_at=[submission for submission in submissions if submission.look_at],
        distribution=picture(draw_distribution(results, handed_in)) if graded else None,
        overview=_overview(results, handed_in) if len(handed_in) > 1 else [],
        assignments=handed_in,
        sections=[_section(results, assignment) for assignment in handed_in],
        waiting=waiting,
        number=_number,
        tint=_tint,
        colours={kind.name.lower(): colour for kind, colour in COLOURS.items()},
        State=State,
        Kind=Kind,
    )
    _replace(path, page)


def _is_handed_in(results: ClassResults, assignment: Assignment) -> bool:
    """Whether anybody has handed in anything for the assignment."""
    submissions = results.of(assignment)
    return any(submission.state is not State.MISSING for submission in submissions)


def _cards(
    results: ClassResults, graded: list[SubmissionResult]
) -> list[tuple[str, str]]:
    """The headline figures: (figure, what it counts)."""
    students = len(results.students)
    states = [submission.state for submission in results.submissions]
    handed_in = len(states) - states.count(State.MISSING)
    not_graded = states.count(State.NOT_GRADED)
    marks = _marks(graded)
    by_hand = sum(mark.needs_manual_grade for mark in marks)
    return [
        (str(students), "student" if students == 1 else "students"),
        (f"{len(graded)} of {handed_in}", "submissions graded"),
        (_median_share(results, graded), "median score"),
        (_solved_share(marks), "of the answers solved"),
        (str(by_hand), "answers await hand grading"),
        (str(not_graded), "not graded"),
    ]


def _marks(submissions: list[SubmissionResult]) -> list[Mark]:
    """The marks of all these submissions."""
    marks: list[Mark] = []
    for submission in submissions:
        marks += submission.marks
    return marks


def _median_share(results: ClassResults, graded: list[SubmissionResult]) -> str:
    known = []
    for submission in graded:
        share = results.share(submission)
        if share is not None:
            known.append(share)
    if not known:
        return _NO_FIGURE
    middle = median(known)
    return f"{middle:.0%}"


def _solved_share(marks: list[Mark]) -> str:
    answers = [mark for mark in marks if not mark.pending]
    if not answers:
        return _NO_FIGURE
    solved = sum(mark.kind is Kind.SOLVED for mark in answers)
    share = solved / len(answers)
    return f"{share:.0%}"


def _hand_grading(results: ClassResults) -> list[tuple[str, str, list[str]]]:
    """(assignment, task, students) of what a person must look at."""
    rows = []
    for assignment in results.assignments:
        students_by_task: dict[Task, list[str]] = {
            task: [] for task in assignment.tasks
        }
        for submission in results.of(assignment):
            for mark in submission.marks:
                if mark.needs_manual_grade:
                    students_by_task[mark.task].append(submission.student)
        for task, students in students_by_task.items():
            if students:
                rows.append((assignment.name, task.label, students))
    return rows


def _overview(
    results: ClassResults, assignments: list[Assignment]
) -> list[tuple[str, list[tuple[SubmissionResult, float | None]]]]:
    """(student, their submissions, each with its share of the points)."""
    by_key = _by_key(results)
    rows = []
    for student in results.students:
        theirs = []
        for assignment in assignments:
            submission = by_key[student.id, assignment.name]
            share = results.share(submission)
            theirs.append((submission, share))
        rows.append((student.id, theirs))
    return rows


def _section(results: ClassResults, assignment: Assignment) -> dict[str, Any]:
    """What the page says about one assignment."""
    submissions = results.of(assignment)
    rows = []
    for submission in submissions:
        by_task = {mark.task: mark for mark in submission.marks}
        rows.append((submission, by_task, results.share(submission)))
    graded = [submission for submission in submissions if submission.marks]
    judged_wrong = []
    for mark in _marks(graded):
        is_wrong = mark.kind in (Kind.PARTLY, Kind.WRONG)
        if is_wrong and mark.verdict is not None:
            judged_wrong.append(mark.verdict)
    return {
        "assignment": assignment,
        "labels": short_labels([task.label for task in assignment.tasks]),
        "graded": len(graded),
        "rows": rows,
        "picture": picture(draw_questions(assignment, graded)) if graded else None,
        "mistakes": _mistakes(assignment, graded),
        "wrong": len(judged_wrong),
        "unnamed": sum(verdict.mistake is None for verdict in judged_wrong),
    }


def _mistakes(
    assignment: Assignment, graded: list[SubmissionResult]
) -> list[tuple[str, str, int]]:
    """(task, mistake, how many made it), the commonest first."""
    labels = short_labels([task.label for task in assignment.tasks])
    marks = _marks(graded)
    made: Counter[tuple[str, str]] = Counter()
    for task, label in zip(assignment.tasks, labels, strict=True):
        for mark in marks:
            verdict = mark.verdict
            if mark.task != task or verdict is None:
                continue
            mistake = verdict.mistake
            if mistake:
                made[label, mistake] += 1
    rows = []
    for (label, mistake), count in made.most_common():
        rows.append((label, mistake, count))
    return rows


def _tint(share: float | None) -> str:
    """A light colour from warm (nothing) over yellow (half) to green (all); black text is
    legible on each.
    """
    if share is None:
        return "transparent"
    if share < 0.5:
        return _mixed(_WARM, _YELLOW, share * 2)
    return _mixed(_YELLOW, _GREEN, share * 2 - 1)


def _mixed(start: tuple[int, ...], end: tuple[int, ...], part: float) -> str:
    """The colour that lies at `part` of the way from `start` to `end`."""
    channels = []
    for first, last in zip(start, end, strict=True):
        distance = last - first
        channel = first + distance * part
        channels.append(round(channel))
    digits = bytes(channels).hex()
    return f"#{digits}"
