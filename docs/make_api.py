"""Writes docs/api.md from the docstrings of what authors use: ``python docs/make_api.py``.

A test holds the page against the docstrings; ``make format`` writes it anew.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

PAGE = Path(__file__).with_name("api.md")
MODULES = ("autograder", "autograder.testing")
"""Their public names are those of ``__all__``; one that is not there is left out."""

_QUOTED = re.compile(r"(: |-> )'([^']*)'")
"""An annotation that is kept as text."""

HEAD = """\
# What authors use

Made from the docstrings by `docs/make_api.py`: change those, then run `make format`. The guide is
[write-a-question.md](write-a-question.md).
"""


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for name in MODULES:
        if importlib.util.find_spec(name) is not None:
            parts += _module(importlib.import_module(name))
    return "\n".join(parts)


def _module(module: ModuleType) -> Iterator[str]:
    yield f"## `{module.__name__}`\n"
    yield _text(module)
    for name in sorted(getattr(module, "__all__", ()), key=str.casefold):
        yield from _public(name, getattr(module, name), level=3)


def _public(name: str, value: Any, level: int) -> Iterator[str]:
    yield f"{'#' * level} `{name}`\n"
    if callable(value):
        signature = _QUOTED.sub(r"\1\2", _signature(name, value))
        yield f"```python\n{signature}\n```\n"
    yield _text(value)
    if inspect.isclass(value):
        for method, function in _methods(value):
            yield from _public(f"{name}.{method}", function, level + 1)


def _methods(kind: type) -> Iterator[tuple[str, Any]]:
    """The methods that a class documents itself, in the order of their definition."""
    for name, value in vars(kind).items():
        if inspect.isfunction(value) and not name.startswith("_") and value.__doc__:
            yield name, value


def _signature(name: str, value: Any) -> str:
    """One line; parameters a line each where it would be longer than 88 columns."""
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):
        return name
    line = f"{name}{signature}"
    if len(line) <= 88:
        return line
    parameters = "".join(f"    {part},\n" for part in _parameters(signature))
    returned = signature.return_annotation
    arrow = (
        "" if returned is inspect.Signature.empty else f" -> {_annotation(returned)}"
    )
    return f"{name}(\n{parameters}){arrow}"


def _parameters(signature: inspect.Signature) -> Iterator[str]:
    """As they are written, with the star before those that are given by name only."""
    starred = False
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL:
            starred = True
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            starred = True
            yield "*"
        yield str(parameter)


def _annotation(annotation: Any) -> str:
    return (
        annotation
        if isinstance(annotation, str)
        else inspect.formatannotation(annotation)
    )


def _text(value: Any) -> str:
    """The docstring as it stands: its columns and examples are laid out by hand."""
    return f"```text\n{inspect.getdoc(value) or ''}\n```\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
