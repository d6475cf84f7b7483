"""Finds the questions. The engine knows no particular one: a course names its package under the entry point ``autograder.questions``.

``pyproject.toml`` of a course::

    [project.entry-points."autograder.questions"]
    course = "solutions"

The environment variable AUTOGRADER_QUESTIONS names another package, for one run.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import os
import pkgutil
from collections.abc import Sequence
from importlib.metadata import entry_points

from autograder.questions import Question


class UnknownQuestion(LookupError):
    """There is no question of that name; the message suggests the nearest."""


def package_name() -> str:
    """The package that holds the chapters."""
    if chosen := os.environ.get("AUTOGRADER_QUESTIONS"):
        return chosen
    found = sorted(_installed())
    if len(found) == 1:
        return found[0]
    what = "no question package is installed" if not found else f"several question packages are installed ({', '.join(found)})"
    raise UnknownQuestion(f"{what}: install the course (`pip install -e .`), or set AUTOGRADER_QUESTIONS to a package name")


def packages() -> list[str]:
    """Every installed package of questions, and the chosen one: what no submission may see."""
    return sorted(_installed_once() | set(filter(None, [os.environ.get("AUTOGRADER_QUESTIONS")])))


def _installed() -> frozenset[str]:
    return frozenset(entry.value for entry in entry_points(group="autograder.questions"))


_installed_once = functools.cache(_installed)  # looked up for every kernel


@functools.cache
def chapters() -> dict[str, dict[str, Question]]:
    """Every chapter's questions by function name, chapters in the order that the package lists them (``CHAPTERS``) or by name."""
    package = importlib.import_module(package_name())
    modules = getattr(package, "CHAPTERS", None) or [info.name for info in pkgutil.iter_modules(package.__path__)]
    return {name: _questions(importlib.import_module(f"{package.__name__}.{name}")) for name in modules}


def _questions(module) -> dict[str, Question]:
    return {value.function_name: value for value in vars(module).values() if isinstance(value, Question)}


def names() -> list[str]:
    """All question names, in course order."""
    return [question.name for chapter in chapters().values() for question in chapter.values()]


def find(name: str) -> Question:
    """The question called `name` ("chapter.function"); raises `UnknownQuestion` with the nearest name."""
    chapter, _, function = str(name).partition(".")
    question = chapters().get(chapter, {}).get(function)
    if question is not None:
        return question
    nearest = difflib.get_close_matches(str(name), names(), n=1, cutoff=0.4)
    suggestion = f" Did you mean {nearest[0]!r}?" if nearest else f" The questions are: {', '.join(names())}."
    raise UnknownQuestion(f"There is no question {str(name)[:80]!r}.{suggestion}")


def select(wanted: Sequence[str]) -> list[str]:
    """The names of the questions that `wanted` names, each as "chapter.function" or as a whole "chapter"; of all questions if it is empty.

    Raises `UnknownQuestion` for a name that is neither.
    """
    chosen = [
        name for item in wanted for name in ([q.name for q in chapters()[item].values()] if item in chapters() else [find(item).name])
    ]
    return list(dict.fromkeys(chosen)) if wanted else names()
