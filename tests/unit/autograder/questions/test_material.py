"""Where the course's notebooks are looked for."""

import pytest

from autograder.errors import CourseError
from autograder.questions import material
from autograder.questions.material import CONFIG


def questions_in(folder, monkeypatch):
    """A question package of its own in `folder`."""
    (folder / "some_questions").mkdir(parents=True)
    (folder / "some_questions/__init__.py").touch()
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("AUTOGRADER_QUESTIONS", "some_questions")
    return folder / "some_questions"


def test_the_nearest_folder_with_a_configuration_comes_first(tmp_path):
    (tmp_path / "outer/inner/deep").mkdir(parents=True)
    (tmp_path / "outer" / CONFIG).touch()
    assert material.find(tmp_path / "outer/inner/deep") == tmp_path / "outer"
    (tmp_path / "outer/inner" / CONFIG).touch()
    assert material.find(tmp_path / "outer/inner/deep") == tmp_path / "outer/inner"


def test_elsewhere_a_wheels_own_folder_is_found(tmp_path, monkeypatch):
    package = questions_in(tmp_path / "site", monkeypatch)
    (package / "course").mkdir()
    (package / "course" / CONFIG).touch()
    assert material.find(tmp_path) == package / "course"


def test_elsewhere_a_clone_is_found(tmp_path, monkeypatch):
    questions_in(tmp_path / "clone", monkeypatch)
    (tmp_path / "clone" / CONFIG).touch()
    assert material.find(tmp_path) == tmp_path / "clone"


def test_where_there_is_neither_one_line_says_so(tmp_path, monkeypatch):
    questions_in(tmp_path / "site", monkeypatch)
    with pytest.raises(CourseError) as caught:
        material.find(tmp_path)
    assert (
        str(tmp_path) in str(caught.value)
        and CONFIG in str(caught.value)
        and "\n" not in str(caught.value)
    )
