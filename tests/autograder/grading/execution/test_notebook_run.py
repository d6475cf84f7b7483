"""nbgrader's own path with the judge in it: a real course, real kernels, a real gradebook. What
arrives in a submission changes no score but by its answers.
"""

import copy
import json
import os
import re
import subprocess
import sys
import types
from pathlib import Path

import classroom
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell
from nbgrader.api import Gradebook

from autograder import demo
from autograder.grading import worker
from autograder.grading.course import CourseError
from autograder.grading.execution import cell_runner
from autograder.grading.layout import METADATA_KEY
from autograder.grading.secret import course_secret
from autograder.judge.code.modules_beside import modules_beside
from autograder.questions import catalogue
from autograder.questions.names import grade_id
from autograder.values import frameworks

ROOT = Path(__file__).parents[4]
NAME = "02-convolution"
FIRST, SECOND = "convolution.output_size", "convolution.cross_correlate"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """The project's course with chapter 02 released, and a way to grade one notebook in it."""
    course = demo.lay_out(ROOT, tmp_path_factory.mktemp("course") / "course")
    course.release(NAME)
    return course


@pytest.fixture
def draft(course, request):
    """A draft by a student of this test's own, with the first two questions answered right."""
    source = nbformat.read(
        course.root / "release" / NAME / f"{NAME}.ipynb", as_version=4
    )
    draft = demo.Draft(
        source, NAME, request.node.name.replace("[", "-").replace("]", "")
    )
    for name in (FIRST, SECOND):
        draft.write(catalogue.find(name), catalogue.find(name).reference)
    return draft


def grade(course, draft):
    """Hand in and grade; returns (verdict summaries by question, points in the gradebook, the
    autograded notebook).
    """
    path = course.root / "submitted" / draft.student / NAME / f"{NAME}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(nbformat.writes(draft.notebook), encoding="utf-8")
    graded = classroom.grade_here(course, draft.student, NAME)
    assert graded.reason is None, graded.reason
    return results(course, draft.student)


def results(course, student):
    notebook = nbformat.read(
        course.root / "autograded" / student / NAME / f"{NAME}.ipynb", as_version=4
    )
    with Gradebook(f"sqlite:///{course.root / 'gradebook.db'}") as gradebook:
        submission = gradebook.find_submission(NAME, student)
        points = sum(
            grade.auto_score or 0.0
            for note in submission.notebooks
            for grade in note.grades
        )
    return (
        {
            verdict["question"]: verdict
            for verdict in notebook.metadata[METADATA_KEY]["verdicts"]
        },
        points,
        notebook,
    )


def full_points(*names):
    return sum(catalogue.find(name).points for name in names)


def test_right_answers_earn_their_points_and_the_rest_is_not_attempted(course, draft):
    verdicts, points, notebook = grade(course, draft)
    assert points == full_points(FIRST, SECOND)
    assert {
        name for name, verdict in verdicts.items() if verdict["status"] == "correct"
    } == {
        FIRST,
        SECOND,
    }
    assert {
        verdict["status"]
        for name, verdict in verdicts.items()
        if name not in (FIRST, SECOND)
    } == {"not attempted"}
    [output] = draft_check(notebook, FIRST).outputs
    assert "Correct on all" in output.data["text/html"]


def draft_check(notebook, name):
    return next(
        cell
        for cell in notebook.cells
        if cell.metadata.get("nbgrader", {}).get("grade_id") == grade_id(name)
    )


def test_regrading_gives_the_same_verdicts(course, draft):
    draft.answer_cell(catalogue.find(SECOND)).source = (
        catalogue.find(SECOND).mistakes[0].source("cross_correlate")
    )
    first, points, _ = grade(course, draft)
    again, points_again, _ = grade(course, draft)

    def without_time(verdicts):
        return [
            {key: value for key, value in verdict.items() if key != "seconds"}
            for verdict in verdicts.values()
        ]

    assert without_time(first) == without_time(again)
    assert points == points_again


