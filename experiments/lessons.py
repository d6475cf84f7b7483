"""Functions that stand in a lesson and are measured elsewhere: those of its cells tagged "net"."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat

ROOT = Path(__file__).parents[1]

SUFFIXES = {"torch": "torch", "mxnet": "gluon"}
"""Framework -> what the names of its nets end in."""


class NoSuchNet(RuntimeError):
    """A lesson has no net of the name, or none that can be made."""


def lesson_nets(lesson: Path) -> dict[str, Callable[..., Any]]:
    """The functions that make nets in the cells of a lesson tagged "net", by name."""
    endings = tuple(f"_{suffix}" for suffix in SUFFIXES.values())
    return {
        name: value
        for name, value in lesson_names(lesson).items()
        if callable(value) and name.endswith(endings)
    }


def lesson_names(lesson: Path) -> dict[str, Any]:
    """Everything that the cells of a lesson tagged "net" define, by name. Cells that need MXNet
    are left out where there is none.
    """
    from dlkit import mx

    names: dict[str, Any] = {"__name__": lesson.stem}
    # NameError: of what a cell that was left out would have made.
    missing: tuple[type[Exception], ...] = (
        () if mx.available() else (mx.MXNetMissing, NameError)
    )
    for cell in _net_cells(lesson):
        try:
            exec(compile(cell.source, f"{lesson.name}, {cell.id}", "exec"), names)
        except missing:
            continue
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            raise NoSuchNet(
                f'Lesson {lesson.stem}: cell {cell.id}, tagged "net", needs more '
                f"than the others so tagged. {reason}"
            ) from error
    return names


def _net_cells(lesson: Path) -> list[nbformat.NotebookNode]:
    cells = nbformat.read(lesson, as_version=4).cells
    return [
        cell
        for cell in cells
        if cell.cell_type == "code" and "net" in cell.metadata.get("tags", [])
    ]


def digest(lesson: Path, name: str) -> str:
    """Of everything in the lesson's net cells that `name` is made of, or the net `name` in both
    frameworks; comments, docstrings and layout do not count.
    """
    defined: dict[str, str] = {}
    uses: dict[str, set[str]] = {}
    for statement in _definitions(lesson):
        names = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
        for defining in _defined_names(statement):
            defined[defining] = ast.dump(statement)
            uses[defining] = names
    wanted = {name, *(f"{name}_{suffix}" for suffix in SUFFIXES.values())}
    reached: set[str] = set()
    while wanted:
        reached |= wanted
        used = set().union(*(uses.get(user, set()) for user in wanted))
        wanted = used & defined.keys() - reached
    parts = [defined.get(part, "") for part in sorted(reached)]
    return hashlib.sha256("".join(parts).encode()).hexdigest()[:12]


def _definitions(lesson: Path) -> Iterator[ast.stmt]:
    """The statements of a lesson's net cells, but for imports, without docstrings."""
    for cell in _net_cells(lesson):
        for statement in ast.parse(cell.source).body:
            if not isinstance(statement, ast.Import | ast.ImportFrom):
                _remove_docstrings(statement)
                yield statement


def _remove_docstrings(statement: ast.stmt) -> None:
    """A docstring may be worded or broken into lines anew: nothing is trained otherwise for it."""
    for node in ast.walk(statement):
        is_documented = isinstance(node, ast.FunctionDef | ast.ClassDef)
        if is_documented and ast.get_docstring(node, clean=False) is not None:
            del node.body[0]


def _defined_names(statement: ast.stmt) -> list[str]:
    """What a statement gives a value to: ``a, b = 1, 2`` defines two names."""
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement]
    single = [part for target in targets for part in getattr(target, "elts", [target])]
    return [getattr(part, "name", getattr(part, "id", "")) for part in single]


def find_net(lesson: Path, name: str, framework: str) -> Callable[[], Any]:
    """The function that makes one net. Raises NoSuchNet."""
    wanted = f"{name}_{SUFFIXES[framework]}"
    if not lesson.exists():
        raise NoSuchNet(
            f"There is no lesson {lesson.stem}; {wanted} should stand in it."
        )
    nets = lesson_nets(lesson)
    if wanted not in nets:
        raise NoSuchNet(
            f'Lesson {lesson.stem} has no net {wanted} in a cell tagged "net"; it '
            f"has {', '.join(sorted(nets)) or 'none'}."
        )
    return nets[wanted]
