"""Reads an answer for library calls that its task forbids, by whatever name it uses them honestly:
directly, imported, under another name, as a method, in a helper, as a parameter's default. Nothing
of what it reads is run.

What can be read only by guessing costs nothing here: the watch over the call itself sees it
(`autograder.answers.call_watch`), and what would hide from the watch is told to the instructor
(`autograder.judge.code.reaches`).
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from autograder.judge.code.cell_syntax import parsed, text_of
from autograder.judge.code.forbidden_names import ForbiddenNames
from autograder.judge.code.name_flow import NameFlow
from autograder.logs import log


@dataclass(frozen=True)
class Code:
    """The code around an answer.

    cells:  sources in the order in which they were run; lines for IPython (`%time`) may be among
            them.
    name:   what the answer is called in them.
    beside: the sources of the modules that lie beside the notebook, by their names.
    """

    cells: Sequence[str]
    name: str
    beside: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ForbiddenUse:
    """What must not be there: one sentence, and the line of code in which it stands."""

    sentence: str
    line: str = ""


def may_not(name: str) -> str:
    """What to say about a forbidden call."""
    _, is_operator, operator = name.partition("torch.ops.")
    said = f"PyTorch's operator `{operator}`" if is_operator else f"`{name}`"
    return f"This task asks for your own code: {said} may not be used here."


def read(code: Code, forbids: Sequence[str]) -> ForbiddenUse | None:
    """The first use in the answer of what `forbids` names (dotted; what is below a name is
    forbidden with it).
    """
    if not forbids:
        return None
    forbidden = ForbiddenNames(forbids)
    try:
        flow = NameFlow(_trees(code.cells), _modules(code.beside), forbidden.rule_out)
        flow.follow(code.name)
    # The code is a stranger's: what cannot be read costs nothing, and is watched when it runs.
    except Exception:
        log.warning(
            "the code around %s could not be read to its end", code.name, exc_info=True
        )
        return None
    if flow.mention is None:
        return None
    name, node = flow.mention
    return ForbiddenUse(may_not(name), text_of(node))


def _trees(cells: Sequence[str]) -> list[ast.Module]:
    trees = map(parsed, cells)
    return [tree for tree in trees if tree is not None]


def _modules(beside: Mapping[str, str]) -> dict[str, ast.Module]:
    trees = {name: parsed(source) for name, source in beside.items()}
    return {name: tree for name, tree in trees.items() if tree is not None}