def test_the_command_line_of_nbgrader_takes_the_same_path(course, draft):
    verdicts, points, _ = grade(course, draft)
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    }
    command = [
        sys.executable,
        "-m",
        "nbgrader",
        "autograde",
        NAME,
        "--student",
        draft.student,
        "--force",
    ]
    subprocess.run(
        command, cwd=course.root, env=environment, check=True, capture_output=True
    )
    by_command, points_by_command, _ = results(course, draft.student)
    assert points_by_command == points
    assert {name: verdict["earned"] for name, verdict in by_command.items()} == {
        name: verdict["earned"] for name, verdict in verdicts.items()
    }


def test_the_feedback_page_shows_the_verdict(course, draft):
    mistake = catalogue.find(SECOND).mistakes[0]
    draft.write(catalogue.find(SECOND), mistake)
    grade(course, draft)
    course.feedback(NAME, draft.student)
    page = (course.root / "feedback" / draft.student / NAME / f"{NAME}.html").read_text(
        encoding="utf-8"
    )
    assert "Correct on all" in page
    assert mistake.message.partition("'")[0].partition("`")[0][:30] in page
    assert not re.findall(r"<[^>]*\b(?:src|href)=[^>]*//[^>]*>", page)


def test_an_endless_loop_in_a_cell_costs_that_cell(course, draft):
    cell = draft.answer_cell(catalogue.find(FIRST))
    cell.source = "while True:\n    pass\n" + cell.source
    course_config(course, timeout=3)
    verdicts, points, _ = grade(course, draft)
    assert points == full_points(SECOND)
    assert "There is no `output_size`" in verdicts[FIRST]["headline"]


def test_a_cell_that_waits_for_a_busy_machine_loses_no_time(course, draft):
    """It may work for three seconds."""
    cell = draft.answer_cell(catalogue.find(FIRST))
    cell.source = "import time\ntime.sleep(4)\n" + cell.source
    course_config(course, timeout=3)
    assert grade(course, draft)[1] == full_points(FIRST, SECOND)


def test_a_cell_that_sleeps_ends_at_the_wall_limit(course, draft, monkeypatch):
    monkeypatch.setattr(
        cell_runner, "patience", lambda seconds: 6.0 if seconds == 3 else 600.0
    )
    cell = draft.answer_cell(catalogue.find(FIRST))
    cell.source = "import time\ntime.sleep(1000)\n" + cell.source
    course_config(course, timeout=3)
    verdicts, points, notebook = grade(course, draft)
    assert points == full_points(SECOND)
    assert "There is no `output_size`" in verdicts[FIRST]["headline"]
    sentence = "The cell had not ended after 6 seconds by the clock and was stopped."
    assert sentence in json.dumps(notebook.cells)


def course_config(course, timeout):
    """A shorter patience for one course, as an instructor would set it."""
    config = course.root / "nbgrader_config.py"
    line = f"c.JudgedExecute.timeout = {timeout}\n"
    if line not in config.read_text(encoding="utf-8"):
        config.write_text(config.read_text(encoding="utf-8") + line, encoding="utf-8")
    course._api = None
    worker._config.cache_clear()  # it reads a course's once


@pytest.mark.parametrize(
    "death",
    [
        "import os; os._exit(0)",
        "import ctypes; ctypes.string_at(0)",
        "import os; os.abort()",
    ],
    ids=["exit", "fault", "abort"],
)
def test_a_cell_that_ends_the_kernel_costs_that_cell(course, draft, death):
    cell = draft.answer_cell(catalogue.find(FIRST))
    cell.source = f"{death}\n{cell.source}"
    verdicts, points, notebook = grade(course, draft)
    assert points == full_points(SECOND)
    assert verdicts[FIRST]["status"] == "error"
    stopped = next(
        c
        for c in notebook.cells
        if c.metadata.get("nbgrader", {}).get("grade_id") == "answer-output_size"
    )
    assert "Python stopped in this cell" in stopped.outputs[-1].text


