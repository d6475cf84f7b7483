"""Where the learner's own notebooks are, and how to get there from here."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from autograder.learner.course_map import Chapter
from autograder.questions.material import FOLDERS

USUAL = "work"
"""The name of the folder that `course workspace` fills, unless told otherwise."""


def find(chapters: Sequence[Chapter], start: Path) -> Path | None:
    """The folder with the learner's `lessons` and `exercises`: the nearest one around `start`, or
    the usual one beside it. None where there is neither.

    Whoever stands in a course's own notebooks works in those; whoever stands beside them and
    beside a copy works in the copy.
    """
    for folder in (start, *start.parents):
        inside = any(start.is_relative_to(folder / name) for name in FOLDERS)
        if not inside and _holds(folder / USUAL, chapters):
            return folder / USUAL
        if _holds(folder, chapters):
            return folder
    return None


def _holds(folder: Path, chapters: Sequence[Chapter]) -> bool:
    """Whether an exercise of the course lies in `folder`."""
    return any(
        (folder / chapter.exercise).is_file()
        for chapter in chapters
        if chapter.exercise
    )


def shown(path: Path, start: Path) -> str:
    """The path as it is typed in `start`."""
    return os.path.relpath(path, start)


def link(path: Path, start: Path) -> str:
    """The address of a file for a page that lies in `start`."""
    return quote(Path(os.path.relpath(path, start)).as_posix())
