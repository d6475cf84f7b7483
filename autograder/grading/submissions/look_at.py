"""What the instructor is told to look at in a submission, beside its points: see
`autograder.judge.code.reaches`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping

from nbformat import NotebookNode

from autograder.grading.submissions.cells import metadata_of, question_of
from autograder.judge.code import name_binding
from autograder.judge.code.cell_syntax import parsed
from autograder.judge.code.reaches import reaches
from autograder.logs import log
from autograder.verdict import Verdict


def things_to_look_at(
    nb: NotebookNode, modules: Mapping[str, str], verdicts: Mapping[str, Verdict]
) -> list[str]:
    """A line for each, with the cell and what stands there; none of it changes a point.

    modules: the sources of the modules beside the notebook, by their names.
    """
    try:
        return _found(nb, modules, verdicts)
    # The cells are a stranger's: a gap in the reader stops no class.
    except Exception:
        log.warning(
            "the cells could not be read for what they reach for", exc_info=True
        )
        return ["its cells could not be read"]


def _found(
    nb: NotebookNode, modules: Mapping[str, str], verdicts: Mapping[str, Verdict]
) -> list[str]:
    own = {}
    for number, cell in enumerate(nb.cells, 1):
        if cell.cell_type == "code" and not _is_the_courses(cell):
            own[_where(number, cell)] = cell.source
    beside = {}
    for name, source in modules.items():
        path = name.replace(".", "/")
        beside[f"{path}.py"] = source
    found = [str(reach) for reach in reaches(own | beside)]
    for name in _undefined(nb, verdicts):
        found.append(f"`{name}` is checked, and no cell defines it")
    return found


def _is_the_courses(cell: NotebookNode) -> bool:
    metadata = metadata_of(cell)
    return bool(metadata.get("locked")) or question_of(cell) is not None


def _where(number: int, cell: NotebookNode) -> str:
    name = metadata_of(cell).get("grade_id")
    return f"cell {number} ({name})" if name else f"cell {number}"


def _undefined(nb: NotebookNode, verdicts: Mapping[str, Verdict]) -> list[str]:
    """The answers that earn something, and forbid something, though no cell defines them."""
    sources = [cell.source for cell in nb.cells if cell.cell_type == "code"]
    trees = map(parsed, sources)
    defined = _defined(tree for tree in trees if tree is not None)
    if "*" in defined:
        return []
    missing = []
    for cell in nb.cells:
        question = question_of(cell)
        if question is None or not question.forbids:
            continue
        verdict = verdicts.get(metadata_of(cell).get("grade_id", ""))
        is_earned = verdict is not None and verdict.earned > 0
        if is_earned and question.function_name not in defined:
            missing.append(question.function_name)
    return missing


def _defined(trees: Iterable[ast.Module]) -> set[str]:
    names: set[str] = set()
    for tree in trees:
        for node in name_binding.statements(tree.body):
            names |= set(name_binding.bound_by(node))
    return names
