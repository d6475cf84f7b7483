"""What fails in the engine or in a question is the maintainer's to read, with its traceback, and
never costs a student a point without a sign.
"""

from __future__ import annotations

import json
import os
import shutil
import sys

import classroom
import nbformat
import pytest
from classroom import NAME, QUESTIONS, RIGHT, ROOT, grade, grade_here, hand_in, points
from nbformat.v4 import new_code_cell

from autograder import logs
from autograder.grading import batch, nbgrader_steps
from autograder.grading.course import Course, CourseError
from autograder.grading.execution import notebook_run
from autograder.grading.layout import METADATA_KEY
from autograder.grading.versions import judged_by
from autograder.judge.code import code_reader
from autograder.judge.code.code_reader import Code
from autograder.questions import catalogue


@pytest.fixture
def course(tmp_path, small_course):
    """A released course that nobody has handed in."""
    course = classroom.lay_out(tmp_path / "course")
    course.release(NAME)
    return course


CHANGED = "questions_with_more_code"
"""A package that the test makes. No module of the tests bears the name."""


@pytest.fixture
def changed_questions(tmp_path, monkeypatch):
    """``changed(code)``: the small questions with this code behind them, in this process and in
    those that it starts.
    """

    def change(code):
        package = tmp_path / CHANGED
        # Without what Python keeps of it: other tests may be writing that at this moment.
        shutil.copytree(
            ROOT / "tests" / "questions",
            package,
            ignore=shutil.ignore_patterns("__pycache__"),
        )
        with open(package / "small.py", "a", encoding="utf-8") as file:
            file.write(f"\n\n{code}\n")
        monkeypatch.setenv("AUTOGRADER_QUESTIONS", CHANGED)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.setenv(
            "PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ['PYTHONPATH']}"
        )
        catalogue.chapters.cache_clear()

    yield change
    catalogue.chapters.cache_clear()
    for name in [name for name in sys.modules if name.partition(".")[0] == CHANGED]:
        del sys.modules[name]  # the next test's package bears the same name


def log_of(course):
    return (
        course.log_file.read_text(encoding="utf-8") if course.log_file.exists() else ""
    )


FAILS_FOR_SOME = """
@total.probe()
def a_probe_that_fails(rng):
    if _failing:
        raise LookupError("nothing to draw")
    return (rng.uniform(1, 2, size=5).astype(np.float32),)

import os
_failing = os.path.exists(os.environ["FAILING"])
"""


def test_a_question_that_fails_costs_nobody_a_point_and_the_rest_are_graded(
    course, changed_questions, tmp_path, monkeypatch
):
    """One that cannot be drawn is not graded; nor does it stop a class, as long as the next run
    does the rest.
    """
    monkeypatch.setenv("FAILING", str(tmp_path / "failing"))
    changed_questions(FAILS_FOR_SOME)
    (tmp_path / "failing").touch()
    for student in ("amy", "bob"):
        hand_in(course, student, **RIGHT)
    results, _ = batch.grade(course, [(NAME, "amy"), (NAME, "bob")], workers=2)
    for result in results:
        assert result.reason.startswith(
            "small.total could not be judged: LookupError: nothing to draw."
        )
        assert "a fault of the course, not of the submission" in result.reason
        assert logs.GRADING in result.reason
        assert (
            points(course, result.student) == 0
            if (course.root / "autograded" / result.student).exists()
            else True
        )
    assert set(course.errors()[NAME]) == {"amy", "bob"}
    text = log_of(course)
    for student in ("amy", "bob"):
        assert f"{NAME}, {student}: small.total could not be judged" in text
    assert text.count("Traceback (most recent call last):") == 2
    assert "a_probe_that_fails" in text

    (tmp_path / "failing").unlink()
    results, before = batch.grade(course, [(NAME, "amy"), (NAME, "bob")], workers=1)
    assert ([result.reason for result in results], before) == ([None, None], 0)
    assert course.errors() == {NAME: {}}


