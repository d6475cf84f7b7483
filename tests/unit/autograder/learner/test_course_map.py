"""The course as its notebooks tell it."""

from __future__ import annotations

import json
from itertools import count

import pytest
import strategies as some
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_courses import (
    checked,
    prose,
    write_course,
    write_exercise,
    write_notebook,
    written,
)

from autograder.errors import UsageError
from autograder.learner import course_map
from autograder.learner.course_map import Entry, read
from autograder.questions import catalogue, material


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A course of three chapters that is worked in."""
    monkeypatch.chdir(write_course(tmp_path / "course"))
    return tmp_path / "course"


def test_a_chapter_is_an_exercise_and_its_lesson(here):
    first, second, third = course_map.chapters()
    assert (first.name, first.number, first.title) == ("01-sums", "01", "Sums")
    assert first.label == "01 Sums"
    assert (first.lesson, first.exercise) == (
        "lessons/01-sums.ipynb",
        "exercises/01-sums/01-sums.ipynb",
    )
    assert (first.minutes, first.lesson_minutes, first.points) == (40, 30, 4)
    assert second.lesson_minutes == 25
    assert (third.lesson, third.lesson_minutes, third.minutes) == ("", 0, 0)


def test_a_question_has_its_title_points_and_share_of_the_minutes(here):
    first, second, third = course_map.chapters()
    assert first.entries == (
        Entry("sums.add", 1, "Add", 1, 10, False, "01-sums"),
        Entry("sums.add_many", 2, "Add many", 3, 30, False, "01-sums"),
    )
    assert second.entries[1] == Entry(
        "products.written_why", 2, "In words", 2, 10, True, "02-products"
    )
    assert third.entries == (
        Entry("powers.square", 1, "Square", 1, 0, False, "03-powers"),
    )


def test_questions_follow_each_other_from_chapter_to_chapter(here):
    names = [entry.name for entry in course_map.entries()]
    following = [course_map.after(name) for name in names]
    assert [entry and entry.name for entry in following] == [*names[1:], None]
    assert course_map.after("sums.nothing") is None
    assert course_map.entry("sums.nothing") is None
    assert [course_map.entry(name).name for name in names] == names


@pytest.mark.parametrize(
    "wanted", ["2", "02", "02-products", "02-products/", "products", "Products"]
)
def test_a_chapter_is_found_by_whatever_it_is_called(here, wanted):
    assert course_map.chapter_of(wanted).name == "02-products"


def test_a_chapter_that_is_not_there_names_those_that_are(here):
    with pytest.raises(UsageError, match=r"'7'.* 01, 02, 03"):
        course_map.chapter_of("7")


# --- what an author may write ---------------------------------------------------------------------


def only_chapter(tmp_path, cells, name="01-sums", minutes=None):
    write_exercise(tmp_path, name, cells, minutes)
    [chapter] = read(tmp_path).chapters
    return chapter


@pytest.mark.parametrize(
    ("heading", "title"),
    [
        ("# Exercise 04: training deep networks", "Training deep networks"),
        ("# Exercise 05: deeper, AlexNet and VGG", "Deeper, AlexNet and VGG"),
        ("# 04b Optimisation", "Optimisation"),
        ("# 3D pictures", "3D pictures"),
        ("# Exercise for beginners", "Exercise for beginners"),
        ("```\n# a comment\n```\n# The `sum`", "The sum"),
        ("no heading", "Sums"),
    ],
)
def test_the_title_of_a_chapter(tmp_path, heading, title):
    cells = [prose(heading), checked("sums.add")]
    assert only_chapter(tmp_path, cells).title == title


@pytest.mark.parametrize(
    ("before", "number", "title"),
    [
        (["## 4. Pooling (2 points)"], 4, "Pooling"),
        (["## 4. Pooling (2 points)", "### A hint"], 4, "Pooling"),
        (["## Part two", "## 4. Pooling (2.5 points)"], 4, "Pooling"),
        (["## The last ($n$ of them)"], 1, "The last (n of them)"),
        (["## 1. Where is `x`? (1 point)", "text"], 1, "Where is x?"),
        (["```\n## 7. code (1 point)\n```"], 1, "Add many"),
        ([], 1, "Add many"),
    ],
)
def test_the_title_of_a_question(tmp_path, before, number, title):
    cells = [*map(prose, before), checked("sums.add_many")]
    [entry] = only_chapter(tmp_path, cells).entries
    assert (entry.number, entry.title) == (number, title)


def test_a_heading_belongs_to_one_question(tmp_path):
    cells = [prose("## 1. Add (1 point)"), checked("sums.add"), checked("sums.more")]
    first, second = only_chapter(tmp_path, cells).entries
    assert (first.label, second.label) == ("1. Add", "2. More")


def test_a_check_without_a_call_is_named_by_its_cell(tmp_path):
    cells = [checked("sums.add", source="assert add(1, 2) == 3")]
    [entry] = only_chapter(tmp_path, cells).entries
    assert entry.name == "sums.add"


def test_a_chapter_of_words_alone_is_named_by_its_folder(tmp_path):
    [entry] = only_chapter(tmp_path, [written("written-why")], "07-small-nets").entries
    assert (entry.name, entry.is_written) == ("small_nets.written_why", True)


def test_a_question_takes_a_minute_at_least(tmp_path):
    cells = [checked("sums.add", 1), checked("sums.more", 99), checked("sums.no", 0)]
    entries = only_chapter(tmp_path, cells, minutes=20).entries
    assert [entry.minutes for entry in entries] == [1, 20, 0]


# --- what a folder may hold -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        '{"cells": 3}',
        '{"cells": [3]}',
        '{"cells": [{}]}',
        "[" * 100_000,
        "\udcff",
    ],
    ids=lambda text: ascii(text[:16]),
)
def test_a_broken_notebook_is_left_out_and_told(here, text):
    broken = here / "exercises/02-products/02-products.ipynb"
    broken.write_bytes(text.encode("utf-8", errors="surrogateescape"))
    course = read(here)
    assert [chapter.name for chapter in course.chapters] == ["01-sums", "03-powers"]
    [told] = course.left_out
    assert told == f"{broken.relative_to(here)}: it cannot be read as a notebook"


def test_a_notebook_without_questions_is_left_out_and_told(here):
    write_exercise(here, "99-notes", [prose("# My notes"), prose("## 1. Ideas")])
    course = read(here)
    assert len(course.chapters) == 3
    assert course.left_out == (
        "exercises/99-notes/99-notes.ipynb: there is no question in it",
    )


def test_a_copy_of_an_exercise_counts_once(here):
    original = here / "exercises/01-sums/01-sums.ipynb"
    (original.parent / "00-copy.ipynb").write_bytes(original.read_bytes())
    hidden = here / "exercises/.ipynb_checkpoints/01-sums.ipynb"
    hidden.parent.mkdir()
    hidden.write_bytes(original.read_bytes())
    course = read(here)
    assert len(course.chapters) == 3
    assert course.chapters[0].exercise == "exercises/01-sums/01-sums.ipynb"
    [told] = course.left_out
    assert told.startswith("exercises/01-sums/00-copy.ipynb: it is a copy")


@pytest.mark.parametrize("minutes", [-5, "many", None, [], 1e9, float("nan")])
def test_minutes_that_are_none_are_not_known(tmp_path, minutes):
    assert only_chapter(tmp_path, [checked("sums.add")], minutes=minutes).minutes == 0


def test_a_broken_lesson_is_still_there_to_open(here):
    (here / "lessons/01-sums.ipynb").write_text("{")
    first = read(here).chapters[0]
    assert (first.lesson, first.lesson_minutes) == ("lessons/01-sums.ipynb", 0)


folders = count()


@given(
    st.fixed_dictionaries(
        {
            "cells": st.lists(
                st.dictionaries(
                    st.sampled_from(["cell_type", "source", "metadata"]),
                    st.sampled_from(["markdown", "code", ["# A", "b"]])
                    | st.fixed_dictionaries({"nbgrader": some.json_values})
                    | some.json_values,
                ),
                max_size=4,
            )
            | some.json_values,
            "metadata": st.fixed_dictionaries({"course": some.json_values})
            | some.json_values,
        }
    )
    | some.json_values
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_a_file_holds_the_others_are_read(tmp_path, content):
    root = write_course(tmp_path / str(next(folders)))
    stranger = write_exercise(root, "04-stranger", [])
    stranger.write_text(json.dumps(content))
    write_notebook(root / "lessons/03-powers.ipynb", []).write_text(json.dumps(content))
    names = [chapter.name for chapter in read(root).chapters]
    assert names[:3] == ["01-sums", "02-products", "03-powers"]


# --- other courses --------------------------------------------------------------------------------


def test_questions_without_notebooks_are_mapped_by_their_names(
    small_course, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert [entry.name for entry in course_map.entries()] == catalogue.names()
    small, nets = course_map.chapters()
    assert (small.label, small.lesson, small.exercise) == ("small", "", "")
    assert (small.points, nets.minutes) == (12, 0)


def test_a_folder_of_a_class_without_exercises_has_the_questions(
    small_course, tmp_path, monkeypatch
):
    (tmp_path / material.CONFIG).touch()
    monkeypatch.chdir(tmp_path)
    assert len(course_map.chapters()) == 2


def test_a_course_that_is_installed_elsewhere(tmp_path, monkeypatch):
    package = tmp_path / "site" / "mapped_questions"
    write_course(package / "course")
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(package.parent))
    monkeypatch.setenv("AUTOGRADER_QUESTIONS", "mapped_questions")
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path / "home")
    assert [chapter.number for chapter in course_map.chapters()] == ["01", "02", "03"]
