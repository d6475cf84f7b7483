"""The two names that a question has: its own, ``convolution.cross_correlate``, and that of the
notebook cell that checks it, ``convolution-cross_correlate``: nbgrader allows no dot there.
"""

from __future__ import annotations


def grade_id(question: str) -> str:
    """The id of the cell that checks the question of this name."""
    return question.replace(".", "-", 1)


def question_name(grade_id: str) -> str:
    """The question that a cell with this id checks."""
    return grade_id.replace("-", ".", 1)
