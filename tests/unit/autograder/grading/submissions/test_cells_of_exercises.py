"""The same things happen to every exercise's notebook when people hand it in: of each locked cell,
each check and each written answer.
"""

from __future__ import annotations

import copy
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_output

from autograder.grading.execution.context import (
    BELOW,
    Context,
    definitions,
    reworded,
    why_not_asked,
)
from autograder.grading.submissions.cells import (
    added_note,
    is_graded,
    metadata_of,
    own_texts,
    restore,
)
from autograder.questions.definition import Answer, Question
from autograder.verdict import Status, Verdict

ROOT = Path(__file__).parents[5]
FILES = sorted((ROOT / "exercises").glob("*/*.ipynb"))
TEXT = "A sentence of the student's own."


def read(file):
    """The exercise, and its cells as `restore` is told of them."""
    notebook = nbformat.read(file, as_version=4)
    course = {}
    for cell in notebook.cells:
        facts = metadata_of(cell)
        if not facts:
            continue
        plain = copy.deepcopy(cell)
        plain.metadata = NotebookNode(nbgrader=facts)
        fixed = bool(facts["locked"] and not facts["solution"])
        course[facts["grade_id"]] = plain, fixed
    return notebook, course


EXERCISES = {file.stem: read(file) for file in FILES}


@pytest.fixture(params=EXERCISES)
def exercise(request):
    notebook, course = EXERCISES[request.param]
    return copy.deepcopy(notebook), course


def cell_of(notebook, name):
    return next(
        cell for cell in notebook.cells if metadata_of(cell).get("grade_id") == name
    )


def function_of(check):
    return check.source.rpartition(", ")[2].rstrip(")")


def checks(course):
    return [cell for cell, _ in course.values() if is_graded(cell)]


def test_every_exercise_has_checks():
    assert EXERCISES
    assert all(checks(course) for _, course in EXERCISES.values())


def test_as_it_was_handed_out_nothing_is_named_and_nothing_is_the_student_s(exercise):
    notebook, course = exercise
    sources = [cell.source for cell in notebook.cells]
    restored = restore(notebook, course)
    assert [cell.source for cell in restored.cells] == sources
    assert own_texts(restored.cells, sources) == []


def test_a_line_added_to_any_locked_cell_runs_before_it(exercise):
    notebook, course = exercise
    fixed = [name for name, (_, fixed) in course.items() if fixed]
    for name in fixed:
        cell = cell_of(notebook, name)
        cell.source = f"{cell.source}\n{TEXT!r}"
    cells = restore(notebook, course).cells
    for name in fixed:
        at = next(
            i
            for i, cell in enumerate(cells)
            if metadata_of(cell).get("grade_id") == name
        )
        assert cells[at].source == course[name][0].source
        assert cells[at - 2].source == added_note(name)
        assert cells[at - 1].source.endswith(repr(TEXT))
        assert not metadata_of(cells[at - 1])


def test_any_answer_may_stand_in_its_check_s_cell(exercise):
    notebook, course = exercise
    for check in checks(course):
        name = function_of(check)
        cell = cell_of(notebook, metadata_of(check)["grade_id"])
        cell.source = f"def {name}(*args):\n    return {name!r}\n\n{check.source}"
        notebook.cells.remove(cell_of(notebook, f"answer-{name}"))
    cells = restore(notebook, course).cells
    for check in checks(course):
        at = [cell.source for cell in cells].index(check.source)
        assert definitions(function_of(check), cells[at - 1 : at])
        assert [is_graded(cell) for cell in cells[at - 1 : at + 1]] == [False, True]


def test_any_answer_below_its_check_is_told_so(exercise):
    notebook, course = exercise
    for check in checks(course):
        name, grade_id = function_of(check), metadata_of(check)["grade_id"]
        question = Question(f"chapter.{name}", 1.0, Answer(print, "numpy"))
        at = notebook.cells.index(cell_of(notebook, grade_id))
        earlier, later = notebook.cells[:at], notebook.cells[at + 1 :]
        stub = Verdict(
            question.name, Status.NOT_ATTEMPTED, 1.0, 0.0, "Not attempted yet."
        )
        assert reworded(stub, question, Context(earlier, later)) == stub
        below = [*later, new_code_cell(f"def {name}(*args):\n    return 1")]
        assert reworded(stub, question, Context(earlier, below)).headline.endswith(
            BELOW
        )
        error = new_output(
            "error", ename="NameError", evalue=f"name {name!r} is not defined"
        )
        call = new_code_cell(check.source, outputs=[error])
        earlier = [cell for cell in earlier if not definitions(name, [cell])]
        found = why_not_asked(question, call, Context(earlier, below))
        assert found.headline == f"There is no `{name}`: {BELOW}"


def test_a_text_beside_any_statement_is_the_student_s(exercise):
    notebook, _ = exercise
    sources = [cell.source for cell in notebook.cells]
    statements = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    for statement in (cell for cell in statements if not metadata_of(cell)):
        before = statement.source
        statement.source = f"{before}\n\n{TEXT}"
        assert len(own_texts(notebook.cells, sources)) == 1
        statement.source = before
