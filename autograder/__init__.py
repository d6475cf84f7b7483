"""Checks answers against reference solutions, from outside the process that they run in.

For learners: ``from autograder import check, hint, solution, use, progress, picture_of``.
For authors of questions: ``from autograder import question, Inputs, Measurement, NotADraw``.
For nbgrader: ``from autograder import configure``.
"""

from importlib import import_module
from typing import Any

_HOME = {
    "check": "learner.client",
    "configure": "grading.nbgrader_steps",
    "hint": "learner.client",
    "picture_of": "learner.picture",
    "progress": "learner.client",
    "solution": "learner.client",
    "use": "learner.client",
    "Inputs": "questions.definition",
    "Measurement": "questions.definition",
    "NotADraw": "judge.samples.sample",
    "Question": "questions.definition",
    "question": "questions.definition",
}
__all__ = [
    "Inputs",
    "Measurement",
    "NotADraw",
    "Question",
    "check",
    "configure",
    "hint",
    "picture_of",
    "progress",
    "question",
    "solution",
    "use",
]


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for: the command line starts without NumPy."""
    if name == "__version__":
        return _version()
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def _version() -> str:
    """The installed distribution's version; where the course is not installed at all, as in a
    bare checkout on the path, "unknown".
    """
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("deep-learning-course")
    except PackageNotFoundError:
        return "unknown"
