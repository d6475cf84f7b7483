"""Grade one class again and again: every verdict must come out the same, to the last digit.

    python -m benchmarks.regrades --times 200

Students of the demonstration class on chapter 02: right in both frameworks, mistaken, noisy, half
done, crashing. Exit code 1 at the first difference.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Annotated

import nbformat
import typer
from rich.progress import track

from autograder import demo
from autograder.grading import batch
from autograder.grading.course import Course
from autograder.grading.layout import METADATA_KEY
from autograder.questions import material

ASSIGNMENT = "02-convolution"
STUDENTS = (
    "all_torch",
    "all_gluon",
    "other_style",
    "mistake_1",
    "noisy",
    "half_done",
    "crash",
)


def verdicts(course: Course) -> dict[str, list[dict]]:
    """Every student's verdicts as they stand in the graded notebooks."""
    found = {}
    for student in STUDENTS:
        path = course.root / "autograded" / student / ASSIGNMENT / f"{ASSIGNMENT}.ipynb"
        of_student = nbformat.read(path, as_version=4).metadata[METADATA_KEY][
            "verdicts"
        ]
        found[student] = [
            {name: value for name, value in verdict.items() if name != "seconds"}
            for verdict in of_student
        ]
    return found


def main(
    times: Annotated[int, typer.Option(help="How often the class is graded.")] = 200,
    workers: int = 2,
) -> None:
    """Regrade, and compare."""
    with tempfile.TemporaryDirectory(prefix="regrades-") as folder:
        course = demo.lay_out(material.find(), Path(folder) / "course")
        course.release(ASSIGNMENT)
        demo.hand_in(course, ASSIGNMENT)
        work = [(ASSIGNMENT, student) for student in STUDENTS]
        first = None
        for number in track(range(1, times + 1), "grading again"):
            batch.grade(course, work, workers=workers, regrade=True)
            now = verdicts(course)
            first = first or now
            if now != first:
                different = [
                    student for student in STUDENTS if now[student] != first[student]
                ]
                print(
                    f"Regrade {number} differs for {', '.join(different)}.",
                    file=sys.stderr,
                )
                raise typer.Exit(1)
    count = sum(len(of_student) for of_student in first.values())
    print(
        f"{times} gradings of {len(STUDENTS)} submissions: the same {count} verdicts every time."
    )


if __name__ == "__main__":
    typer.run(main)
