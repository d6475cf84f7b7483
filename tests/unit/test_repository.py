"""What must be true of the project's files: clean notebooks, exercises that agree with their
questions, MXNet through its shim only.
"""

import ast
import functools
import re
from pathlib import Path

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager

from autograder.grading.submissions.cells import PLOT_CELL_PREFIX, question_of
from autograder.questions import catalogue

ROOT = Path(__file__).parents[2]
LESSONS = sorted((ROOT / "lessons").glob("*.ipynb"))
EXERCISES = sorted((ROOT / "exercises").glob("*/*.ipynb"))


def name_of(path):
    return path.stem


@pytest.mark.parametrize("path", LESSONS + EXERCISES, ids=name_of)
def test_notebooks_hold_no_outputs_and_have_stable_ids(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata.kernelspec.name == "python3"
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


@pytest.mark.parametrize("path", LESSONS, ids=name_of)
def test_lessons_have_the_parts_of_a_lesson(path):
    notebook = nbformat.read(path, as_version=4)
    headings = [
        line.lstrip("# ").lower()
        for cell in notebook.cells
        if cell.cell_type == "markdown"
        for line in cell.source.splitlines()
        if line.startswith("#")
    ]
    for part in (
        "why",
        "predict",
        "measure",
        "what to notice",
        "summary",
        "check yourself",
        "next",
    ):
        assert any(part in heading for heading in headings), f"no section {part!r}"
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    assert "import torch" in code
    assert "from dlkit.mx import" in code
    assert any("claim" in cell.metadata.get("tags", []) for cell in notebook.cells), (
        "nothing that it says is checked"
    )


@functools.cache
def nodes_of(source):
    """The syntax nodes of a cell; lines that only IPython understands are turned into Python
    first.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError:  # a line for IPython
        tree = ast.parse(TransformerManager().transform_cell(source))
    return list(ast.walk(tree))


def names_in(cells, context):
    """The names that the cells' code stores or loads (`context` is ast.Store or ast.Load)."""
    nodes = [node for cell in cells for node in nodes_of(cell.source)]
    names = {
        node.id
        for node in nodes
        if isinstance(node, ast.Name) and isinstance(node.ctx, context)
    }
    if context is ast.Store:
        definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        names |= {node.name for node in nodes if isinstance(node, definitions)}
    return names


@pytest.mark.parametrize("path", LESSONS, ids=name_of)
def test_only_claims_assert_and_nothing_depends_on_them(path):
    """Cells tagged "claim" are left out of a learner's copy: who changes a learning rate must
    not meet an AssertionError.
    """
    code = [
        cell
        for cell in nbformat.read(path, as_version=4).cells
        if cell.cell_type == "code"
    ]
    claims = [cell for cell in code if "claim" in cell.metadata.get("tags", [])]
    others = [cell for cell in code if cell not in claims]
    asserting = [
        cell.id
        for cell in others
        if re.search(r"^\s*assert\b|\bassert_\w*\(", cell.source, re.MULTILINE)
    ]
    assert asserting == [], "cells that assert something and are not tagged claim"
    assert [cell.id for cell in claims if "assert" not in cell.source] == [], (
        "claims that claim nothing"
    )
    only_in_claims = names_in(claims, ast.Store) - names_in(others, ast.Store)
    assert only_in_claims & names_in(others, ast.Load) == set(), (
        "names that only a claim defines"
    )
    assert names_in(claims, ast.Store) & names_in(others, ast.Store) == set(), (
        "names that a claim takes from the lesson"
    )
    assert not re.search(
        r"perf_counter|process_time|\bseconds\b",
        "\n".join(cell.source for cell in claims),
    ), "a claim about time"


@pytest.mark.parametrize("path", EXERCISES, ids=name_of)
def test_exercises_agree_with_their_questions(path):
    notebook = nbformat.read(path, as_version=4)
    assert path.parent.name == path.stem
    facts = {
        cell.metadata.nbgrader.grade_id: (cell, cell.metadata.nbgrader)
        for cell in notebook.cells
        if "nbgrader" in cell.metadata
    }
    questions = [question for cell in notebook.cells if (question := question_of(cell))]
    chapters = {question.name.partition(".")[0] for question in questions}
    assert [question.name for question in questions] == [
        name for name in catalogue.names() if name.partition(".")[0] in chapters
    ]
    for question in questions:
        check_cell, check_facts = facts[question.grade_id]
        assert check_facts.points == question.points
        assert (check_facts.grade, check_facts.locked, check_facts.solution) == (
            True,
            True,
            False,
        )
        assert (
            check_cell.source == f'check("{question.name}", {question.function_name})'
        )
        stub, stub_facts = facts[f"answer-{question.function_name}"]
        assert (stub_facts.grade, stub_facts.locked, stub_facts.solution) == (
            False,
            False,
            True,
        )
        assert f'raise NotImplementedError("{question.name}")' in stub.source
    assert any(
        f.grade and f.solution and cell.cell_type == "markdown"
        for cell, f in facts.values()
    ), "no written question"


@pytest.mark.parametrize("path", EXERCISES, ids=name_of)
def test_exercises_hold_nothing_secret(path):
    text = path.read_text(encoding="utf-8")
    assert "BEGIN SOLUTION" not in text
    assert "BEGIN HIDDEN TESTS" not in text
    assert "import solutions" not in text
    assert "from solutions" not in text


@pytest.mark.parametrize("path", EXERCISES, ids=name_of)
def test_nothing_depends_on_a_picture(path):
    """Grading leaves cells whose grade id begins with "plot-" out, so no other cell may use what
    they define.
    """
    defined, used = set(), set()
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            nodes = list(ast.walk(ast.parse(cell.source)))
            stored = {
                node.id
                for node in nodes
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
            }
            stored |= {node.arg for node in nodes if isinstance(node, ast.arg)}
            if (
                cell.metadata.get("nbgrader", {})
                .get("grade_id", "")
                .startswith(PLOT_CELL_PREFIX)
            ):
                defined |= stored
            else:
                used |= {
                    node.id
                    for node in nodes
                    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
                } - stored
    assert defined & used == set()


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_lessons_import_the_shim_in_their_first_cell(path):
    """It skips the cells that need MXNet where there is none, from the next cell on."""
    first = next(
        cell
        for cell in nbformat.read(path, as_version=4).cells
        if cell.cell_type == "code"
    )
    assert (
        "from dlkit.mx import" in first.source or "from dlkit import mx" in first.source
    )


def test_mxnet_is_imported_through_the_shim_only():
    for package in ("solutions", "dlkit"):
        for path in (ROOT / package).rglob("*.py"):
            if path.relative_to(ROOT) != Path("dlkit/mx.py"):
                assert "import mxnet" not in path.read_text(encoding="utf-8"), path
                assert "from mxnet" not in path.read_text(encoding="utf-8"), path
