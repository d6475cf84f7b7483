"""A notebook's text before anything is built of it: what nobody reads is left out, what is read is
counted, and the work grows with the length of the text alone.
"""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.errors import Unfit
from autograder.grading.submissions import notebook_json, submission
from autograder.grading.submissions.notebook_json import without_outputs

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["cells", "outputs", "metadata", "a\\", '"']), inner
        )
    ),
    max_leaves=12,
)


def notebook(**facts):
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []} | facts


def code(**facts):
    return {"cell_type": "code", "metadata": {}, "source": "x", "outputs": []} | facts


def reduced(content):
    return json.loads(without_outputs("a.ipynb", json.dumps(content).encode()))


def by_hand(content):
    """The same, on what Python built of it."""
    if not isinstance(content, dict):
        return content
    content = dict(content)
    if isinstance(content.get("metadata"), dict):
        content["metadata"] = {}
    if isinstance(content.get("cells"), list):
        content["cells"] = [_cell_by_hand(cell) for cell in content["cells"]]
    return content


def _cell_by_hand(cell):
    has_outputs = isinstance(cell, dict) and isinstance(cell.get("outputs"), list)
    return cell | {"outputs": []} if has_outputs else cell


@given(JSON)
def test_only_outputs_and_the_notebooks_own_metadata_are_left_out(content):
    assert reduced(content) == by_hand(content)


@given(JSON, JSON, JSON)
def test_the_same_of_what_is_a_notebook(outputs, metadata, more):
    content = notebook(
        cells=[code(outputs=[outputs], metadata={"x": more}, more=more)],
        metadata=metadata,
    )
    assert reduced(content) == by_hand(content)


def test_the_old_format_has_its_cells_in_sheets():
    content = {
        "nbformat": 3,
        "metadata": {},
        "worksheets": [{"cells": [code(outputs=["x"])]}],
    }
    assert reduced(content)["worksheets"] == [{"cells": [code()]}]


def parsed(content):
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    return submission.parse("a.ipynb", text)


@pytest.fixture
def little(monkeypatch):
    """The limits made small."""
    monkeypatch.setattr(notebook_json, "MOST_VALUES", 300)
    monkeypatch.setattr(notebook_json, "MOST_LEFT_OUT", 300)
    monkeypatch.setattr(notebook_json, "MOST_CELLS", 20)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            notebook(cells=[code(metadata={"x": [{}] * 400})]),
            "needs too much memory to be read",
        ),
        (notebook(x=[[]] * 400), "needs too much memory to be read"),
        (notebook(x=[0] * 400), "needs too much memory to be read"),
        (
            notebook(x={str(number): 0 for number in range(400)}),
            "needs too much memory to be read",
        ),
        (
            notebook(cells=[code(source=["x"] * 400)]),
            "needs too much memory to be read",
        ),
        (notebook(cells=[{}] * 30), "has more than 20 cells"),
        (notebook(cells=[code(outputs=[[]] * 400)]), "too much in its saved outputs"),
        (b'{"cells": [{"outputs": [' + b"[]," * 20, "breaks off"),
        (b"[" * 250, "is JSON|invalid JSON"),
    ],
    ids=[
        "objects",
        "lists",
        "numbers",
        "keys",
        "lines",
        "cells",
        "outputs",
        "broken off",
        "deep",
    ],
)
def test_what_no_notebook_needs_is_one_line(little, content, said):
    with pytest.raises(Unfit, match=said) as caught:
        parsed(content)
    assert str(caught.value).startswith("a.ipynb ")
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "content",
    [
        notebook(metadata={"widgets": [{}] * 90 + [0] * 400}),
        notebook(cells=[code(outputs=[{"text": "x" * 5000}])]),
        notebook(cells=[code(source="x" * 5000)]),
        notebook(cells=[code()] * 20),
    ],
    ids=["metadata", "outputs", "source", "cells"],
)
def test_what_notebooks_have_is_read(little, content):
    assert len(parsed(content).cells) == len(content["cells"])


@pytest.mark.parametrize(
    "text",
    [
        b'{"a": "' + b'\\"' * 300_000,
        b'"' * 300_000,
        b"x" * 300_000,
        b'{"a": "' + b"\\" * 300_001,
    ],
    ids=["escaped quotes", "quotes", "letters", "backslashes"],
)
def test_text_that_is_no_json_takes_no_time(text):
    """A unit test has a second: what grew with the square of the length would not end."""
    with pytest.raises(Unfit, match="invalid JSON"):
        parsed(text)