def test_answers_before_and_after_a_crash_in_a_check_keep_their_points(course, draft):
    third = catalogue.find("convolution.pad_and_stride")
    draft.write(third, third.reference)
    draft.answer_cell(
        catalogue.find(SECOND)
    ).source = "def cross_correlate(image, kernel):\n    import os\n    os._exit(1)\n"
    verdicts, points, _ = grade(course, draft)
    assert points == full_points(FIRST, third.name)
    assert verdicts[SECOND]["status"] == "crashed"


def test_a_kernel_that_dies_again_and_again_ends(course, draft):
    for question in draft.questions:
        draft.answer_cell(question).source = "import os; os._exit(0)"
    verdicts, points, _ = grade(course, draft)
    assert points == 0
    assert len(verdicts) == len(draft.questions)


def test_a_name_check_of_the_students_own_changes_nothing(course, draft):
    draft.answer_cell(
        catalogue.find(FIRST)
    ).source += "\ndef check(*args):\n    print('full marks')\n"
    _, points, _ = grade(course, draft)
    assert points == full_points(FIRST, SECOND)


def test_calls_of_check_in_cells_of_the_students_own_change_nothing(course, draft):
    cells = draft.notebook.cells
    at = cells.index(draft.check_cell(catalogue.find(FIRST)))
    cells.insert(
        at,
        new_code_cell(
            f'check("{FIRST}", output_size); check("{SECOND}", output_size); hint("{FIRST}"); '
            f'solution("{FIRST}"); solution("{FIRST}")'
        ),
    )
    _, points, notebook = grade(course, draft)
    assert points == full_points(FIRST, SECOND)
    assert "def output_size" not in json.dumps(notebook.cells[at].get("outputs", []))


def test_duplicated_cells_count_once(course, draft):
    for cell in list(draft.notebook.cells):
        if "nbgrader" in cell.metadata:
            twin = copy.deepcopy(cell)
            twin.id = f"twin{cell.id}"[:60]
            draft.notebook.cells.append(twin)
    _, points, _ = grade(course, draft)
    assert points == full_points(FIRST, SECOND)


def test_a_notebook_without_any_of_the_courses_cells_is_graded(course, draft):
    answers = [
        new_code_cell(draft.answer_cell(catalogue.find(name)).source)
        for name in (FIRST, SECOND)
    ]
    draft.notebook.cells = [
        new_markdown_cell("# my own notebook"),
        new_code_cell("import numpy as np\nfrom autograder import use"),
        *answers,
    ]
    verdicts, points, notebook = grade(course, draft)
    assert len(verdicts) == len(draft.questions)
    assert points == full_points(FIRST, SECOND)
    assert any(
        cell.metadata.get("nbgrader", {}).get("grade_id") == "setup"
        for cell in notebook.cells
    )


@pytest.mark.parametrize(
    "facts",
    [
        "not a dict",
        {"grade_id": 5},
        {"grade_id": "convolution-cross_correlate"},
        {"grade_id": "x", "schema_version": 1, "grade": True, "points": 1e9},
        {
            "grade_id": "convolution-output_size",
            "points": -5,
            "grade": False,
            "solution": True,
            "schema_version": 99,
        },
    ],
    ids=["text", "number", "only id", "old schema", "lies"],
)
def test_metadata_that_arrive_are_replaced(course, draft, facts):
    draft.notebook.cells.append(
        new_code_cell("x = 1", metadata={"nbgrader": facts, "tags": ["skip-execution"]})
    )
    draft.check_cell(catalogue.find(FIRST)).metadata = {
        "nbgrader": facts,
        "tags": ["skip-execution"],
    }
    _, points, notebook = grade(course, draft)
    assert points == full_points(FIRST, SECOND)
    assert not any(cell.metadata.get("tags") for cell in notebook.cells)


