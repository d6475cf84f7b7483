"""Which chapters of the course differ from the main branch, as git sees it: those whose
questions `pytest tests/solutions --changed` judges.
"""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

MAIN = ("main", "master", "origin/main", "origin/master")


class NoHistory(Exception):
    """Git, or a history to compare with, is not there; the message says which."""


def changed_files(root: Path) -> list[str]:
    """Files under `root` that differ from where this branch left the main one, committed or not,
    new ones too; POSIX paths below `root`.
    """
    bases = [
        base
        for branch in MAIN
        if (base := _git(root, "merge-base", "HEAD", branch, missing=""))
    ]
    base = bases[0].strip() if bases else "HEAD"
    differing = _git(root, "diff", "--name-only", "-z", "--relative", base)
    untracked = _git(root, "ls-files", "--others", "--exclude-standard", "-z")
    return sorted(set(filter(None, (differing + untracked).split("\0"))))


def _git(root: Path, *arguments: str, missing: str | None = None) -> str:
    """What git says; `missing` where it says no. Raises NoHistory."""
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=root, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise NoHistory(f"git cannot be started: {error}") from None
    if done.returncode == 0:
        return done.stdout
    if missing is None:
        raise NoHistory(done.stderr.strip() or f"git {arguments[0]} failed")
    return missing


def changed_chapters(root: Path, files: Iterable[str]) -> set[str]:
    """The chapters (modules of `solutions`) that these files belong to: their questions, what
    the questions import, their lesson, their exercise.
    """
    chapters = chapters_by_number(root)
    found = set()
    for file in map(Path, files):
        if file.parts[0] in ("lessons", "exercises") and len(file.parts) > 1:
            found |= chapters.get(file.parts[1][:2], set())
        elif file.parts[0] == "solutions" and file.suffix == ".py":
            found |= {file.stem} | _who_imports(root, file.stem)
    return found & {path.stem for path in (root / "solutions").glob("*.py")}


def chapters_by_number(root: Path) -> dict[str, set[str]]:
    """The chapters that the exercise of each number asks questions of: "02" -> {"convolution"}."""
    return {
        path.name[:2]: set(
            re.findall(r"check\(\\\"(\w+)\.\w+\\\"", path.read_text(encoding="utf-8"))
        )
        for path in (root / "exercises").glob("*/*.ipynb")
    }


def _who_imports(root: Path, module: str) -> set[str]:
    """The modules of `solutions` that import this one of them."""
    return {
        path.stem
        for path in (root / "solutions").glob("*.py")
        if module in _imported(path)
    }


def _imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "solutions":
            names |= {alias.name for alias in node.names}
        elif (
            isinstance(node, ast.ImportFrom)
            and node.module
            and node.module.startswith("solutions.")
        ):
            names.add(node.module.split(".")[1])
    return names