def test_a_bug_of_the_engine_is_not_the_submission_s(course, monkeypatch):
    hand_in(course, "amy", **RIGHT)
    monkeypatch.setattr(notebook_run, "to_run", lambda cell: {}["nothing"])
    reason = grade_here(course, "amy").reason
    assert reason == (
        "a bug of the course, not of the submission: KeyError: "
        "'nothing'; its traceback is in grading.log"
    )
    assert f"ERROR {NAME}, amy: a submission could not be examined" in log_of(course)
    assert "to_run" in log_of(course)
    assert "amy" in course.errors()[NAME]


def test_what_nbgrader_says_when_it_cannot_enter_a_grade_is_kept(course, monkeypatch):
    hand_in(course, "amy", **RIGHT)

    def fail(self, cell, resources):
        raise RuntimeError("no room for a score")

    monkeypatch.setattr(nbgrader_steps.SaveVerdicts, "_add_score", fail)
    reason = grade(course, "amy").reason
    assert "no room for a score" in reason
    assert reason.endswith("(see grading.log)")
    assert "Traceback" in log_of(course)


def test_a_sound_class_leaves_no_log(course):
    hand_in(course, "amy", **RIGHT)
    hand_in(course, "bob", raw="{")
    results, _ = batch.grade(course, [(NAME, "amy"), (NAME, "bob")], workers=1)
    assert [bool(result.reason) for result in results] == [False, True]
    assert not course.log_file.exists()


def test_a_gap_in_the_reader_of_code_is_logged(monkeypatch, caplog):
    monkeypatch.setattr(code_reader.NameFlow, "follow", lambda self, name: {}["gap"])
    # It costs nothing: what the answer calls is seen when it runs.
    assert code_reader.read(Code(["def f(x): return x"], "f"), ["torch.conv2d"]) is None
    [record] = caplog.records
    assert record.exc_info[0] is KeyError


# --- one way of preparing a submission ------------------------------------------------------------

STEPS = """
from nbgrader.preprocessors import NbGraderPreprocessor

class Mended(NbGraderPreprocessor):
    def preprocess_cell(self, cell, resources, index):
        cell.source = cell.source.replace("values.mean()", "values.sum()")
        return cell, resources

class Turned(NbGraderPreprocessor):
    def preprocess(self, nb, resources):
        facts = resources["nbgrader"]
        from nbgrader.api import Gradebook
        with Gradebook(facts["db_url"]) as gradebook:
            assert gradebook.find_notebook(facts["notebook"], facts["assignment"])
        for cell in nb.cells:
            cell.source = cell.source.replace("image[0]", "image.T")
        return nb, resources

c.Autograde.sanitize_preprocessors.append(Mended)
c.Autograde.autograde_preprocessors.insert(0, Turned)
"""


def test_steps_of_the_course_s_own_are_taken_by_either_way_of_grading(
    tmp_path, small_course
):
    """In `sanitize_preprocessors`, and before the judge in `autograde_preprocessors`."""
    course = classroom.lay_out(tmp_path / "course", config=STEPS)
    course.release(NAME)
    answers = {
        name: text.replace("values.sum()", "values.mean()").replace(
            "image.T", "image[0]"
        )
        for name, text in RIGHT.items()
    }
    for student in ("amy", "bob"):
        hand_in(course, student, **answers)
    [graded], _ = batch.grade(course, [(NAME, "amy")], workers=1)
    assert graded.reason is None
    assert course._run(lambda api: api.autograde(NAME, "bob"))["success"]
    assert points(course, "amy") == points(course, "bob") == 5
    kept = [
        classroom.nbformat.read(
            course.root / "autograded" / name / NAME / f"{NAME}.ipynb", as_version=4
        )
        for name in ("amy", "bob")
    ]
    assert [cell.source for cell in kept[0].cells] == [
        cell.source for cell in kept[1].cells
    ]
    assert [cell.metadata for cell in kept[0].cells] == [
        cell.metadata for cell in kept[1].cells
    ]
    judged = [
        {name: graded.metadata[METADATA_KEY][name] for name in ("engine", "questions")}
        for graded in kept
    ]
    assert judged[0] == judged[1] == judged_by(QUESTIONS)


