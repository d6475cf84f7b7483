"""The chapter "Write a question": what it shows is what happens."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from autograder import testing
from autograder.questions import catalogue

PAGE = (Path(__file__).parents[2] / "docs" / "write-a-question.md").read_text(
    encoding="utf-8"
)
QUESTION, ANSWERS, PROBES, EQUIVALENTS, CONFIG, RANDOM, TESTING = re.findall(
    r"```python\n(.*?)```", PAGE, flags=re.DOTALL
)
_PROBE = QUESTION[QUESTION.index("@standardise.probe") :]
BETTER = QUESTION.replace(_PROBE, PROBES)

pytestmark = pytest.mark.slow


@pytest.fixture
def audit(tmp_path):
    """Audits a chapter of the given source, in a course of its own; gives the exit code and the
    card.
    """

    def run(source: str) -> tuple[int, str]:
        course = tmp_path / "my_course"
        course.mkdir(exist_ok=True)
        (course / "__init__.py").touch()
        (course / "scaling.py").write_text(source, encoding="utf-8")
        root = str(Path(__file__).parents[2])
        environment = os.environ | {
            "AUTOGRADER_QUESTIONS": "my_course",
            "PYTHONPATH": os.pathsep.join([str(tmp_path), root]),
            "COLUMNS": "400",
        }
        ran = subprocess.run(
            [sys.executable, "-c", "from autograder.cli import app; app()", "audit"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        return ran.returncode, ran.stdout

    return run


def quoted(line: str) -> str:
    """A line that the page says the command prints."""
    assert line in PAGE
    return line


def test_a_weak_question_is_told_what_it_let_through(audit):
    code, card = audit(QUESTION + ANSWERS)
    assert code == 1
    for line in (
        "✗ Accepted although wrong: an answer that is right for square inputs only.",
        "✗ Too weak: 14 mutants pass; 99% must be killed.",
        "+    return (X - X.mean(axis=0)) / np.where(spread >= 0, spread, 1)",
    ):
        assert quoted(line) in card


def test_better_inputs_leave_what_is_no_error(audit):
    code, card = audit(BETTER + ANSWERS)
    assert (
        code == 1
        and quoted("Four mutants are left.")
        and "Too weak: 4 mutants pass" in card
    )
    assert (
        quoted("+    return (X - X.mean(axis=0)) / np.where(spread > 0, spread, 2)")
        in card
    )


def test_with_the_equivalent_ones_declared_the_card_is_clean(audit):
    code, card = audit(BETTER + ANSWERS + EQUIVALENTS)
    assert code == 0, card
    assert quoted("all 131 mutants that are errors are killed") and " 131 " in card


def test_a_strict_question_is_told_whom_it_rejects(audit):
    code, card = audit(
        (BETTER + ANSWERS + EQUIVALENTS).replace(
            "points=2", quoted("points=2, rtol=1e-9, atol=1e-12")
        )
    )
    assert code == 1
    assert (
        quoted(
            "✗ reference, with its result in float32: Right on 0 of "
            "5 inputs. 20 of 20 values differ"
        )
        in card
    )


def test_the_question_reaches_the_class_as_said_and_one_that_is_gone_gives_no_points(
    tmp_path,
):
    chapter = tmp_path / "my_course" / "scaling.py"
    chapter.parent.mkdir()
    (chapter.parent / "__init__.py").touch()
    chapter.write_text(BETTER + ANSWERS, encoding="utf-8")
    (tmp_path / "nbgrader_config.py").write_text(CONFIG, encoding="utf-8")
    stub, check = re.findall(r"^\| `(.*?)` \| Autogra", PAGE, flags=re.MULTILINE)
    write_notebook(tmp_path / "exercises", stub, check)
    write_notebook(
        tmp_path / "submitted" / "ann",
        "def standardise(X):\n    s = X.std(0)\n    return (X - X.mean(0)) / (s + (s == 0))",
        check,
    )
    write_notebook(
        tmp_path / "submitted" / "ben", "def standardise(X):\n    return X", check
    )

    environment = {
        name: value
        for name, value in os.environ.items()
        if name != "AUTOGRADER_QUESTIONS"
    }
    environment["PYTHONPATH"] = os.pathsep.join(
        [str(tmp_path), str(Path(__file__).parents[2])]
    )
    # as with the environment activated
    environment["PATH"] = os.pathsep.join(
        [str(Path(sys.executable).parent), os.environ["PATH"]]
    )

    def run(*command):
        ran = subprocess.run(
            [sys.executable, *command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return ran.returncode, ran.stdout + ran.stderr

    course = ("-c", "from autograder.cli import app; app()")
    code, said = run("-m", "nbgrader", "generate_assignment", "NAME", "--create")
    assert code == 0, said
    code, said = run(*course, "grade", ".", "NAME")
    assert (code, "ann: 2 of 2" in said, "ben: 2 of 2" not in said) == (
        0,
        True,
        True,
    ), said
    chapter.write_text(
        (BETTER + ANSWERS).replace("standardise", "normalise"), encoding="utf-8"
    )
    code, said = run(*course, "grade", ".", "NAME", "--regrade")
    assert (code, "no question of that name" in said) == (2, True), said
    grades = run(*course, "report", ".") and (tmp_path / "grades.csv").read_text(
        encoding="utf-8"
    )
    assert "ben" in grades and "ben,2" not in grades


def write_notebook(folder, answer, check):
    """``folder/NAME/NAME.ipynb`` with the cells that the page's table lists."""
    plain = {
        "schema_version": 3,
        "task": False,
        "grade": False,
        "solution": False,
        "locked": False,
    }
    kinds = [
        {"grade_id": "answer-standardise", "solution": True},
        {"grade_id": "scaling-standardise", "grade": True, "locked": True, "points": 2},
    ]
    cells = [
        new_code_cell("from autograder import check, hint, solution, use"),
        new_code_cell('use("numpy")'),
    ]
    cells += [
        new_code_cell(source, metadata={"nbgrader": plain | kind})
        for source, kind in zip((answer, check), kinds, strict=True)
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    path = folder / "NAME" / "NAME.ipynb"
    path.parent.mkdir(parents=True)
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)


