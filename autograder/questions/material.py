"""Where the course's lessons, exercises and configuration lie: in the folder that is worked in,
else where the questions are installed.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

from autograder.errors import CourseError
from autograder.questions.package import package_name

CONFIG = "nbgrader_config.py"
FOLDERS = ("lessons", "exercises")


def find(start: Path | None = None) -> Path:
    """The nearest folder at or above `start` with an ``nbgrader_config.py``; where there is none,
    the folder installed with the questions.

    Raises `CourseError`, with what to do, if there is neither.
    """
    start = (start or Path.cwd()).resolve()
    near = (folder for folder in (start, *start.parents) if (folder / CONFIG).is_file())
    found = next(near, None) or installed()
    if found is None:
        raise CourseError(
            f"no lessons are installed with the questions, and {start} is not inside a course:"
            f" there is no {CONFIG} here or above. Change to the course's folder."
        )
    return found


def installed() -> Path | None:
    """The folder that came with the question package: ``course/`` in it (a wheel), or the folder
    that it stands in (a clone).
    """
    spec = importlib.util.find_spec(package_name())
    for place in spec.submodule_search_locations or () if spec else ():
        for folder in (Path(place) / "course", Path(place).parent):
            if (folder / CONFIG).is_file():
                return folder
    return None
