"""The learner's own copy of the notebooks: filled whole, never overwritten."""

from __future__ import annotations

import json
import os
import shutil

import pytest
from workspaces import WHOLE, files, write_project

from autograder.errors import CourseError
from autograder.files import put_in_place
from autograder.grading.secret import course_secret
from autograder.learner import workspace
from autograder.learner.workspace import fill


@pytest.fixture
def project(tmp_path):
    return write_project(tmp_path / "project")


def test_lessons_and_exercises_are_copied_and_nothing_else(project, tmp_path):
    assert fill(project, tmp_path / "work") == (2, 0)
    assert files(tmp_path / "work") == WHOLE


def test_cells_that_only_prove_a_claim_are_left_out(project, tmp_path):
    cells = [
        {"cell_type": "code", "id": "rate", "metadata": {}, "source": ["lr = 0.1"]},
        {
            "cell_type": "code",
            "id": "proof",
            "metadata": {"tags": ["claim"]},
            "source": ["assert lr == 0.1"],
        },
        {
            "cell_type": "markdown",
            "id": "words",
            "metadata": {"tags": ["net"]},
            "source": ["ä"],
        },
    ]
    lesson = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (project / "lessons/01-first.ipynb").write_text(json.dumps(lesson))
    fill(project, tmp_path / "work")
    copy = json.loads((tmp_path / "work/lessons/01-first.ipynb").read_text())
    assert copy == lesson | {"cells": [cells[0], cells[2]]}


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "{}",
        '{"cells": [1]}',
        '{"cells": [{"metadata": 3}]}',
        '{"cells": {}}',
    ],
)
def test_what_is_no_notebook_is_copied_as_it_is(project, tmp_path, text):
    (project / "lessons/01-first.ipynb").write_text(text)
    fill(project, tmp_path / "work")
    assert (tmp_path / "work/lessons/01-first.ipynb").read_text() == text


def test_what_the_learner_changed_stays(project, tmp_path):
    work = tmp_path / "work"
    fill(project, work)
    (work / "exercises/01-first/01-first.ipynb").write_text("my answers")
    (work / "exercises/01-first/mine.txt").write_text("notes")
    (project / "exercises/01-first/01-first.ipynb").write_text("a new version")
    assert fill(project, work) == (0, 2)
    assert files(work) == WHOLE | {
        "exercises/01-first/01-first.ipynb": "my answers",
        "exercises/01-first/mine.txt": "notes",
    }


def test_an_empty_file_of_the_learners_stays_too(project, tmp_path):
    mine = tmp_path / "work/lessons/01-first.ipynb"
    mine.parent.mkdir(parents=True)
    mine.touch()
    assert fill(project, tmp_path / "work") == (1, 1)
    assert mine.read_text() == ""


def test_new_lessons_are_added_later(project, tmp_path):
    fill(project, tmp_path / "work")
    (project / "lessons/02-second.ipynb").write_text("second")
    assert fill(project, tmp_path / "work") == (1, 2)
    assert files(tmp_path / "work") == WHOLE | {"lessons/02-second.ipynb": "second"}


def test_a_deleted_notebook_comes_back(project, tmp_path):
    fill(project, tmp_path / "work")
    (tmp_path / "work/lessons/01-first.ipynb").unlink()
    assert fill(project, tmp_path / "work") == (1, 1)
    assert files(tmp_path / "work") == WHOLE


def test_a_copy_that_fails_leaves_nothing_behind(project, tmp_path, monkeypatch):
    def full(source, draft):
        draft.write_text("hal")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(workspace.shutil, "copyfile", full)
    with pytest.raises(OSError, match="No space"):
        fill(project, tmp_path / "work")
    assert files(tmp_path / "work") == {}
    monkeypatch.undo()
    assert fill(project, tmp_path / "work") == (2, 0)


def test_a_file_that_appears_meanwhile_wins(project, tmp_path, monkeypatch):
    copy = shutil.copyfile

    def slowly(source, draft):
        copy(source, draft)
        (draft.parent / source.name).write_text("written meanwhile")

    monkeypatch.setattr(workspace.shutil, "copyfile", slowly)
    assert fill(project, tmp_path / "work") == (0, 2)
    assert set(files(tmp_path / "work").values()) == {"written meanwhile"}