def test_the_random_operation_is_judged_by_its_draws(tmp_path):
    (tmp_path / "flipping.py").write_text(
        f"import numpy as np\nfrom autograder import question\n{RANDOM}",
        encoding="utf-8",
    )
    question = runpy.run_path(str(tmp_path / "flipping.py"))["random_flip"]

    def flip(share, count):
        return lambda images, rng: np.where(
            (rng.random(count or len(images)) < share)[:, None, None],
            images[:, :, ::-1],
            images,
        )

    assert testing.examine(question, flip(0.5, None), framework="numpy").earned == 2
    assert testing.examine(question, flip(0.5, 1), framework="numpy").earned == 0
    assert testing.examine(question, flip(0.63, None), framework="numpy").earned == 0
    assert (
        testing.examine(
            question, lambda images, rng: images * 0, framework="numpy"
        ).details[0]
        == "An image is neither what it was nor its mirror image."
    )


def test_answers_from_elsewhere_are_judged_as_a_check_does(tmp_path, monkeypatch):
    course = tmp_path / "my_course_of_answers"
    course.mkdir()
    (course / "__init__.py").touch()
    (course / "scaling.py").write_text(BETTER + ANSWERS, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("AUTOGRADER_QUESTIONS", course.name)
    catalogue.chapters.cache_clear()
    try:
        (tmp_path / "try_answers.py").write_text(TESTING, encoding="utf-8")
        names = runpy.run_path(str(tmp_path / "try_answers.py"))
    finally:
        catalogue.chapters.cache_clear()
    assert len(set(names["seeds"])) == 3
    assert {verdict.points for verdict in names["verdicts"]} == {2}
    # It divides by zero.
    assert all(verdict.earned < 2 for verdict in names["verdicts"])
