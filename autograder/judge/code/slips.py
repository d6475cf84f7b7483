"""Slips that are seen in an answer's code and not in its results: a `return` that ends a loop in
its first turn, arguments in another order. Nothing of what is read is run.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from autograder.judge.code.cell_syntax import parsed, text_of

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


def early_return(cells: Sequence[str], name: str) -> str:
    """That the only `return` of the function `name` stands in a loop without a condition; empty
    where that is not so.
    """
    function = _definition(cells, name)
    if function is None:
        return ""
    returns = [node for node in _own_nodes(function) if isinstance(node, ast.Return)]
    if len(returns) != 1 or returns[0] not in _always_in_loop(function.body, False):
        return ""
    line = text_of(returns[0])
    return (
        f"The line `{line}` stands inside the loop, so that the function ends in "
        "the loop's first turn: move it below the loop."
    )


def has_open_branch(cells: Sequence[str], name: str) -> bool:
    """Whether the function `name` comes to its stub under a condition only: what stands elsewhere
    in it is an answer.
    """
    function = _definition(cells, name)
    if function is None:
        return False
    conditions = [node for node in _own_nodes(function) if isinstance(node, ast.If)]
    return any(
        isinstance(node, ast.Raise) and "NotImplementedError" in ast.dump(node)
        for condition in conditions
        for node in ast.walk(condition)
    )


def other_order(cells: Sequence[str], name: str, given: Sequence[str]) -> str:
    """That the function `name` takes the arguments `given` in another order; empty where that is
    not so.
    """
    function = _definition(cells, name)
    if function is None:
        return ""
    taken = [argument.arg for argument in function.args.args]
    if taken == list(given) or sorted(taken) != sorted(given):
        return ""
    return (
        f"Your function takes its arguments in another order: {', '.join(taken)}; it is given "
        f"{', '.join(given)}."
    )


def _definition(cells: Sequence[str], name: str) -> ast.FunctionDef | None:
    """The definition of the function in the last cell that has one; None where that cell, or a
    script, has several: which of them was in force cannot be read.
    """
    for cell in reversed(cells):
        tree = parsed(cell)
        found = [
            node
            for node in (tree.body if tree else ())
            if isinstance(node, ast.FunctionDef) and node.name == name
        ]
        if found:
            return found[0] if len(found) == 1 else None
    return None


def _own_nodes(function: ast.FunctionDef) -> Iterator[ast.AST]:
    """The nodes of a function without those of functions inside it."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, _FUNCTIONS):
            waiting += ast.iter_child_nodes(node)


def _always_in_loop(body: Sequence[ast.stmt], in_loop: bool) -> list[ast.stmt]:
    """The statements that every turn of a loop comes to."""
    found = []
    for statement in body:
        if in_loop:
            found.append(statement)
        if isinstance(statement, (ast.For, ast.While)):
            found += _always_in_loop(statement.body, True)
        elif isinstance(statement, ast.With):
            found += _always_in_loop(statement.body, in_loop)
    return found
