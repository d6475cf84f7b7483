"""Which answers were graded last is kept beside a student's graded folders, and believed only where
it can be read.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.grading.hand_grades import (
    answers_file,
    graded_answers,
    remember_answers,
)

answers = st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3)


@given(first=answers, second=answers, again=answers)
def test_what_was_remembered_of_a_notebook_is_known_and_no_other_is_forgotten(
    tmp_path_factory, first, second, again
):
    file = answers_file(tmp_path_factory.mktemp("graded") / "amy" / "sums")
    remember_answers(file, "one", first)
    remember_answers(file, "two", second)
    assert (graded_answers(file, "one"), graded_answers(file, "two")) == (first, second)
    remember_answers(file, "one", again)
    assert (graded_answers(file, "one"), graded_answers(file, "two")) == (again, second)


def test_assignments_are_kept_apart_and_outside_of_what_nbgrader_removes(tmp_path):
    one, other = (answers_file(tmp_path / "amy" / name) for name in ("sums", "turns"))
    assert one != other
    assert one.parent == other.parent == tmp_path / "amy"
    assert one.name.startswith("."), "what is hidden is no assignment"


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "5", '{"one": 5}', '{"two": {}}', "\xff"]
)
def test_what_cannot_be_read_is_not_known_and_is_replaced(tmp_path, content):
    file = tmp_path / "answers.json"
    file.write_text(content, encoding="latin-1")
    assert graded_answers(file, "one") == {}
    remember_answers(file, "one", {"why": "0"})
    assert graded_answers(file, "one") == {"why": "0"}
