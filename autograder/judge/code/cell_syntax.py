"""Cells as syntax trees, also where lines for IPython are among the Python."""

from __future__ import annotations

import ast
import re
import warnings

_TRIES = 20
"""How often a text is parsed before it counts as unreadable. Python 3.11 counts the depth of all
trees under construction in one place: when another thread builds one meanwhile, which takes a
finalizer that lets it run, both may end in a SystemError without any fault of the text's
(python/cpython#106905).
"""

LONGEST_LINE = 160
"""So much of a line of code is said with what is found in it."""

_CELL_MAGIC = re.compile(r"\s*%%(time|timeit|capture|prun)\b")
"""A cell that begins like this is Python; behind another magic stands another language."""

_TIMED = re.compile(
    r"(?P<indent>\s*)%(?:time|timeit|prun)\s+(?:-\w\s*\w*\s+)*(?P<code>\S.*)"
)
_FOR_IPYTHON = re.compile(
    r"""(?P<indent>\s*)
    (?: [%!?].*                                # %matplotlib inline, !pip list, ?f
    |   \w[\w.]*\?{1,2}\s*                     # f?
    |   (?P<target>\w[\w, ]*=)\s*[%!].*        # files = !ls
    )$""",
    re.VERBOSE,
)


def parsed(cell: str) -> ast.Module | None:
    """The cell's tree, each node with its line of code for `text_of`; None for what Python would
    not run either.
    """
    tree = _tree(cell)
    if tree is None:
        cell = _without_magics(cell)
        tree = _tree(cell)
    if tree is None:
        return None
    lines = cell.splitlines()
    for node in ast.walk(tree):
        number = getattr(node, "lineno", 0)
        if 0 < number <= len(lines):
            line = lines[number - 1].strip()
            vars(node)["text"] = line[:LONGEST_LINE]
    return tree


def text_of(node: ast.AST) -> str:
    """The line of code in which a node of `parsed` stands."""
    return str(getattr(node, "text", ""))


def _without_magics(cell: str) -> str:
    """The Python of a cell: of a line for IPython what it times, otherwise nothing."""
    first, _, rest = cell.partition("\n")
    if _CELL_MAGIC.match(first):
        cell = f"\n{rest}"
    elif first.lstrip().startswith("%%"):
        return ""
    return "\n".join(map(_python_of, cell.split("\n")))


def _python_of(line: str) -> str:
    timed = _TIMED.fullmatch(line)
    if timed:
        return timed["indent"] + timed["code"]
    other = _FOR_IPYTHON.match(line)
    if other is None:
        return line
    if other["target"]:
        return f"{other['indent']}{other['target']} None"
    return f"{other['indent']}pass"


def _tree(text: str) -> ast.Module | None:
    for attempt in range(1, _TRIES + 1):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return ast.parse(text)
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            return None
        except SystemError:
            if attempt == _TRIES:
                raise
    return None
