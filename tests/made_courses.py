"""Courses made of a few short notebooks, on disk."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from autograder.questions.material import CONFIG


def prose(source: str) -> dict[str, Any]:
    """A cell of Markdown."""
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def checked(name: str, points: float = 1, source: str | None = None) -> dict[str, Any]:
    """The cell that checks the question of this name."""
    facts = {"grade": True, "solution": False, "points": points}
    facts["grade_id"] = name.replace(".", "-", 1)
    call = f'check("{name}", answer)' if source is None else source
    return {"cell_type": "code", "metadata": {"nbgrader": facts}, "source": call}


def written(grade_id: str, points: float = 2) -> dict[str, Any]:
    """The cell of an answer in words."""
    facts = {"grade": True, "solution": True, "points": points, "grade_id": grade_id}
    text = "*Your answer here.*"
    return {"cell_type": "markdown", "metadata": {"nbgrader": facts}, "source": text}


def write_notebook(path: Path, cells: Sequence[Any], minutes: object = None) -> Path:
    """A notebook of these cells, which says how many minutes it takes."""
    metadata = {} if minutes is None else {"course": {"minutes": minutes}}
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"cells": list(cells), "metadata": metadata, "nbformat": 4}
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def write_exercise(
    root: Path, name: str, cells: Sequence[Any], minutes: object = None
) -> Path:
    """The exercise `name` in the course at `root`."""
    return write_notebook(root / "exercises" / name / f"{name}.ipynb", cells, minutes)


def write_course(root: Path) -> Path:
    """Three chapters; the first two have lessons, the second a question in words."""
    root.mkdir(parents=True, exist_ok=True)
    (root / CONFIG).touch()
    first = [
        prose("# Exercise 01: Sums\n\nTwo questions."),
        prose("## 1. Add (1 point)"),
        checked("sums.add"),
        prose("## 2. Add many (3 points)"),
        checked("sums.add_many", 3),
    ]
    second = [
        prose("# Exercise 02: Products"),
        prose("## 1. Multiply (2 points)"),
        checked("products.multiply", 2),
        prose("## 2. In words (2 points)"),
        written("written-why"),
    ]
    third = [
        prose("# Exercise 03: Powers"),
        prose("## 1. Square"),
        checked("powers.square"),
    ]
    write_exercise(root, "01-sums", first, 40)
    write_exercise(root, "02-products", second, 20)
    write_exercise(root, "03-powers", third)
    write_notebook(root / "lessons/01-sums.ipynb", [prose("# 01 Sums")], 30)
    write_notebook(root / "lessons/02-products.ipynb", [prose("# 02 Products")], 25)
    return root


def copy_for_learner(course: Path, folder: Path) -> Path:
    """A learner's copy of the course's notebooks."""
    for notebook in course.glob("*/**/*.ipynb"):
        target = folder / notebook.relative_to(course)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(notebook.read_bytes())
    return folder
