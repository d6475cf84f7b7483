"""What an exercise's statement shows, its question tries: every row of a table, every worked
example.

Numbers are read out of the statement; all that stand in one row, or in one bold result, must be in
the inputs or the result of one case that everybody gets. So a row that no probe tries is found
without anybody keeping a list of rows.
"""

from __future__ import annotations

import ast
import pickle
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest

from autograder.judge.judging import expected
from autograder.questions import catalogue
from autograder.questions.definition import Case, Question

ROOT = Path(__file__).parents[2]

NO_INPUTS = {
    "convolution.output_size": {"o  o  o": "a picture of the first row of the table"},
    "first_steps.hold_out": {"how many of its class": "a step on the way to the result"},
    "lenet.softmax_cross_entropy": {
        "| 2 | 1 | -1 |": "with the logarithms on the way to the result",
        "| 0 | 3 | 1 |": "with the logarithms on the way to the result",
    },
    "neurons.fire": {"| (": "with the sums, which are not asked for"},
    "training.he_weights": {"| convolution": "with the product of three sizes"},
}
"""Of a question: a part of a row or an example that shows more than inputs and result, and what it
shows.
"""

_NUMBER = re.compile(r"(?<![\w.])-?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+(?:\.\d+)?)(?![\w])")


@dataclass(frozen=True)
class Shown:
    """One thing that a statement shows: its text, and the numbers in it as they are printed."""

    text: str
    numbers: tuple[str, ...]


def _statements() -> dict[str, str]:
    """The text between a question's heading and its check, by the question's name."""
    statement: list[str] = []
    statements = {}
    for path in sorted((ROOT / "exercises").glob("*/*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "markdown" and cell.source.startswith("## "):
                statement = []
            if cell.cell_type == "markdown":
                statement.append(cell.source)
            elif match := re.match(r'check\("([\w.]+)"', cell.source):
                statements[match[1]] = "\n\n".join(statement)
    return statements


def shown(statement: str) -> Iterator[Shown]:
    """The rows of tables, the blocks and the bold results of a statement that hold numbers."""
    text = re.sub(r"\$\$.*?\$\$|\$[^$\n]*\$", " ", statement, flags=re.DOTALL)
    text = text.replace("−", "-")
    blocks = re.findall(r"```\n(.*?)```", text, flags=re.DOTALL)
    text = re.sub(r"```.*?```", " ", text, flags=re.DOTALL)
    lines = text.splitlines()
    rows = [
        line
        for line, before in zip(lines[1:], lines, strict=False)
        if line.startswith("|") and before.startswith("|") and not line.startswith("|-")
    ]
    prose = "\n".join(line for line in lines if not line.startswith(("|", "#", "- ")))
    bold = [part for part in re.findall(r"\*\*([^*]+)\*\*", prose) if len(part) < 60]
    for piece in (*rows, *blocks, *bold):
        numbers = _numbers(piece)
        if numbers:
            yield Shown(piece.strip(), numbers)


def _numbers(piece: str) -> tuple[str, ...]:
    """The numbers of a piece of text; of a sum or a product that is worked out, the result."""
    cells = [cell.rpartition("=")[2] for cell in piece.split("|")] if "|" in piece else [piece]
    names = r"\w+\[\d+\]"  # X[0] is a name
    kept = [re.sub(names, " ", cell) for cell in cells]
    return tuple(number for cell in kept for number in _NUMBER.findall(cell.replace("*", " ")))


def _same_for_everybody(question: Question) -> list[Case]:
    """The cases that do not depend on the seed."""
    first, second = list(question.cases(1)), list(question.cases(2))
    return [
        case
        for case, other in zip(first, second, strict=True)
        if pickle.dumps(case.inputs.args) == pickle.dumps(other.inputs.args)
    ]


def _values(value: Any) -> Iterator[float]:
    """All numbers in `value`, and the sizes of its arrays."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _values(key)
            yield from _values(item)
    elif isinstance(value, (list, tuple)):
        yield len(value)
        for item in value:
            yield from _values(item)
    elif isinstance(value, np.ndarray):
        yield from value.shape
        yield from value.astype(float).ravel()
    elif isinstance(value, (bool, int, float)):
        yield float(value)


def _holds(values: np.ndarray, number: str) -> bool:
    """Whether one of `values` is printed as `number`."""
    decimals = len(number.partition(".")[2])
    distance = np.abs(values - float(number.replace(",", "")))
    return bool((distance <= 0.51 * 10.0**-decimals if decimals else distance <= 1e-3).any())


def untried(question: Question, statement: str) -> list[Shown]:
    """What `statement` shows and no case has."""
    cases = _same_for_everybody(question)
    held = [
        np.array([*_values(case.inputs.args), *_values(expected(question, case))]) for case in cases
    ]
    return [
        piece
        for piece in shown(statement)
        if not any(all(_holds(values, number) for number in piece.numbers) for values in held)
    ]


def uncalled(question: Question, statement: str) -> list[str]:
    """The calls that `statement` spells out, such as `f(1, 2)`, and no case makes."""
    name = question.function_name
    calls = re.findall(rf"`({name}\([^`]*\))`", statement)
    made = [case.inputs.args for case in _same_for_everybody(question)]
    missing = []
    for call in calls:
        arguments = ast.parse(call, mode="eval").body.args  # type: ignore[attr-defined]
        if tuple(map(ast.literal_eval, arguments)) not in made:
            missing.append(call)
    return missing


COMPARED = [
    question
    for chapter in catalogue.chapters().values()
    for question in chapter.values()
    if question.driver in ("call", "with_network", "change_network") and not question.measurement
]
STATEMENTS = _statements()
HELD_TO_IT = {
    "first_steps",
    "neurons",
    "convolution",
    "lenet",
    "training",
    "deeper",
    "shortcuts",
    "small_nets",
}
"""Chapters in which nothing may be missing; in the others it is reported."""


@pytest.mark.parametrize("question", COMPARED, ids=lambda question: question.name)
def test_all_that_a_statement_shows_is_tried(question):
    excused = NO_INPUTS.get(question.name, {})
    statement = STATEMENTS[question.name]
    missing = [piece.text for piece in untried(question, statement)]
    unexcused = [text for text in missing if not any(part in text for part in excused)]
    problems = [*unexcused, *uncalled(question, statement)]
    if problems and question.name.partition(".")[0] not in HELD_TO_IT:
        pytest.xfail(f"Shown and not tried: {problems}")
    assert problems == []
    assert [part for part in excused if not any(part in text for text in missing)] == []


def test_a_row_that_is_no_case_is_found():
    question = next(one for one in COMPARED if one.name == "convolution.output_size")
    table = "\n".join(["| size | result |", "|---|---|", "| {} | 3 |"])
    assert untried(question, table.format(10)) == []
    assert untried(question, table.format(11)) == [Shown("| 11 | 3 |", ("11", "3"))]
    assert untried(question, "It comes to rest in **3** places.") == []
    assert [piece.text for piece in untried(question, "There are **1,003**.")] == ["1,003"]
    assert uncalled(question, "`output_size(10, 3, 1, 4, 1)` is 3") == []
    assert uncalled(question, "`output_size(10, 3, 1, 4, 2)` is 2") != []
