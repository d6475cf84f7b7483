"""Slips are seen in an answer's code where they are, and nowhere else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from autograder.judge.code.slips import early_return, has_open_branch, other_order

EXERCISES = sorted((Path(__file__).parents[5] / "exercises").glob("*/*.ipynb"))

IN_THE_LOOP = [
    "def f(xs):\n    s = 0\n    for x in xs:\n        s += x\n        return s",
    "def f(xs):\n    for x in xs:\n        for y in x:\n            s = y\n        return s",
    "%time 1\ndef f(xs):\n    while xs:\n        with a:\n            return s",
]
ELSEWHERE = [
    "def f(xs):\n    for x in xs:\n        s += x\n    return s",
    "def f(xs):\n    for x in xs:\n        if x:\n            return x",
    "def f(xs):\n    for x in xs:\n        return x\n    return 0",
    "def f(xs):\n    for x in xs:\n        def g():\n            return x",
    "def f(xs):\n    for x in xs:\n        pass\n    else:\n        return x",
    "def g(xs):\n    for x in xs:\n        return x",
    "f = lambda xs: xs",
    "def f(:",
]


@pytest.mark.parametrize("source", IN_THE_LOOP)
def test_a_return_in_the_loop_is_seen(source):
    assert "stands inside the loop" in early_return([source], "f")


@pytest.mark.parametrize("source", ELSEWHERE)
def test_other_returns_are_not(source):
    assert early_return([source], "f") == ""


def test_the_last_definition_counts():
    assert early_return([IN_THE_LOOP[0], ELSEWHERE[0]], "f") == ""
    assert early_return([ELSEWHERE[0], IN_THE_LOOP[0]], "f") != ""


def test_of_two_definitions_in_one_script_nothing_is_said():
    assert early_return([f"{ELSEWHERE[0]}\n{IN_THE_LOOP[0]}"], "f") == ""


def test_arguments_in_another_order_are_seen():
    source = "def f(kernel, image): pass"
    assert other_order([source], "f", ["image", "kernel"]) == (
        "Your function takes its arguments in another order: kernel, image; it is given image, "
        "kernel."
    )
    for given in (["kernel", "image"], ["x", "kernel"], ["image"]):
        assert other_order([source], "f", given) == ""


@pytest.mark.parametrize(
    ("source", "is_half"),
    [
        ("def f(x):\n    if x:\n        raise NotImplementedError\n    return 1", True),
        (
            "def f(x):\n    if x:\n        return 1\n    else:\n        raise "
            "NotImplementedError('f')",
            True,
        ),
        ("def f(x):\n    raise NotImplementedError('f')", False),
        (
            "def f(x):\n    if x < 0:\n        raise ValueError\n    raise "
            "NotImplementedError('f')",
            False,
        ),
        (
            "def f(x):\n    def g():\n        if x:\n            raise NotImplementedError",
            False,
        ),
        ("def g(x):\n    if x:\n        raise NotImplementedError", False),
    ],
)
def test_a_stub_under_a_condition_leaves_the_rest_an_answer(source, is_half):
    assert has_open_branch([source], "f") == is_half


@pytest.mark.parametrize("path", EXERCISES, ids=lambda path: path.stem)
def test_no_exercise_comes_with_a_stub_under_a_condition(path):
    """It would count as an attempt."""
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("solution"):
            source = "".join(cell["source"])
            name = cell["metadata"]["nbgrader"]["grade_id"].removeprefix("answer-")
            assert not has_open_branch([source], name), cell["id"]
