"""Which of the files that were handed in is the notebook, and what is said where none is."""

from __future__ import annotations

import json

import pytest

from autograder.errors import Unfit
from autograder.grading.submissions.submission import receive

EXPECTED = {"week1": ("week1-total", "answer-total")}


def notebook(*grade_ids, outputs=0):
    cells = [
        {
            "cell_type": "code",
            "source": "",
            "metadata": {"nbgrader": {"grade_id": grade_id}},
        }
        | {"outputs": [{"text": "x" * outputs}], "execution_count": None}
        for grade_id in grade_ids
    ]
    return json.dumps(
        {"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": cells}
    )


RIGHT = notebook("week1-total", "answer-total")


@pytest.fixture
def hand_in(tmp_path):
    def make(**options):
        return receive(
            tmp_path / "submitted" / "amy" / "week1", "amy", EXPECTED, **options
        )

    def write(files, **options):
        for name, text in files.items():
            path = tmp_path / "submitted" / "amy" / "week1" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return make(**options)

    return write


@pytest.mark.parametrize(
    "name",
    ["week1 (1).ipynb", "amy_12345_67890_week1-1.ipynb", "Kopie von week1.ipynb"],
)
def test_one_notebook_alone_with_the_assignments_cells_is_taken_and_named(
    hand_in, name
):
    found = hand_in({name: RIGHT, "data.txt": "x"})
    assert list(found.notebooks) == ["week1"]
    assert found.remarks == (
        f"{name} was taken for week1.ipynb: it is the only notebook there",
    )
    assert list(found.files) == ["data.txt"]


def test_the_notebook_of_the_right_name_is_taken_whatever_else_is_there(hand_in):
    found = hand_in({"week1.ipynb": RIGHT, "week1 (1).ipynb": notebook()})
    assert [
        cell.metadata.nbgrader.grade_id for cell in found.notebooks["week1"].cells
    ] == [
        "week1-total",
        "answer-total",
    ]
    assert found.remarks == ()


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"other.ipynb": notebook("else")}, "only other.ipynb: rename the notebook"),
        (
            {"a.ipynb": RIGHT, "b.ipynb": RIGHT},
            "only a.ipynb, b.ipynb: rename the notebook",
        ),
        (
            {"week1/week1.ipynb": RIGHT},
            "the notebook is in the folder week1/: move it up",
        ),
        ({"week1.ipynb.json": RIGHT}, "week1.ipynb.json: rename it to week1.ipynb"),
        ({"week1.ipynb.txt": RIGHT}, "week1.ipynb.txt: rename it to week1.ipynb"),
        ({"week1.IPYNB": RIGHT}, "week1.IPYNB: rename it to week1.ipynb"),
        ({"week1.zip": "PK", "readme.md": ""}, "week1.zip: unpack it"),
        ({"week1.tar.gz": ""}, "week1.tar.gz: unpack it"),
        (
            {"answers.docx": ""},
            "no notebook in the submission, only answers.docx: hand in",
        ),
        (
            {"timestamp.txt": ""},
            "there is no notebook in the submission: hand in week1.ipynb",
        ),
    ],
)
def test_the_reason_names_what_is_there_and_what_to_do(hand_in, files, said):
    with pytest.raises(Unfit, match=said.replace("(", r"\(")):
        hand_in(files)


def test_what_cells_once_printed_does_not_count(hand_in):
    large = notebook("week1-total", outputs=3 * 2**20)
    assert (
        hand_in({"week1.ipynb": large}, megabytes=1).notebooks["week1"].cells[0].outputs
        == []
    )


def test_the_same_hand_in_has_the_same_digest_and_another_another(hand_in):
    first = hand_in({"week1.ipynb": RIGHT, "timestamp.txt": "2026-11-05"})
    assert hand_in({"week1.ipynb": RIGHT}).digest == first.digest
    assert hand_in({"week1.ipynb": RIGHT + "\n"}).digest != first.digest
    assert first.time.isoformat() == "2026-11-05T00:00:00+00:00"
