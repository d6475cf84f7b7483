"""What stock nbgrader does with the same attacks: a course with its ordinary configuration, whose
checks are asserts in the notebook.

    PYTHONPATH=.:tests python -m attacks.stock [attack ...] 2> /dev/null

Submissions run as ordinary processes of yours: only what is harmless outside a wall is tried, that
is, attacks on scores, and on secrets that were laid out for them. It prints the points, and what
attacks on secrets learnt; the texts `Attack.stock` say what was found.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import nbformat
from classroom import NAME, exercise

from attacks.harness import (
    FULL,
    NEIGHBORS,
    POINTS,
    Attack,
    Bait,
    Hand,
    all_attacks,
    baited,
    collect,
    grading,
)
from autograder.grading.course import Course, _last_error

BAIT_ALONE = (
    "read-gradebook",
    "read-seed",
    "read-configuration",
    "read-classmate",
    "read-home",
    "read-temporary",
    "read-environment",
    "send-by-tcp",
    "send-by-udp",
    "connect-to-path",
    "connect-to-abstract",
)
"""Attacks on secrets that touch nothing but what was laid out for them."""

CONFIG = """\
c = get_config()
c.CourseDirectory.course_id = "stock"
c.CourseDirectory.source_directory = "exercises"
c.Execute.timeout = 20
"""
SETUP = "import numpy as np"
TESTS = {
    "small-total": (
        "values = np.array([1.5, 2.5, 4.0], np.float32)\nassert np.allclose(total(values), "
        "values.sum())\nassert total(values) == values.sum()"
    ),
    "small-turn": "image = np.arange(6.0).reshape(2, 3)\nassert np.allclose(turn(image), image.T)",
    "small-ordered": (
        "values = np.array([3.0, 1.0, 2.0])\nassert np.allclose(ordered(values), np.sort(values))"
    ),
    "small-patient": "assert patient(3) == 4",
}


def in_stock(
    notebook: nbformat.NotebookNode, questions: tuple[str, ...]
) -> nbformat.NotebookNode:
    """The notebook as it would be in a stock course: what the course wrote is replaced, what the
    attacker wrote stays.
    """
    ours = {
        cell.metadata.nbgrader.grade_id: cell.source
        for cell in exercise(questions).cells
    }
    for cell in notebook.cells:
        grade_id = (
            cell.metadata.get("nbgrader", {}).get("grade_id", "").strip("\u202e\u200b")
        )
        if cell.source == ours.get(grade_id) and grade_id in {"setup", *TESTS}:
            cell.source = TESTS.get(grade_id, SETUP)
    return notebook


def lay_out(bait: Bait, questions: tuple[str, ...]) -> Course:
    """A stock course with the same questions, released."""
    source = bait.course / "exercises" / NAME
    source.mkdir(parents=True)
    nbformat.write(in_stock(exercise(questions), questions), source / f"{NAME}.ipynb")
    (bait.course / "nbgrader_config.py").write_text(CONFIG, encoding="utf-8")
    (bait.course / ".course_secret").write_text("0" * 64, encoding="ascii")
    course = Course(bait.course)
    course.release(NAME)
    return course


def grade(
    course: Course, bait: Bait, student: str, hand: Hand, questions: tuple[str, ...]
) -> str:
    """Hand in, let nbgrader grade, and say what came of it."""
    in_stock(hand.notebook, questions)
    hand.write(course.root / "submitted" / student / NAME)
    result = course._run(lambda api: api.autograde(NAME, student))
    if not result["success"]:
        return f"not graded: {_last_error(result)}"
    found = collect(course, student, bait, None)
    points = (
        "no points" if found.points is None else f"{found.points:g} of {FULL:g} points"
    )
    told = f"; it told {str(found.told)[:300]}" if student in BAIT_ALONE else ""
    heard = f"; it was heard: {bait.heard}" if bait.heard else ""
    bait.heard.clear()
    return points + told + heard


def tried(attack: Attack) -> bool:
    """Whether an attack is harmless outside a wall and means anything to stock nbgrader."""
    return attack.name in BAIT_ALONE or (
        attack.kind == "score" and not attack.stock.startswith("not applicable")
    )


def main(names: list[str]) -> None:
    """Try the attacks of these names, or all that can be tried."""
    questions = tuple(f"small.{name}" for name in POINTS)
    with (
        tempfile.TemporaryDirectory(prefix="stock-") as folder,
        baited(Path(folder)) as bait,
        grading(bait),
    ):
        course = lay_out(bait, questions)
        honest = Hand(bait)
        honest.answer_all()
        print(
            f"an honest student: {grade(course, bait, NEIGHBORS[0], honest, questions)}",
            flush=True,
        )
        for attack in all_attacks():
            if tried(attack) and (not names or attack.name in names):
                hand = Hand(bait)
                attack.make(hand)
                print(
                    f"{attack.name}: {grade(course, bait, attack.name, hand, questions)}",
                    flush=True,
                )


if __name__ == "__main__":
    main(sys.argv[1:])
