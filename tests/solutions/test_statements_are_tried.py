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
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest

from autograder.judge.examination import expected
from autograder.questions import catalogue
from autograder.questions.definition import Case, Question

ROOT = Path(__file__).parents[2]

NO_INPUTS = {
    "case_studies.group_folds": {
        "place of the hotel": "a step on the way to the result"
    },
    "convolution.output_size": {"o  o  o": "a picture of the first row of the table"},
    "first_steps.hold_out": {
        "how many of its class": "a step on the way to the result"
    },
    "lenet.softmax_cross_entropy": {
        "| 2 | 1 | -1 |": "with the logarithms on the way to the result",
        "| 0 | 3 | 1 |": "with the logarithms on the way to the result",
    },
}
"""Of a question: a part of a row or an example that shows more than inputs and result, and what it
shows.
"""

ON_THE_WAY = {
    "architectures.advantages": ("reward", "mean of the others"),
    "architectures.crowding_distance": ("first objective", "second objective"),
    "architectures.net_cost": ("weights", "multiply-adds"),
    "bayesian.kernel_matrix": ("r²",),
    "classical.sample": ("",),  # how the value is found
    "mixing.soft_cross_entropy": ("loss",),
    "neurons.fire": ("weighted sum and bias",),
    "policies.advantages": ("baseline before", "baseline after"),
    "policies.log_probability": ("softmax", "log-probability"),
    "policies.reinforce_gradient": ("reward - baseline", "one-hot - softmax"),
    "reweighting.domain_weights": ("odds",),
    "reweighting.weighted_loss": ("loss",),
    "searching.best_try": ("try",),
    "searching.grid": ("",),  # the rows' numbers
    "training.he_weights": ("fan_in",),
}
"""Of a question: the headings of columns that are neither inputs nor result, such as a step on the
way or the number of the row. The other columns of these rows are tried.
"""

A_CASE_EACH = {"halving.epochs_paid": ("resumed", "anew")}
"""Of a question: the headings of columns that are results of one case each."""

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


def shown(statement: str, left_out: Collection[str] = ()) -> Iterator[Shown]:
    """The rows of tables, the blocks and the bold results of a statement that hold numbers.

    left_out: headings of columns that are not read.
    """
    text = re.sub(r"\$\$.*?\$\$|\$[^$\n]*\$", " ", statement, flags=re.DOTALL)
    text = text.replace("−", "-")
    blocks = re.findall(r"```\n(.*?)```", text, flags=re.DOTALL)
    text = re.sub(r"```.*?```", " ", text, flags=re.DOTALL)
    prose = "\n".join(
        line for line in text.splitlines() if not line.startswith(("|", "#", "- "))
    )
    bold = [part for part in re.findall(r"\*\*([^*]+)\*\*", prose) if len(part) < 60]
    read = [(row, _without(heading, row, left_out)) for heading, row in _rows(text)]
    for piece, kept in (*read, *((piece, piece) for piece in (*blocks, *bold))):
        numbers = _numbers(kept)
        if numbers:
            yield Shown(piece.strip(), numbers)


def _rows(text: str) -> Iterator[tuple[str, str]]:
    """The rows of all tables, each after the heading of its table."""
    heading = ""
    for line in text.splitlines():
        if not line.startswith("|"):
            heading = ""
        elif not heading:
            heading = line
        elif not line.startswith("|-"):
            yield heading, line


def _cells(line: str) -> list[str]:
    """The cells of a line of a table."""
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _without(heading: str, row: str, left_out: Collection[str]) -> str:
    """`row` without the columns that are left out."""
    columns = zip(_cells(heading), _cells(row), strict=True)
    return " | ".join(
        ["", *(cell for name, cell in columns if name not in left_out), ""]
    )


def _numbers(piece: str) -> tuple[str, ...]:
    """The numbers of a piece of text; of a sum or a product that is worked out, the result."""
    cells = (
        [cell.rpartition("=")[2] for cell in piece.split("|")]
        if "|" in piece
        else [piece]
    )
    exact = r"[^\n]*≈"  # 2/3 in "2/3 ≈ 0.667"
    names = r"\w+\[\d+\]"  # X[0] is a name
    kept = [re.sub(f"{exact}|{names}", " ", cell) for cell in cells]
    return tuple(
        number for cell in kept for number in _NUMBER.findall(cell.replace("*", " "))
    )


def _same_for_everybody(question: Question) -> list[Case]:
    """The cases that do not depend on the seed."""
    first, second = list(question.cases(1)), list(question.cases(2))
    return [
        case
        for case, other in zip(first, second, strict=True)
        if pickle.dumps(case.inputs.args) == pickle.dumps(other.inputs.args)
    ]


def _values(value: Any) -> Iterator[float]:
    """All numbers in `value`, those in its strings included, and the sizes of its arrays."""
    if isinstance(value, str):
        yield from map(float, _NUMBER.findall(value))
    elif isinstance(value, dict):
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
    return bool(
        (distance <= 0.51 * 10.0**-decimals if decimals else distance <= 1e-3).any()
    )


def untried(
    question: Question, statement: str, left_out: Collection[str] = ()
) -> list[Shown]:
    """What `statement` shows and no case has; `left_out` are columns that are not read."""
    cases = _same_for_everybody(question)
    held = [
        np.array([*_values(case.inputs.args), *_values(expected(question, case))])
        for case in cases
    ]
    return [
        piece
        for piece in shown(statement, left_out)
        if not any(
            all(_holds(values, number) for number in piece.numbers) for values in held
        )
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
    if question.driver in ("call", "with_network", "change_network")
    and not question.measurement
]
STATEMENTS = _statements()


def _readings(name: str) -> list[set[str]]:
    """Which columns are left out when the rows are read; as often as a row is several cases."""
    on_the_way, results = ON_THE_WAY.get(name, ()), A_CASE_EACH.get(name, ())
    return [{*on_the_way, *results} - {result} for result in results] or [
        set(on_the_way)
    ]


@pytest.mark.parametrize("question", COMPARED, ids=lambda question: question.name)
def test_all_that_a_statement_shows_is_tried(question):
    excused = NO_INPUTS.get(question.name, {})
    statement = STATEMENTS[question.name]
    readings = _readings(question.name)
    missing = [
        piece.text for each in readings for piece in untried(question, statement, each)
    ]
    unexcused = [text for text in missing if not any(part in text for part in excused)]
    assert [*unexcused, *uncalled(question, statement)] == []
    assert [part for part in excused if not any(part in text for text in missing)] == []


@pytest.mark.parametrize(
    "question",
    [question for question in COMPARED if question.name in ON_THE_WAY | A_CASE_EACH],
    ids=lambda question: question.name,
)
def test_no_column_is_left_out_in_vain(question):
    """With any of them read, something of the statement is in no case."""
    for left_out in _readings(question.name):
        for column in left_out:
            assert untried(question, STATEMENTS[question.name], left_out - {column}), (
                column
            )


def test_a_row_that_is_no_case_is_found():
    question = next(one for one in COMPARED if one.name == "convolution.output_size")
    table = "\n".join(["| size | result |", "|---|---|", "| {} | 3 |"])
    assert untried(question, table.format(10)) == []
    assert untried(question, table.format(11)) == [Shown("| 11 | 3 |", ("11", "3"))]
    assert untried(question, "It comes to rest in **3** places.") == []
    assert [piece.text for piece in untried(question, "There are **1,003**.")] == [
        "1,003"
    ]
    assert uncalled(question, "`output_size(10, 3, 1, 4, 1)` is 3") == []
    assert uncalled(question, "`output_size(10, 3, 1, 4, 2)` is 2") != []


def test_a_column_that_is_left_out_is_not_read_and_the_others_are():
    question = next(one for one in COMPARED if one.name == "convolution.output_size")
    table = "\n".join(
        ["| size | so far | result |", "|---|---|---|", "| {} | 55 | 3 |"]
    )
    assert untried(question, table.format(10)) != []
    assert untried(question, table.format(10), ["so far"]) == []
    assert untried(question, table.format(11), ["so far"]) != []
    assert [piece.numbers for piece in shown("It is **10/3 ≈ 3.333**.")] == [("3.333",)]
