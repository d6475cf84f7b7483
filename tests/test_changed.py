"""Which chapters have changed is read from the history of the project, whatever stands where."""

from __future__ import annotations

import json
import subprocess

import pytest
from changed import NoHistory, changed_chapters, changed_files


@pytest.fixture
def project(tmp_path):
    """A repository of two chapters on its main branch, and one more commit on a branch of its
    own.
    """
    root = tmp_path / "project"
    write(root, "solutions/__init__.py", "")
    write(root, "solutions/inputs.py", "LIMIT = 3\n")
    write(root, "solutions/first.py", "from solutions.inputs import LIMIT\n")
    write(root, "solutions/second.py", "ANSWER = 4\n")
    for number, chapter in (("01", "first"), ("02", "second")):
        cell = {"cell_type": "code", "source": [f'check("{chapter}.total", total)']}
        write(
            root,
            f"exercises/{number}-{chapter}/{number}-{chapter}.ipynb",
            json.dumps({"cells": [cell]}),
        )
        write(root, f"lessons/{number}-{chapter}.ipynb", "{}")
    write(root, "autograder/judge/examination.py", "")
    git(root, "init", "--quiet", "--initial-branch", "main")
    commit(root)
    git(root, "checkout", "--quiet", "-b", "work")
    return root


def write(root, name, text):
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


def git(root, *arguments):
    subprocess.run(
        ["git", "-c", "user.name=A", "-c", "user.email=a@example.org", *arguments],
        cwd=root,
        check=True,
        capture_output=True,
    )


def commit(root):
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "A change")


def chapters(root):
    return changed_chapters(root, changed_files(root))


def test_nothing_has_changed_at_first_and_the_engine_is_no_chapter(project):
    assert chapters(project) == set()
    write(project, "autograder/judge/examination.py", "# another\n")
    assert changed_files(project) == ["autograder/judge/examination.py"]
    assert chapters(project) == set()


@pytest.mark.parametrize(
    "place",
    [
        "solutions/second.py",
        "lessons/02-second.ipynb",
        "exercises/02-second/picture.png",
    ],
)
@pytest.mark.parametrize("committed", [True, False])
def test_questions_lesson_and_exercise_are_the_chapters(project, place, committed):
    write(project, place, "# another\n")
    if committed:
        commit(project)
    assert chapters(project) == {"second"}


def test_what_questions_import_is_theirs(project):
    write(project, "solutions/inputs.py", "LIMIT = 4\n")
    assert chapters(project) == {"first", "inputs"}


def test_a_chapter_that_is_gone_has_no_questions(project):
    (project / "solutions" / "second.py").unlink()
    assert changed_files(project) == ["solutions/second.py"]
    assert chapters(project) == set()


def test_what_the_main_branch_did_meanwhile_is_not_this_branchs(project):
    write(project, "solutions/second.py", "ANSWER = 5\n")
    commit(project)
    git(project, "checkout", "--quiet", "main")
    write(project, "solutions/first.py", "ANSWER = 6\n")
    commit(project)
    git(project, "checkout", "--quiet", "work")
    assert chapters(project) == {"second"}


def test_without_a_history_it_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(NoHistory, match="git repository"):
        changed_files(tmp_path)
