"""Which package holds the questions; nothing of it is imported here, and nothing else either, so
that where the course's notebooks lie can be told at once.
"""

from __future__ import annotations

import functools
import os
from importlib.metadata import entry_points

from autograder.errors import BrokenQuestions

VARIABLE = "AUTOGRADER_QUESTIONS"
"""The environment variable that names the package."""


def package_name() -> str:
    """The package that holds the chapters."""
    if chosen := os.environ.get(VARIABLE):
        return chosen
    found = sorted(_installed())
    if len(found) == 1:
        return found[0]
    if not found:
        raise BrokenQuestions(
            "no question package is installed: install the course (`pip install -e .`), or set "
            "AUTOGRADER_QUESTIONS to a package name"
        )
    raise BrokenQuestions(
        f"several question packages are installed ({', '.join(found)}): say which with "
        f"`configure(c, questions={found[-1]!r})` in nbgrader_config.py,"
        f" or with `export AUTOGRADER_QUESTIONS={found[-1]}`"
    )


def packages() -> list[str]:
    """Every installed package of questions, and the chosen one: what no submission may see."""
    chosen = os.environ.get(VARIABLE)
    every = set(_installed_once())
    if chosen:
        every.add(chosen)
    return sorted(every)


def _installed() -> frozenset[str]:
    return frozenset(
        entry.value for entry in entry_points(group="autograder.questions")
    )


_installed_once = functools.cache(_installed)  # looked up for every kernel
