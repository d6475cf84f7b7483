"""The modules that lie beside a notebook: what its cells import from there is read as they are."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from autograder.judge.code.cell_syntax import parsed

_MOST_MODULES = 50
_MOST_CHARACTERS = 500_000
"""Of one module; a longer one is none that somebody wrote for an exercise."""


def modules_beside(folder: Path, cells: Iterable[str]) -> dict[str, str]:
    """The sources of the modules in `folder` that `cells` import, and of those that they import, by
    their names. What is installed comes first, as it does in a kernel.
    """
    sources: dict[str, str] = {}
    waiting = [name for cell in cells for name in _imported(cell)]
    while waiting and len(sources) < _MOST_MODULES:
        name = waiting.pop()
        if name in sources or _is_installed(name):
            continue
        for module, source in _sources(folder, name):
            sources[module] = source
            waiting += _imported(source)
    return sources


def _imported(source: str) -> Iterator[str]:
    """The top-level modules that a source names in an import."""
    tree = parsed(source)
    for node in ast.walk(tree) if tree else ():
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        for name in names:
            top, _, _ = name.partition(".")
            yield top


def _sources(folder: Path, name: str) -> Iterator[tuple[str, str]]:
    """A module, or a package with what is directly in it."""
    package = folder / name
    files = {name: package.with_suffix(".py")}
    if package.is_dir() and not package.is_symlink():
        parts = sorted(package.glob("*.py"))[:_MOST_MODULES]
        files = {}
        for path in parts:
            if path.stem != "__init__":
                files[f"{name}.{path.stem}"] = path
        files[name] = package / "__init__.py"
    for module, path in files.items():
        source = _read(path)
        if source is not None:
            yield module, source


def _read(path: Path) -> str | None:
    if path.is_symlink() or not path.is_file():
        return None
    try:
        with path.open(encoding="utf-8") as file:
            source = file.read(_MOST_CHARACTERS + 1)
    except (OSError, ValueError):
        return None
    return source if len(source) <= _MOST_CHARACTERS else None


def _is_installed(name: str) -> bool:
    """Whether `name` would be imported from elsewhere than the notebook's folder."""
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        # `__main__`, and other modules that are loaded without having been found.
        return name in sys.modules
