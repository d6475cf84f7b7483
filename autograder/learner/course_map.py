"""The map of the course that is worked in: its chapters, its questions, what follows what."""

from __future__ import annotations

import functools
import itertools
import os
from dataclasses import replace
from pathlib import Path

from autograder.errors import CourseError, UsageError
from autograder.learner.course_reader import Chapter, Course, Entry, read
from autograder.questions import material
from autograder.questions.package import VARIABLE


def chapters() -> tuple[Chapter, ...]:
    """The chapters of the course that is worked in, in the order of their names."""
    return course().chapters


def entry(name: str) -> Entry | None:
    """The question of this name; None if the course has none."""
    return next((found for found in entries() if found.name == name), None)


def after(name: str) -> Entry | None:
    """The question that follows the one of this name, in the next chapter where it is the last
    of its own; None at the end of the course, or where there is no such question.
    """
    every = entries()
    for this, following in itertools.pairwise(every):
        if this.name == name:
            return following
    return None


def entries() -> list[Entry]:
    """Every question, in course order."""
    return [entry for chapter in chapters() for entry in chapter.entries]


def chapter_of(wanted: str) -> Chapter:
    """The chapter that somebody means by its number ("5", "05"), its name, its title or the
    chapter of its questions ("convolution"). Raises `UsageError`, which lists
    all.
    """
    meant = wanted.strip().rstrip("/").casefold()
    for chapter in chapters():
        prefixes = {entry.name.partition(".")[0] for entry in chapter.entries}
        said = {chapter.name, chapter.title, chapter.number, *prefixes}
        if chapter.number:
            said.add(chapter.number.lstrip("0") or "0")
        if meant in {name.casefold() for name in said}:
            return chapter
    names = ", ".join(chapter.number or chapter.name for chapter in chapters())
    raise UsageError(f"there is no chapter {wanted!r}: the chapters are {names}")


def course() -> Course:
    """The course that is worked in, as its notebooks tell it; where it has none, as its
    questions are named.
    """
    return _course(Path.cwd(), os.environ.get(VARIABLE))


@functools.cache
def _course(start: Path, package: str | None) -> Course:
    """What is found from `start`; `package`, the environment's choice of questions, decides
    where to look, too.
    """
    try:
        found = read(material.find(start))
    except CourseError:
        found = Course()
    return found if found.chapters else replace(found, chapters=_of_the_questions())


def _of_the_questions() -> tuple[Chapter, ...]:
    """The chapters of a course that has questions and no notebooks: nothing is known of them but
    names and points.
    """
    # It imports NumPy and every question, which nobody needs who has notebooks.
    from autograder.questions import catalogue

    found = []
    for chapter, questions in catalogue.chapters().items():
        listed = []
        for number, question in enumerate(questions.values(), 1):
            name, points = question.name, question.points
            listed.append(Entry(name, number, name, points, 0, False, chapter))
        found.append(Chapter(chapter, chapter, "", "", 0, tuple(listed)))
    return tuple(found)