KEEPS = """
def keep(nb, resources):
    import json, pathlib
    folder = pathlib.Path({folder!r})
    (folder / (resources["nbgrader"]["student"] + ".json")).write_text(json.dumps(nb))
    return nb, resources

c.Autograde.autograde_preprocessors.insert(0, keep)
"""


def as_nbformat_3(notebook):
    return nbformat.writes(nbformat.convert(notebook, 3), version=3)


def with_lies_and_pictures(notebook):
    """Of all that a submission may say about itself, something is wrong."""
    setup, answer, check, *others = notebook.cells
    setup.source = "print('not the course's')"
    check.metadata.nbgrader |= {"points": 100, "grade": False, "schema_version": 2}
    check.source = "check('small.total', sum)"
    answer.metadata |= {"tags": ["skip-execution"], "collapsed": True}
    answer.outputs = [nbformat.v4.new_output("stream", text="was run")]
    twin = new_code_cell("'another'", metadata=answer.metadata)
    remark = nbformat.v4.new_markdown_cell("![mine](attachment:mine.png)")
    remark.attachments = {"mine.png": {"image/png": "iVBORw0KGgo="}}
    raw = nbformat.v4.new_raw_cell("neither")
    notebook.cells = [remark, raw, setup, answer, check, twin, *others[:-1]]
    notebook.metadata = {"kernelspec": {"name": "bash", "display_name": "x"}, "mine": 1}
    return nbformat.writes(notebook)


@pytest.mark.parametrize(
    "written",
    [nbformat.writes, as_nbformat_3, with_lies_and_pictures],
    ids=lambda f: f.__name__,
)
def test_either_way_of_grading_runs_the_same_notebook(tmp_path, small_course, written):
    course = classroom.lay_out(
        tmp_path / "course", config=KEEPS.format(folder=str(tmp_path))
    )
    course.release(NAME)
    for student in ("amy", "bob"):
        hand_in(course, student, raw=written(classroom.notebook(**RIGHT)))
    assert grade(course, "amy").reason is None
    assert course._run(lambda api: api.autograde(NAME, "bob"))["success"]
    prepared = [
        json.loads((tmp_path / f"{name}.json").read_text()) for name in ("amy", "bob")
    ]
    for notebook in prepared:
        for cell in notebook["cells"]:
            cell.pop("id")  # drawn at random
    assert prepared[0]["cells"] == prepared[1]["cells"]
    assert prepared[0]["metadata"] == prepared[1]["metadata"]
    assert prepared[0]["metadata"]["kernelspec"]["name"] == "python3"
    assert points(course, "amy") == points(course, "bob") == 5


@pytest.mark.parametrize(
    "raw", ["{", '{"nbformat": 5}', '{"nbformat": 4, "cells": [1]}']
)
def test_either_way_of_grading_refuses_the_same(course, raw):
    hand_in(course, "amy", raw=raw)
    assert grade(course, "amy").reason
    assert not course._run(lambda api: api.autograde(NAME, "amy"))["success"]


def test_a_step_that_fails_is_named_and_costs_no_point(tmp_path, small_course):
    step = (
        "\ndef strict(nb, resources):\n    raise ValueError('no "
        "title')\n\nc.Autograde.sanitize_preprocessors.append(strict)\n"
    )
    course = classroom.lay_out(tmp_path / "course", config=step)
    course.release(NAME)
    hand_in(course, "amy", **RIGHT)
    reason = grade(course, "amy").reason
    assert reason == (
        "the step strict of the course's configuration failed: ValueError: no "
        "title; its traceback is in grading.log"
    )
    assert "in strict" in log_of(course)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("c.Autograde.sanitize_preprocessors = []", "leaves CourseCells out"),
        (
            "c.Autograde.sanitize_preprocessors.append('no.such.step')",
            "names 'no.such.step', which cannot be imported",
        ),
        ("c.Autograde.autograde_preprocessors = []", "does not switch the judge on"),
    ],
)
def test_a_configuration_without_what_makes_grades_is_refused(
    tmp_path, small_course, line, said
):
    course = classroom.lay_out(tmp_path / "course", config=f"{line}\n")
    with pytest.raises(CourseError, match=said):
        Course(course.root).release(NAME)