def test_links_of_the_learners_are_followed_and_kept(project, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mine.ipynb").write_text("mine")
    work = tmp_path / "work"
    (work / "lessons").mkdir(parents=True)
    (work / "lessons/01-first.ipynb").symlink_to(elsewhere / "mine.ipynb")
    (work / "exercises").symlink_to(elsewhere)
    assert fill(project, work) == (1, 1)
    assert (elsewhere / "mine.ipynb").read_text() == "mine"
    assert (elsewhere / "01-first/01-first.ipynb").read_text() == "exercise"


def test_a_link_to_nothing_is_left_alone(project, tmp_path):
    link = tmp_path / "work/lessons/01-first.ipynb"
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / "gone.ipynb")
    assert fill(project, tmp_path / "work") == (1, 1)
    assert link.is_symlink()
    assert not (tmp_path / "gone.ipynb").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_an_os_error(project, tmp_path):
    (tmp_path / "work").mkdir(mode=0o500)
    with pytest.raises(PermissionError):
        fill(project, tmp_path / "work")


def test_a_file_in_place_of_the_folder_is_an_os_error(project, tmp_path):
    (tmp_path / "work").write_text("a file")
    with pytest.raises((FileExistsError, NotADirectoryError)):
        fill(project, tmp_path / "work")
    assert (tmp_path / "work").read_text() == "a file"


def test_the_copies_may_be_written_even_if_the_originals_may_not(project, tmp_path):
    (project / "lessons/01-first.ipynb").chmod(0o444)
    fill(project, tmp_path / "work")
    assert (tmp_path / "work/lessons/01-first.ipynb").stat().st_mode & 0o200


# --- where a file system has no hard links --------------------------------------------------------


@pytest.fixture
def no_links(monkeypatch):
    def refuse(source, target):
        if os.path.lexists(target):
            raise FileExistsError(17, "File exists", str(target))
        raise PermissionError(1, "Operation not permitted", str(source))

    monkeypatch.setattr(os, "link", refuse)


def test_without_hard_links_the_workspace_is_filled_and_kept_all_the_same(
    no_links, project, tmp_path
):
    assert fill(project, tmp_path / "work") == (2, 0)
    assert files(tmp_path / "work") == WHOLE
    (tmp_path / "work" / "lessons" / "01-first.ipynb").write_text("mine")
    assert fill(project, tmp_path / "work") == (0, 2)
    assert files(tmp_path / "work")["lessons/01-first.ipynb"] == "mine"


@pytest.mark.parametrize("what", ["a file", "a link to nothing"])
def test_without_hard_links_what_appears_meanwhile_wins(monkeypatch, tmp_path, what):
    target, draft = tmp_path / "target", tmp_path / "draft"
    draft.write_text("new")

    def late(source, target):
        target.write_text(
            "written meanwhile"
        ) if what == "a file" else target.symlink_to(tmp_path / "nowhere")
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", late)
    with pytest.raises(FileExistsError):
        put_in_place(draft, target)
    assert not (tmp_path / "nowhere").exists()
    assert target.is_symlink() or target.read_text() == "written meanwhile"


def test_without_hard_links_a_full_disk_leaves_no_half_file(
    no_links, monkeypatch, tmp_path
):
    (tmp_path / "draft").write_text("new")

    def full(path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(tmp_path), "read_bytes", full)
    with pytest.raises(OSError, match="No space"):
        put_in_place(tmp_path / "draft", tmp_path / "target")
    assert not (tmp_path / "target").exists()


def test_without_hard_links_the_secret_is_made_once_and_is_the_owner_s_alone(
    no_links, tmp_path
):
    secret = course_secret(tmp_path / "secret")
    assert len(secret) == 64
    assert course_secret(tmp_path / "secret") == secret
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600


def test_an_empty_secret_is_no_secret(tmp_path):
    (tmp_path / "secret").touch()
    with pytest.raises(CourseError, match="is empty"):
        course_secret(tmp_path / "secret")
