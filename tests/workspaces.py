"""A project whose notebooks a learner copies, small enough to compare whole folders."""

from __future__ import annotations

from pathlib import Path

FILES = {
    "lessons/01-first.ipynb": "lesson",
    "lessons/.ipynb_checkpoints/01-first-checkpoint.ipynb": "old",
    "exercises/01-first/01-first.ipynb": "exercise",
    "exercises/01-first/picture.png": "picture",
    "solutions/first.py": "answers",
}

WHOLE = {
    "lessons/01-first.ipynb": "lesson",
    "exercises/01-first/01-first.ipynb": "exercise",
    "exercises/01-first/picture.png": "picture",
}
"""What a copy holds."""


def write_project(root: Path) -> Path:
    """A project with one lesson and one exercise that has a picture beside it."""
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def files(folder: Path) -> dict[str, str]:
    """The text of every file below a folder, by its path there."""
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }
