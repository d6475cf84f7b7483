"""The page for auditors names places in the code and attacks that exist, and no attack that tries
the wall is left out.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from links import ROOT

PAGE = (ROOT / "docs" / "sandbox.md").read_text(encoding="utf-8")
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ") and ".py: " in line]
PLACES = sorted(set(re.findall(r"`(\w+\.py): ([^`]+)`", PAGE)))
NOT_OF_THE_WALL = {
    # costs a question or a cell, which the judge and the notebook's run see to
    "endless-notebook",
    "flood-past-the-limit",
    "lock-holding-answer",
    "print-in-many-cells",
    "print-while-judged",
    "write-to-descriptors",
    "large-exception",
    # what a page shows
    "markup",
    "formulas-without-end",
    "names-without-end",
    # what is read of a submission, which a worker sees to
    "timestamp-is-a-folder",
    "timestamp-of-points",
    "draft-is-a-folder",
    "hard-link",
    "very-many-folders",
    "very-many-cells",
    "empty-objects",
    "blank-lines",
    "reading-without-end",
    "terabyte-of-holes",
    "timestamp-is-a-pipe",
    "keys-twice",
    # what is started and waited for
    "ends-while-it-starts",
    "waits-while-it-starts",
    "replies-without-end",
    "widgets-without-end",
    "byte-by-byte",
}


def names_in(file: str) -> set[str]:
    """What a module of the sandbox defines at its top."""
    tree = ast.parse(
        (ROOT / "autograder" / "sandbox" / file).read_text(encoding="utf-8")
    )
    names = set()
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {
                target.id for target in node.targets if isinstance(target, ast.Name)
            }
    return names


def attacks_of(*modules: str) -> set[str]:
    """The attacks that these modules of tests/attacks define."""
    names = set()
    for module in modules:
        tree = ast.parse(
            Path(ROOT, "tests", "attacks", f"{module}.py").read_text(encoding="utf-8")
        )
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and _is_an_attack(node):
                names.add(node.name.replace("_", "-"))
    return names


def _is_an_attack(function: ast.FunctionDef) -> bool:
    """Whether it is decorated, and writes a submission by the `hand` that it is given."""
    parameters = [parameter.arg for parameter in function.args.args]
    return bool(function.decorator_list) and parameters == ["hand"]


@pytest.mark.parametrize(("file", "names"), PLACES)
def test_a_place_that_is_named_exists(file, names):
    assert set(names.split(", ")) <= names_in(file)


def test_the_attacks_of_the_table_exist_and_all_that_try_the_wall_are_there():
    named = {
        name for row in ROWS for name in re.findall(r"`([a-z-]+)`", row.split("|")[4])
    }
    attacks = attacks_of("test_secrets", "test_harm", "test_stops")
    assert len(attacks) > 70
    assert named <= attacks
    assert attacks - named == NOT_OF_THE_WALL


def test_every_file_of_the_sandbox_stands_in_the_order_of_reading():
    files = {path.name for path in (ROOT / "autograder" / "sandbox").glob("*.py")}
    reading = PAGE.partition("## Read it in an hour")[2].partition("\n## ")[0]
    assert files - {"__init__.py", "slim_imports.py"} <= set(
        re.findall(r"`(\w+\.py)`", reading)
    )
