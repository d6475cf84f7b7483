"""Finds the questions. The engine knows no particular one: a course names its package under the
entry point ``autograder.questions``.

``pyproject.toml`` of a course::

    [project.entry-points."autograder.questions"]
    course = "solutions"

A course that grades with another package says so in its ``nbgrader_config.py``: ``configure(c,
questions="my_course")``. The environment variable AUTOGRADER_QUESTIONS names one for a single run.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import os
import pkgutil
import re
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from autograder.errors import BadQuestion, BrokenQuestions, UnknownQuestion
from autograder.questions.definition import Question
from autograder.questions.names import question_name
from autograder.questions.package import VARIABLE, package_name

_chosen: list[tuple[str | None, str]] = []
"""While a course's own choice is in force: what the environment said before, and the choice; at
most one.
"""


def choose(package: str | None) -> None:
    """Take the questions from `package`, as a course's configuration says; None takes back what
    another course said in this process before.

    The choice is an environment variable, because workers and judges inherit it.
    """
    before = os.environ.get(VARIABLE)
    if _chosen:
        replaced, ours = _chosen.pop()
        if before == ours:  # somebody else may have set it since
            _set(replaced)
    if package is not None:
        _chosen.append((os.environ.get(VARIABLE), package))
        _set(package)
    if os.environ.get(VARIABLE) != before:
        chapters.cache_clear()


def _set(package: str | None) -> None:
    if package is None:
        os.environ.pop(VARIABLE, None)
    else:
        os.environ[VARIABLE] = package


@functools.cache
def chapters() -> dict[str, dict[str, Question]]:
    """Every chapter's questions by function name, chapters in the order that the package lists
    them (``CHAPTERS``) or by name.

    Raises `BrokenQuestions` where the package or a chapter cannot be imported, or is no package.
    """
    package = _import(package_name())
    if not hasattr(package, "__path__"):
        raise BrokenQuestions(
            f"{package.__name__} is one file ({package.__file__}) and not a package of questions:"
            " make it a folder with a module for each chapter."
        )
    modules = getattr(package, "CHAPTERS", None) or [
        info.name for info in pkgutil.iter_modules(package.__path__)
    ]
    found = {}
    for name in modules:
        module = _import(f"{package.__name__}.{name}")
        found[name] = _questions(module)
    return found


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except SyntaxError as error:
        raise BrokenQuestions(
            f"{error.filename}, line {error.lineno}: {error.msg}"
        ) from error
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and error.name == name:
            raise BrokenQuestions(
                f"there is no module {name!r}: is its folder where Python looks (PYTHONPATH), and "
                "is this the folder to run from?"
            ) from error
        frames = traceback.extract_tb(error.__traceback__)
        top, _, _ = name.partition(".")
        own = [frame for frame in frames if top in Path(frame.filename).parts]
        where = name
        if own:
            last = own[-1]
            where = f"{last.filename}, line {last.lineno}"
        raise BrokenQuestions(f"{where}: {type(error).__name__}: {error}") from error


def _questions(module: ModuleType) -> dict[str, Question]:
    questions = [
        value for value in vars(module).values() if isinstance(value, Question)
    ]
    for question in questions:
        try:
            question.check_complete()
        except BadQuestion as error:
            raise BrokenQuestions(f"{module.__file__}: BadQuestion: {error}") from error
    return {question.function_name: question for question in questions}


def names() -> list[str]:
    """All question names, in course order."""
    return [
        question.name
        for chapter in chapters().values()
        for question in chapter.values()
    ]


def find(name: str) -> Question:
    """The question called `name` ("chapter.function"); raises `UnknownQuestion` with the nearest
    name.
    """
    chapter, _, function = str(name).partition(".")
    question = chapters().get(chapter, {}).get(function)
    if question is not None:
        return question
    raise UnknownQuestion(
        f"There is no question {str(name)[:80]!r}. {_suggestion(str(name))}"
    )


def _suggestion(name: str) -> str:
    """What may be meant by a name that no question has: a function's name alone, a chapter's, or
    something near.
    """
    if name in chapters():
        return f"The questions of {name} are {', '.join(select([name]))}."
    functions = {other: other.partition(".")[2] for other in names()}
    meant = [other for other, function in functions.items() if function == name]
    if not meant:
        if chapter := _chapter_meant(name):
            return f"The questions of {chapter} are {', '.join(select([chapter]))}."
        meant = _begun(name)
    if not meant:
        meant = difflib.get_close_matches(name, names(), n=1, cutoff=0.6)
    if not meant:
        near = difflib.get_close_matches(name, functions.values(), n=1, cutoff=0.75)
        meant = [other for other, function in functions.items() if function in near]
    if meant:
        return f"Did you mean {' or '.join(map(repr, meant))}?"
    return (
        "A question is named by its chapter and its function, as in "
        f"{names()[0]!r}. The chapters are {', '.join(chapters())}."
    )


def _chapter_meant(name: str) -> str:
    """The one chapter whose name is, or begins with, what is left of `name` without a number:
    exercises are called "02-convolution"; empty where there is none.
    """
    begin = re.sub(r"^\d+\w?[-_. ]+", "", name).strip().replace("-", "_")
    if len(begin) < _LEAST_BEGUN:
        return ""
    found = [chapter for chapter in chapters() if chapter.startswith(begin)]
    return found[0] if len(found) == 1 else ""


def _begun(name: str) -> list[str]:
    """The few questions whose names, or whose functions' names, begin like that."""
    if len(name) < _LEAST_BEGUN:
        return []
    found = [
        other
        for other in names()
        if other.startswith(name) or other.partition(".")[2].startswith(name)
    ]
    return found if len(found) <= _MOST_MEANT else []


_LEAST_BEGUN = 3
_MOST_MEANT = 4


def of_grade_id(grade_id: str) -> Question:
    """The question that a cell with this id checks. Raises `UnknownQuestion`."""
    return find(question_name(grade_id))


def select(wanted: Sequence[str]) -> list[str]:
    """The names of the questions that `wanted` names, each as "chapter.function" or as a whole
    "chapter"; of all questions if it is empty.

    Raises `UnknownQuestion` for a name that is neither.
    """
    chosen = [
        name
        for item in wanted
        for name in (
            [q.name for q in chapters()[item].values()]
            if item in chapters()
            else [find(item).name]
        )
    ]
    return list(dict.fromkeys(chosen)) if wanted else names()
