"""A question's name and its cell's id are each other's."""

import pytest

from autograder.questions.names import grade_id, question_name


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("convolution.cross_correlate", "convolution-cross_correlate"),
        ("small.a-b.c", "small-a-b.c"),
    ],
)
def test_there_and_back(name, cell):
    assert grade_id(name) == cell
    assert question_name(cell) == name
