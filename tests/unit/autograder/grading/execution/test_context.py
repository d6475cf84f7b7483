"""What a verdict says of the notebook around an answer: on cells that are written down, without a
kernel.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from autograder.grading.execution.context import (
    BELOW,
    NO_NETWORK,
    Context,
    definitions,
    reworded,
    why_not_asked,
)
from autograder.questions.definition import Answer, Question
from autograder.verdict import Status, Verdict

QUESTION = Question("small.total", 2.0, Answer(sum, "numpy"))
RIGHT = "def total(values):\n    return values.sum()"
STUB = 'def total(values):\n    raise NotImplementedError("small.total")'
OFFLINE = [
    ("URLError", "<urlopen error [Errno -3] Temporary failure in name resolution>"),
    ("gaierror", "[Errno -2] Name or service not known"),
    ("OSError", "[Errno 101] Network is unreachable"),
    ("ConnectionError", "HTTPSConnectionPool: Failed to resolve 'example.org'"),
]


def cell(source, error=None, traceback=()):
    outputs = []
    if error is not None:
        name, text = error
        outputs = [
            new_output("error", ename=name, evalue=text, traceback=list(traceback))
        ]
    return new_code_cell(source, outputs=outputs)


def no_name():
    """The check's own cell, which found nothing of that name."""
    return cell("check", ("NameError", "name 'total' is not defined"))


def verdict(status=Status.INCORRECT, **facts):
    earned = 2.0 if status is Status.CORRECT else 0.0
    return Verdict(
        "small.total", status, 2.0, earned, "Right on 0 of 3 inputs.", **facts
    )


# --- where it is defined --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [RIGHT, "total = sum", "class total:\n    pass", "import numpy as np\n\n" + RIGHT],
)
def test_an_answer_below_its_check_is_told_so(source):
    found = why_not_asked(QUESTION, no_name(), Context([cell("x = 1")], [cell(source)]))
    assert (found.status, found.earned) == (Status.ERROR, 0.0)
    assert found.headline == f"There is no `total`: {BELOW}"


def test_an_answer_below_its_check_is_told_so_where_its_stub_stands_above():
    context = Context([cell(STUB)], [new_markdown_cell("Here:"), cell(RIGHT)])
    found = reworded(verdict(Status.NOT_ATTEMPTED), QUESTION, context)
    assert (found.status, found.earned) == (Status.ERROR, 0.0)
    assert BELOW in found.headline


@pytest.mark.parametrize(
    "later",
    [
        "total(3)",
        "subtotal = 3",
        "def total_of(x): ...",
        "print('def total')",
        "totals = total",
    ],
)
def test_a_mention_below_is_no_definition(later):
    untouched = verdict(Status.NOT_ATTEMPTED)
    assert (
        reworded(untouched, QUESTION, Context([cell(STUB)], [cell(later)])) == untouched
    )
    found = why_not_asked(QUESTION, no_name(), Context([], [cell(later)]))
    assert "renamed" in found.headline


def test_a_cell_that_failed_comes_before_one_below():
    failed = cell(RIGHT, ("SyntaxError", "invalid syntax (2323101662.py, line 10)"))
    found = why_not_asked(QUESTION, no_name(), Context([failed], [cell(RIGHT)]))
    assert found.headline.endswith(
        "the cell that defines it failed. "
        "SyntaxError: invalid syntax (line 10 of its cell)"
    )


def test_what_is_looked_for_is_found_in_time_that_grows_with_the_text():
    """A hundred thousand blank lines held a worker for minutes."""
    cells = [cell("\n" * 100_000), cell(" " * 100_000), cell("def " * 30_000)]
    assert definitions("total", [*cells, cell("\n" * 100_000 + RIGHT)]) != []


# --- the network ----------------------------------------------------------------------------------


@pytest.mark.parametrize("error", OFFLINE)
def test_a_download_is_told_in_the_headline_that_there_is_no_network(error):
    failed = Context([cell(RIGHT, error)], [])
    found = reworded(why_not_asked(QUESTION, no_name(), failed), QUESTION, failed)
    assert found.headline.startswith(NO_NETWORK)
    assert "\n" not in found.headline


def test_the_first_of_several_errors_counts():
    """What was raised for the missing network has words of its own."""
    traceback = [
        "gaierror: [Errno -3] Temporary failure in name resolution",
        "RuntimeError",
    ]
    failed = Context([cell(RIGHT, ("RuntimeError", "no file"), traceback)], [])
    found = reworded(why_not_asked(QUESTION, no_name(), failed), QUESTION, failed)
    assert found.headline.startswith(NO_NETWORK)


@pytest.mark.parametrize("error", OFFLINE)
def test_an_answer_that_downloads_when_it_is_called_is_told_so(error):
    raised = replace(
        verdict(Status.ERROR), headline=f"The function raised {error[0]}: {error[1]}"
    )
    found = reworded(raised, QUESTION, Context([cell(RIGHT)], []))
    assert found.headline == f"{NO_NETWORK} {raised.headline}"


def test_an_error_after_a_download_that_failed_mentions_it():
    context = Context([cell("weights = fetch()", OFFLINE[0]), cell(RIGHT)], [])
    found = reworded(verdict(Status.ERROR), QUESTION, context)
    assert found.details == (NO_NETWORK,)
    assert reworded(verdict(), QUESTION, context) == verdict(), (
        "a wrong value has another cause"
    )


def test_where_there_is_a_network_nothing_is_said_of_it():
    failed = Context([cell(RIGHT, OFFLINE[0])], [], offline=False)
    found = reworded(why_not_asked(QUESTION, no_name(), failed), QUESTION, failed)
    assert NO_NETWORK not in found.headline


# --- whatever stands around it --------------------------------------------------------------------

sources = st.sampled_from(
    [RIGHT, STUB, "import torch", "use('numpy')", "x = total", "", "%pip x"]
)
cells = st.lists(
    st.builds(
        cell, sources, st.none() | st.sampled_from([*OFFLINE, ("ValueError", "x")])
    ),
    max_size=3,
)


@given(
    st.sampled_from(list(Status)),
    cells,
    cells,
    st.booleans(),
)
def test_words_change_no_points_and_a_right_answer_is_left_alone(
    status, earlier, later, offline
):
    before = verdict(status)
    after = reworded(before, QUESTION, Context(earlier, later, offline))
    assert (after.earned, after.points, after.question) == (
        before.earned,
        before.points,
        before.question,
    )
    assert "\n" not in after.headline
    if status is Status.CORRECT:
        assert after == before
