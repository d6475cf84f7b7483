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
    ReportError,
    State,
    Submission,
    collect,
)

CSV, HTML = "grades.csv", "report.html"


def write(course_dir: Path) -> tuple[Path, Path]:
    """Write ``grades.csv`` and ``report.html`` into the course's folder; returns their paths.
    Raises `ReportError`.
    """
    results = collect(course_dir)
    table, page = Path(course_dir) / CSV, Path(course_dir) / HTML
    write_csv(results, table)
    write_html(results, page)
    return table, page


def write_csv(results: ClassResults, path: Path) -> None:
    """One row a student; for each assignment its points, its maximum, the late penalty and the
    state, then every question's points.

    Points are empty, not zero, where there is no grade. Text that a spreadsheet would take for a
    formula gets a leading apostrophe.
    """
    out = io.StringIO()
    table = csv.writer(out)
    header = ["student", "last_name", "first_name", "email"]
    for assignment in results.assignments:
        header += [
            assignment.name,
            f"{assignment.name} max",
            f"{assignment.name} late penalty",
            f"{assignment.name} status",
        ]
    header += [
        f"{assignment.name}: {task.label}"
        for assignment in results.assignments
        for task in assignment.tasks
    ]
    table.writerow([_plain(cell) for cell in header])
    by_key = {
        (submission.student, submission.assignment): submission
        for submission in results.submissions
    }
    for student in results.students:
        row = [student.id, student.last_name, student.first_name, student.email]
        theirs = [
            (by_key[student.id, assignment.name], assignment) for assignment in results.assignments
        ]
        for submission, assignment in theirs:
            row += [
                _number(submission.points),
                _number(assignment.points),
                _number(submission.late_penalty),
                _standing(submission),
            ]
        for submission, assignment in theirs:
            got = {mark.task: mark for mark in submission.marks}
            row += [
                _number(got[task].points) if task in got and not got[task].pending else ""
                for task in assignment.tasks
            ]
        table.writerow([_plain(cell) for cell in row])
    _replace(path, out.getvalue())


def _standing(submission: Submission) -> str:
    return f"{submission.state}, without walls" if submission.trusted else submission.state


def _plain(cell: str) -> str:
    """`cell` as text for every spreadsheet
    (https://owasp.org/www-community/attacks/CSV_Injection). Our own numbers are never negative.
    """
    risky = cell.lstrip().startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠")) or cell[:1] in (
        "\t",
        "\r",
        "\n",
    )
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
            f"{path} cannot be written: {error.strerror}. Make room or change the "
            "folder's permissions, then try again."
        ) from error


def write_html(results: ClassResults, path: Path) -> None:
    """One page that needs nothing else: no script, nothing from the network. The same results
    give the same bytes.
    """
    handed_in = [
        assignment
        for assignment in results.assignments
        if any(s.state is not State.MISSING for s in results.of(assignment))
    ]
    graded = [submission for submission in results.submissions if submission.marks]
    page = template("report", "report.html.j2").render(
        course=results.course,
        cards=_cards(results, graded),
        notes=results.notes,
        failed=[
            submission for submission in results.submissions if submission.state is State.NOT_GRADED
        ],
        by_hand=_hand_grading(results),
        distribution=picture(draw_distribution(results, handed_in)) if graded else None,
        overview=_overview(results, handed_in) if len(handed_in) > 1 else [],
        assignments=handed_in,
        sections=[_section(results, assignment) for assignment in handed_in],
        waiting=[
            assignment.name for assignment in results.assignments if assignment not in handed_in
        ],
        number=_number,
        tint=_tint,
        colours={kind.name.lower(): colour for kind, colour in COLOURS.items()},
        State=State,
        Kind=Kind,
    )
    _replace(path, page)


def _cards(results: ClassResults, graded: list[Submission]) -> list[tuple[str, str]]:
    """The headline figures: (figure, what it counts)."""
    shares = [results.share(submission) for submission in graded]
    known_shares = [share for share in shares if share is not None]
    marks = [mark for submission in graded for mark in submission.marks]
    answers = [mark for mark in marks if not mark.pending]
    solved = sum(mark.kind is Kind.SOLVED for mark in answers)
    by_hand = sum(mark.needs_manual_grade for mark in marks)
    states = [submission.state for submission in results.submissions]
    handed_in = len(states) - states.count(State.MISSING)
    students = len(results.students)
    return [
        (str(students), "student" if students == 1 else "students"),
        (f"{len(graded)} of {handed_in}", "submissions graded"),
        (f"{median(known_shares):.0%}" if known_shares else "–", "median score"),
        (f"{solved / len(answers):.0%}" if answers else "–", "of the answers solved"),
        (str(by_hand), "answers await hand grading"),
        (str(states.count(State.NOT_GRADED)), "not graded"),
    ]


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
            if students:
                rows.append((assignment.name, task.label, students))
    return rows


def _overview(
    results: ClassResults, assignments: list[Assignment]
) -> list[tuple[str, list[tuple[Submission, float | None]]]]:
    by_key = {
        (submission.student, submission.assignment): submission
        for submission in results.submissions
    }
    rows = []
    for student in results.students:
        theirs = [by_key[student.id, assignment.name] for assignment in assignments]
        shares = [results.share(submission) for submission in theirs]
        rows.append((student.id, list(zip(theirs, shares, strict=True))))
    return rows


def _section(results: ClassResults, assignment: Assignment) -> dict[str, Any]:
    """What the page says about one assignment."""
    submissions = results.of(assignment)
    graded = [submission for submission in submissions if submission.marks]
    wrong = [
        mark
        for submission in graded
        for mark in submission.marks
        if mark.kind in (Kind.PARTLY, Kind.WRONG) and mark.verdict
    ]
    rows = []
    for submission in submissions:
        marks = {mark.task: mark for mark in submission.marks}
        rows.append((submission, marks, results.share(submission)))
    return {
        "assignment": assignment,
        "labels": short_labels([task.label for task in assignment.tasks]),
        "graded": len(graded),
        "rows": rows,
        "picture": picture(draw_questions(assignment, graded)) if graded else None,
        "mistakes": _mistakes(assignment, graded),
        "wrong": len(wrong),
        "unnamed": sum(mark.verdict.mistake is None for mark in wrong if mark.verdict),
    }


def _mistakes(assignment: Assignment, graded: list[Submission]) -> list[tuple[str, str, int]]:
    """(task, mistake, how many made it), the commonest first."""
    short = short_labels([task.label for task in assignment.tasks])
    labels = dict(zip(assignment.tasks, short, strict=True))
    made = Counter(
        (labels[mark.task], mark.verdict.mistake)
        for task in assignment.tasks
        for submission in graded
        for mark in submission.marks
        if mark.task == task and mark.verdict and mark.verdict.mistake
    )
    return [(label, mistake, count) for (label, mistake), count in made.most_common()]


def _tint(share: float | None) -> str:
    """A light colour from warm (nothing) over yellow (half) to green (all); black text is
    legible on each.
    """
    if share is None:
        return "transparent"
    warm, yellow, green = (246, 214, 203), (252, 240, 208), (203, 232, 222)
    if share < 0.5:
        start, end, part = warm, yellow, share * 2
    else:
        start, end, part = yellow, green, share * 2 - 1
    mixed = [round(a + (b - a) * part) for a, b in zip(start, end, strict=True)]
    return "#" + "".join(f"{channel:02x}" for channel in mixed)
