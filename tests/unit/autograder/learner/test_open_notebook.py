"""Where a learner's notebooks are found, and where they are opened."""

from __future__ import annotations

import sys

import pytest
from made_courses import copy_for_learner, write_course

from autograder.learner import (
    course_map,
    journal,
    learner_folder,
    next_command,
    open_notebook,
)
from autograder.questions.material import CONFIG


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course of three chapters; one stands in it, and no server runs."""
    monkeypatch.setattr(journal, "_unwritten", [])
    monkeypatch.setattr(open_notebook, "running_servers", list)
    root = write_course(tmp_path / "course")
    monkeypatch.chdir(root)
    return root


# --- the learner's folder -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("", "work"),
        ("work", "work"),
        ("work/exercises/01-sums", "work"),
        ("work/lessons", "work"),
        ("docs", "work"),
        ("exercises/01-sums", ""),
        ("lessons", ""),
    ],
)
def test_the_folder_is_the_one_around_or_the_usual_one_beside(course, start, expected):
    copy_for_learner(course, course / "work")
    (course / "docs").mkdir()
    found = learner_folder.find(course_map.chapters(), course / start)
    assert found == course / expected


def test_without_a_copy_the_course_s_own_notebooks_are_worked_in(course):
    assert learner_folder.find(course_map.chapters(), course) == course


def test_a_folder_of_exercises_that_are_another_s_is_none(course, tmp_path):
    (tmp_path / "elsewhere/exercises/01-other").mkdir(parents=True)
    (tmp_path / "elsewhere/exercises/01-other/01-other.ipynb").touch()
    assert learner_folder.find(course_map.chapters(), tmp_path / "elsewhere") is None


# --- servers --------------------------------------------------------------------------------------


def server(root, url="http://localhost:8888/", token="secret"):
    return {"root_dir": str(root), "url": url, "token": token}


def test_the_address_is_in_the_server_whose_folder_is_nearest(tmp_path):
    notebook = tmp_path / "a course/work/lessons/01 #.ipynb"
    servers = [
        server(tmp_path, "http://localhost:1/"),
        server(tmp_path / "a course/work", "http://localhost:2/base/"),
        server(tmp_path / "a course", "http://localhost:3/"),
        server(tmp_path / "other", "http://localhost:4/"),
    ]
    assert open_notebook.address(notebook, servers) == (
        "http://localhost:2/base/lab/tree/lessons/01%20%23.ipynb?token=secret"
    )
    assert open_notebook.address(notebook, servers[3:]) is None


@pytest.mark.parametrize(
    "strange", [{}, {"root_dir": None, "url": 3}, {"root_dir": "/", "url": None}]
)
def test_a_server_that_does_not_say_where_it_is_is_passed_over(tmp_path, strange):
    assert open_notebook.address(tmp_path / "x.ipynb", [strange]) is None


def test_without_a_token_none_is_sent(tmp_path):
    url = open_notebook.address(tmp_path / "x.ipynb", [server(tmp_path, token="")])
    assert url == "http://localhost:8888/lab/tree/x.ipynb"


def test_where_jupyter_is_not_installed_no_server_runs(monkeypatch):
    monkeypatch.setitem(sys.modules, "jupyter_server.serverapp", None)
    assert open_notebook.running_servers() == []


@pytest.mark.parametrize(
    ("terminal", "display", "expected"),
    [(True, ":0", True), (True, "", False), (False, ":0", False)],
)
def test_a_browser_is_opened_only_beside_a_terminal(
    monkeypatch, terminal, display, expected
):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    for name in ("BROWSER", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DISPLAY", display)
    assert open_notebook.has_browser() is expected


# --- course next ----------------------------------------------------------------------------------


@pytest.fixture
def opened(monkeypatch):
    """The addresses that a browser was told to open."""
    addresses = []
    monkeypatch.setattr(open_notebook, "has_browser", lambda: True)
    monkeypatch.setattr(
        open_notebook, "show", lambda url: addresses.append(url) or True
    )
    return addresses


def test_what_comes_next_is_opened_in_the_server_of_the_folder(
    course, opened, monkeypatch
):
    work = copy_for_learner(course, course / "work")
    monkeypatch.setattr(open_notebook, "running_servers", lambda: [server(work)])
    assert list(next_command.go_on(course)) == [
        "Next: read lesson 01 Sums (30 minutes), then do exercise 01",
        "      work/lessons/01-sums.ipynb",
        "      work/exercises/01-sums/01-sums.ipynb",
        "http://localhost:8888/lab/tree/lessons/01-sums.ipynb?token=secret",
        "It opens in your browser.",
    ]
    assert opened == [
        "http://localhost:8888/lab/tree/lessons/01-sums.ipynb?token=secret"
    ]
    journal.record("check", "sums.add", status="not correct", earned=0)
    assert list(next_command.go_on(course))[:2] == [
        "Next: 01 Sums, 1. Add, about 10 minutes",
        "      work/exercises/01-sums/01-sums.ipynb",
    ]
    assert opened[1].endswith("exercises/01-sums/01-sums.ipynb?token=secret")


def test_nothing_is_opened_where_it_is_only_to_be_printed(course, opened, monkeypatch):
    monkeypatch.setattr(open_notebook, "running_servers", lambda: [server(course)])
    assert "lab/tree" in list(next_command.go_on(course, only_print=True))[-1]
    monkeypatch.setattr(open_notebook, "has_browser", lambda: False)
    assert "lab/tree" in list(next_command.go_on(course))[-1]
    assert opened == []


def test_without_a_server_the_command_that_starts_one_is_said(course, opened):
    copy_for_learner(course, course / "my work")
    here = course / "my work/lessons"
    assert list(next_command.go_on(here))[-1] == (
        "JupyterLab is not running for this folder. Start it: "
        "jupyter lab --notebook-dir=.. 01-sums.ipynb"
    )
    assert opened == []


@pytest.mark.parametrize("has_copy", [False, True])
def test_in_a_clone_make_starts_it(course, has_copy):
    (course / "Makefile").touch()
    if has_copy:
        copy_for_learner(course, course / "work")
    assert list(next_command.go_on(course))[-1].endswith("Start it: make lab")


@pytest.fixture
def far_away(course, tmp_path, monkeypatch):
    """A folder from which no notebook is seen: the course is installed elsewhere."""
    package = course / "asked_questions"
    package.mkdir()
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(course))
    monkeypatch.setenv("AUTOGRADER_QUESTIONS", "asked_questions")
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path / "home")
    return tmp_path / "home"


def test_far_from_the_notebooks_a_running_server_shows_them(
    course, far_away, opened, tmp_path, monkeypatch
):
    work = copy_for_learner(course, tmp_path / "somewhere")
    (work / CONFIG).unlink(missing_ok=True)
    monkeypatch.setattr(open_notebook, "running_servers", lambda: [server(work)])
    list(next_command.go_on(far_away))
    assert opened == [
        "http://localhost:8888/lab/tree/lessons/01-sums.ipynb?token=secret"
    ]


def test_without_any_notebooks_a_copy_is_made_first(far_away, opened):
    assert list(next_command.go_on(far_away)) == [
        "Next: read lesson 01 Sums (30 minutes), then do exercise 01",
        "`course workspace` lays out the notebooks in work/, your own folder.",
    ]
    assert opened == []


def test_a_course_without_notebooks_says_what_is_open(
    small_course, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert list(next_command.go_on(tmp_path)) == ["Next: small, 1. small.total"]


def test_where_all_is_solved_nothing_is_opened(course, opened, monkeypatch):
    for entry in course_map.entries():
        journal.record("check", entry.name, status="correct", earned=entry.points)
    assert list(next_command.go_on(course)) == ["Every question is solved."]
    assert opened == []
