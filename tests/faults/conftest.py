"""Courses for the tests of this folder: a class of forty that was graded in one go, and one that
is still to be graded.
"""

from __future__ import annotations

import shutil

import classroom
import pytest
from classroom import NAME, hand_in

from autograder.grading import batch
from autograder.questions import catalogue
from faults.class_of_forty import ANSWERS


@pytest.fixture(scope="module")
def small_questions():
    """The small course's questions, for fixtures that last longer than a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTOGRADER_QUESTIONS", "questions")
        catalogue.chapters.cache_clear()
        yield
    catalogue.chapters.cache_clear()


@pytest.fixture(scope="module")
def lay_out_class(small_questions, tmp_path_factory):
    """Make a released course in a folder of its own (or in `folder`) that `size` students have
    handed in; nothing is graded.
    """

    def make(size, folder=None):
        course = classroom.lay_out(
            folder or tmp_path_factory.mktemp("class") / "course"
        )
        course.release(NAME)
        (course.root / ".course_secret").write_text("the same for all\n")
        for number in range(size):
            hand_in(course, f"student{number:02}", **ANSWERS[number % len(ANSWERS)])
        return course

    return make


@pytest.fixture(scope="module")
def undisturbed(lay_out_class):
    """A class of forty that was graded in one go."""
    course = lay_out_class(40)
    results, _ = batch.grade(
        course, [(NAME, student) for student in course.submissions(NAME)], workers=2
    )
    assert not [result for result in results if result.reason]
    return course


@pytest.fixture(scope="module")
def undisturbed_few(lay_out_class):
    """Four of them."""
    course = lay_out_class(4)
    batch.grade(
        course, [(NAME, student) for student in course.submissions(NAME)], workers=2
    )
    return course


@pytest.fixture
def ungraded(undisturbed, tmp_path):
    """The same class before it was graded."""
    from autograder.grading.course import Course

    root = tmp_path / "course"
    shutil.copytree(
        undisturbed.root,
        root,
        ignore=shutil.ignore_patterns("autograded", "gradebook.db*", ".grading.lock"),
    )
    (root / "gradebook.db").write_bytes(classroom.empty_gradebook())
    course = Course(root)
    course.release(NAME)
    return course
