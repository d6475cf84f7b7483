"""The chapter "Write a question": what it shows is what happens."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "write-a-question.md").read_text(encoding="utf-8")
QUESTION, ANSWERS, PROBES, EQUIVALENTS = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
_PROBE = QUESTION[QUESTION.index("@standardise.probe") :]
BETTER = QUESTION.replace(_PROBE, PROBES)

pytestmark = pytest.mark.slow


@pytest.fixture
def audit(tmp_path):
    """Audits a chapter of the given source, in a course of its own; gives the exit code and the card."""

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
    assert code == 1 and quoted("Four mutants are left.") and "Too weak: 4 mutants pass" in card
    assert quoted("+    return (X - X.mean(axis=0)) / np.where(spread > 0, spread, 2)") in card


def test_with_the_equivalent_ones_declared_the_card_is_clean(audit):
    code, card = audit(BETTER + ANSWERS + EQUIVALENTS)
    assert code == 0, card
    assert quoted("all 131 mutants that are errors are killed") and " 131 " in card


def test_a_strict_question_is_told_whom_it_rejects(audit):
    code, card = audit((BETTER + ANSWERS + EQUIVALENTS).replace("points=2", quoted("points=2, rtol=1e-9, atol=1e-12")))
    assert code == 1
    assert quoted("✗ reference, with its result in float32: Right on 0 of 5 inputs. 20 of 20 values differ") in card
