"""What is told to the instructor stands in the graded notebook, and changes no point."""

from __future__ import annotations

import nbformat
import pytest
from classroom import notebook

from autograder.grading.submissions.look_at import things_to_look_at
from autograder.verdict import Status, Verdict

pytestmark = pytest.mark.usefixtures("small_course")
CHECK = "small-ordered"
EARNED = {CHECK: Verdict("small.ordered", Status.CORRECT, 2.0, 2.0, "")}


def told(ordered, modules=None, verdicts=None):
    nb = nbformat.from_dict(notebook(("small.ordered",), ordered=ordered))
    return things_to_look_at(nb, modules or {}, verdicts or {})


def test_a_cell_is_named_with_its_number_and_its_name():
    [line] = told("import pickle\ndef ordered(values):\n    return values")
    cell, _, rest = line.partition(" (")
    assert cell.startswith("cell ")
    assert rest == "answer-ordered): objects made out of bytes: import pickle"


def test_a_module_beside_is_named_by_its_file():
    [line] = told(
        "def ordered(values):\n    return values", {"a.b": "import threading"}
    )
    assert line == "a/b.py: a thread: import threading"


def test_the_courses_own_cells_are_not_told():
    assert told("def ordered(values):\n    return values", verdicts=EARNED) == []


def test_an_answer_that_no_cell_defines_is_told_where_it_earns_something():
    hidden = "__import__('somewhere').use()"
    assert told(hidden) == []
    assert told(hidden, verdicts=EARNED) == [
        "`ordered` is checked, and no cell defines it"
    ]
    assert told("from somewhere import *", verdicts=EARNED) == []
    assert told("from somewhere import sort as ordered", verdicts=EARNED) == []


def test_what_cannot_be_read_is_told(monkeypatch):
    monkeypatch.setattr(
        "autograder.grading.submissions.look_at.reaches", lambda cells: cells["gap"]
    )
    assert told("def ordered(values):\n    return values") == [
        "its cells could not be read"
    ]