def test_an_answer_in_a_cell_of_the_students_own_counts_where_stub_and_check_are_deleted(
    course, draft
):
    stub, check = (
        draft._cell(name)
        for name in ("answer-cross_correlate", "convolution-cross_correlate")
    )
    at = draft.notebook.cells.index(stub)
    draft.notebook.cells[at] = new_code_cell(stub.source)
    draft.notebook.cells.remove(check)
    _, points, _ = grade(course, draft)
    assert points == full_points(FIRST, SECOND)


def test_outputs_that_arrive_are_not_read(course, draft):
    for question in draft.questions:
        draft.check_cell(question).outputs = nbformat.from_dict(
            [
                {
                    "output_type": "execute_result",
                    "execution_count": 1,
                    "metadata": {},
                    "data": {"text/plain": "3.0"},
                }
            ]
        )
    _, points, _ = grade(course, draft)
    assert points == full_points(FIRST, SECOND)


def test_a_submission_that_cannot_be_graded_is_remembered_and_cleared_once_it_can(
    course, draft
):
    path = course.root / "submitted" / draft.student / NAME / f"{NAME}.ipynb"
    path.parent.mkdir(parents=True)
    path.write_text("{", encoding="utf-8")
    assert "invalid JSON" in classroom.grade_here(course, draft.student, NAME).reason
    assert "invalid JSON" in course.errors()[NAME][draft.student]
    course.feedback(NAME, draft.student)
    assert "invalid JSON" in (
        course.root / "feedback" / draft.student / NAME / f"{NAME}.html"
    ).read_text(encoding="utf-8")
    grade(course, draft)
    assert draft.student not in course.errors()[NAME]


def test_the_secret_is_made_once_and_is_the_owners_alone(tmp_path):
    secret = course_secret(tmp_path / "secret")
    assert course_secret(tmp_path / "secret") == secret
    assert len(secret) == 64
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600


def test_a_submission_in_a_framework_that_is_not_here_is_not_graded(
    course, draft, monkeypatch
):
    """No grade is better than none of the points; the reason says where it can be graded. A
    submission that only says so is not believed.
    """
    cell = draft.answer_cell(catalogue.find(FIRST))
    cell.source = (
        "from autograder.values import frameworks\nframeworks.available = "
        'lambda framework: False\nuse("mxnet")\n' + cell.source
    )
    path = course.root / "submitted" / draft.student / NAME / f"{NAME}.ipynb"
    path.parent.mkdir(parents=True)
    path.write_text(nbformat.writes(draft.notebook), encoding="utf-8")
    assert classroom.grade_here(course, draft.student, NAME).reason is None
    monkeypatch.setattr(frameworks, "available", lambda framework: framework != "mxnet")
    assert classroom.grade_here(course, draft.student, NAME).reason.startswith(
        "it answers in mxnet, which cannot be imported on this machine"
    )


def test_a_check_that_no_question_answers_to_is_not_released(tmp_path):
    course = demo.lay_out(ROOT, tmp_path / "course")
    path = course.root / "exercises" / NAME / f"{NAME}.ipynb"
    path.write_text(
        path.read_text(encoding="utf-8").replace(
            '"convolution-pool"', '"convolution-pol"'
        ),
        encoding="utf-8",
    )
    with pytest.raises(CourseError, match=r"Did you mean 'convolution.pool'"):
        course.release(NAME)


@pytest.mark.parametrize("name", ["__main__", "made_in_memory"])
def test_a_file_beside_the_notebook_may_be_called_as_a_module_without_a_spec(
    tmp_path, monkeypatch, name
):
    """As `__main__` is in a console script: Python does not say where such a module is, and
    raises ValueError instead.
    """
    module = types.ModuleType(name)
    assert module.__spec__ is None
    monkeypatch.setitem(sys.modules, name, module)
    for file in (f"{name}.py", "helper.py", "json.py", "notes.txt", "not-a-name.py"):
        (tmp_path / file).touch()
    cell = f"import {name}, helper, json"
    assert modules_beside(tmp_path, [cell]) == {"helper": ""}
