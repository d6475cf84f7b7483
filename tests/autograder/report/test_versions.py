"""Grades say by which engine and which questions they were judged, and the report says where a
class was not judged by one.
"""

from __future__ import annotations

import json
import sys

import pytest
from test_report import QUESTIONS, RIGHT, Class

import autograder
from autograder.grading import versions
from autograder.grading.layout import METADATA_KEY
from autograder.questions import catalogue
from autograder.report.results import collect

CHAPTER = (
    "from autograder import question\n\n@question(points=1)\ndef {name}(x):\n    return "
    "x\n\n{name}.probe()(lambda rng: (1,))\n"
)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of two chapters and a helper; returns its folder."""
    folder = tmp_path / "two_chapters"
    folder.mkdir()
    (folder / "__init__.py").write_text('CHAPTERS = ["first", "second"]\n')
    (folder / "_helper.py").write_text("")
    for name in ("first", "second"):
        (folder / f"{name}.py").write_text(CHAPTER.format(name=f"f_{name}"))
    monkeypatch.syspath_prepend(tmp_path)
    # another test's, at another place
    for name in [
        name for name in sys.modules if name.partition(".")[0] == "two_chapters"
    ]:
        del sys.modules[name]
    monkeypatch.setenv("AUTOGRADER_QUESTIONS", "two_chapters")
    catalogue.chapters.cache_clear()
    versions._questions.cache_clear()
    yield folder
    catalogue.chapters.cache_clear()
    versions._questions.cache_clear()


def version_of(*questions):
    versions._questions.cache_clear()
    return versions.judged_by(questions)["questions"]


def test_the_engine_s_version_is_the_distribution_s(package):
    assert (
        versions.judged_by(["first.f_first"])["engine"]
        == autograder.__version__
        != "unknown"
    )


@pytest.mark.parametrize("changed", ["first.py", "_helper.py", "__init__.py"])
def test_questions_have_another_version_when_what_decides_changes(package, changed):
    before = version_of("first.f_first")
    assert before == version_of("first.f_first", "first.another")
    with open(package / changed, "a") as file:
        file.write("# changed\n")
    assert version_of("first.f_first") != before
    assert before.startswith("two_chapters ")


def test_another_chapter_changes_nothing(package):
    before = version_of("first.f_first")
    both = version_of("first.f_first", "second.f_second")
    with open(package / "second.py", "a") as file:
        file.write("# changed\n")
    assert version_of("first.f_first") == before
    assert version_of("first.f_first", "second.f_second") != both


def test_without_a_question_there_is_no_version_of_questions(package):
    assert versions.judged_by([])["questions"] == ""


# --- in the report --------------------------------------------------------------------------------


@pytest.fixture
def course(tmp_path):
    """Four students, graded by nothing that was recorded; ``course.by(student, engine,
    questions)`` records it.
    """
    course = Class(tmp_path / "course")
    course.release("02", QUESTIONS)
    paths = {
        student: course.grade(student, "02", dict.fromkeys(QUESTIONS, RIGHT))
        for student in ("ada", "ben", "cleo", "dan")
    }

    def by(student, engine, questions):
        notebook = json.loads(paths[student].read_text(encoding="utf-8"))
        notebook["metadata"][METADATA_KEY] |= {"engine": engine, "questions": questions}
        paths[student].write_text(json.dumps(notebook), encoding="utf-8")

    course.by = by
    return course


def notes(course):
    return [note for note in collect(course.root).notes if "different versions" in note]


def test_a_class_that_was_graded_by_one_version_is_told_nothing(course):
    assert notes(course) == []  # none was recorded for all
    for student in ("ada", "ben", "cleo", "dan"):
        course.by(student, "0.2.0", "solutions 1")
    assert notes(course) == []


def test_a_class_that_was_graded_by_several_versions_is_told_who_by_which(course):
    for student in ("ada", "ben"):
        course.by(student, "0.2.0", "solutions 1")
    course.by("cleo", "0.2.0", "solutions 2")
    [note] = notes(course)
    assert note.startswith(
        "02: graded by different versions: 2 by engine 0.2.0 with questions solutions 1; dan by "
        "a version that was not recorded;"
        " cleo by engine 0.2.0 with questions solutions 2."
    )
    assert "--regrade" in note


def test_another_engine_is_another_version(course):
    for student in ("ada", "ben", "cleo"):
        course.by(student, "0.2.0", "solutions 1")
    course.by("dan", "0.3.0", "solutions 1")
    [note] = notes(course)
    assert (
        "3 by engine 0.2.0 with questions solutions 1; dan by engine "
        "0.3.0 with questions solutions 1." in note
    )


def test_who_has_no_grade_does_not_make_a_class_mixed(course):
    for student in ("ada", "ben", "cleo"):
        course.by(student, "0.2.0", "solutions 1")
    course.hand_in("dan", "02")
    course.fail("dan", "02", "it is empty")
    assert notes(course) == []


@pytest.mark.parametrize("odd", [None, 3, ["x"], {"a": 1}, "x" * 10_000])
def test_a_version_that_is_no_text_hurts_nothing(course, odd):
    course.by("ada", odd, odd)
    [note] = notes(course)
    assert len(note) < 500
