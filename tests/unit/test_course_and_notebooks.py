"""The course's own notebooks tell what its map needs: chapters, questions, minutes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from autograder.learner.course_map import read
from autograder.questions import catalogue

ROOT = Path(__file__).parents[2]
LESSONS = sorted((ROOT / "lessons").glob("*.ipynb"))
EXERCISES = sorted((ROOT / "exercises").glob("*/*.ipynb"))
SAID = {"forty minutes": 40, "40 minutes": 40, "an hour": 60}
"""How exercises say how long they take."""

WORDS_A_MINUTE, LINES_A_MINUTE = 180, 15
"""How quickly a lesson is read; a line of code takes more than a line of prose."""


def name_of(path: Path) -> str:
    return path.stem


def cells_of(path: Path) -> list[dict]:
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def minutes_of(path: Path) -> int:
    metadata = json.loads(path.read_text(encoding="utf-8"))["metadata"]
    return metadata["course"]["minutes"]


def source_of(cell: dict) -> str:
    return "".join(cell["source"])


@pytest.mark.parametrize("path", EXERCISES, ids=name_of)
def test_the_minutes_of_an_exercise_are_those_that_it_says(path):
    beginning = " ".join(source_of(cells_of(path)[0]).split())
    [said] = re.findall(r" points, about ([\w ]+)\.", beginning)
    assert minutes_of(path) == SAID[said]


@pytest.mark.parametrize("path", LESSONS, ids=name_of)
def test_the_minutes_of_a_lesson_are_what_its_length_takes(path):
    words = lines = 0
    for cell in cells_of(path):
        if cell["cell_type"] == "markdown":
            words += len(source_of(cell).split())
        elif "claim" not in cell["metadata"].get("tags", ()):
            lines += sum(bool(line.strip()) for line in source_of(cell).splitlines())
    estimate = words / WORDS_A_MINUTE + lines / LINES_A_MINUTE
    assert minutes_of(path) % 5 == 0
    assert abs(minutes_of(path) - estimate) <= 10


def test_every_notebook_is_on_the_map():
    course = read(ROOT)
    assert course.left_out == ()
    assert [ROOT / chapter.exercise for chapter in course.chapters] == EXERCISES
    lessons = [chapter.lesson for chapter in course.chapters if chapter.lesson]
    assert [ROOT / lesson for lesson in lessons] == LESSONS


def test_every_question_is_on_the_map_with_its_points(monkeypatch):
    monkeypatch.setenv("AUTOGRADER_QUESTIONS", "solutions")
    catalogue.chapters.cache_clear()
    entries = [entry for chapter in read(ROOT).chapters for entry in chapter.entries]
    checked = [entry for entry in entries if not entry.is_written]
    assert [entry.name for entry in checked] == catalogue.names()
    for entry in checked:
        assert entry.points == catalogue.find(entry.name).points
    catalogue.chapters.cache_clear()


def test_numbers_points_and_minutes_of_each_chapter_agree():
    for chapter in read(ROOT).chapters:
        numbers = [entry.number for entry in chapter.entries]
        assert numbers == list(range(1, len(numbers) + 1)), chapter.name
        assert sum(entry.is_written for entry in chapter.entries) == 1, chapter.name
        assert chapter.entries[-1].is_written, chapter.name
        minutes = sum(entry.minutes for entry in chapter.entries)
        assert abs(minutes - chapter.minutes) <= len(numbers) / 2, chapter.name


@pytest.mark.parametrize("path", EXERCISES, ids=name_of)
def test_titles_and_points_are_those_of_the_headings(path):
    headings = re.findall(
        r"^## (\d+)\. (.+) \(([\d.]+) points?\)$",
        "\n".join(map(source_of, cells_of(path))),
        re.MULTILINE,
    )
    [chapter] = [c for c in read(ROOT).chapters if ROOT / c.exercise == path]
    told = [(str(e.number), e.title, f"{e.points:g}") for e in chapter.entries]
    assert told == [(number, title, points) for number, title, points in headings]
