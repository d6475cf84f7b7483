"""A stranger's folder is read once, by descriptors: what is no ordinary file of its own is refused,
what nobody handed in is left out, and nothing that changes meanwhile leads elsewhere.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from autograder.errors import Unfit
from autograder.grading.submissions import submitted_folder
from autograder.grading.submissions.submitted_folder import content, digest, visit


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "submitted" / "amy" / "week1"
    place.mkdir(parents=True)
    (place / "week1.ipynb").write_text("{}")
    return place


def read(folder, **options):
    return visit(folder, content, **options)


def put(path: Path, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_all_files_are_read_sorted_by_their_path(folder):
    put(folder / "b" / "c.txt", "1")
    put(folder / "a.txt", "2")
    assert read(folder).files == {"a.txt": b"2", "b/c.txt": b"1", "week1.ipynb": b"{}"}
    assert list(visit(folder, digest).files) == ["a.txt", "b/c.txt", "week1.ipynb"]


def test_a_file_with_another_name_on_the_disk_is_refused(folder, tmp_path):
    """It may be one of the teacher's, which whoever made the link may not read."""
    os.link(put(tmp_path / "secret"), folder / "mine.txt")
    with pytest.raises(Unfit, match=r"mine\.txt has more than one name.*hard link"):
        read(folder)


def test_a_folder_that_is_swapped_for_a_link_before_it_is_entered_is_not_followed(
    folder, tmp_path, monkeypatch
):
    put(tmp_path / "teachers" / "exam.txt", "secret")
    put(folder / "notes" / "harmless.txt")
    real = os.stat

    def swapping(name, **options):
        status = real(name, **options)
        if name == "notes":
            (folder / "notes").rename(tmp_path / "away")
            (folder / "notes").symlink_to(tmp_path / "teachers")
        return status

    monkeypatch.setattr(submitted_folder.os, "stat", swapping)
    with pytest.raises(Unfit, match="notes cannot be read"):
        read(folder)


def test_a_file_that_is_swapped_for_a_link_before_it_is_opened_is_not_followed(
    folder, tmp_path, monkeypatch
):
    put(tmp_path / "exam.txt", "secret")
    put(folder / "notes.txt")
    real = os.stat

    def swapping(name, **options):
        status = real(name, **options)
        if name == "notes.txt":
            (folder / "notes.txt").unlink()
            (folder / "notes.txt").symlink_to(tmp_path / "exam.txt")
        return status

    monkeypatch.setattr(submitted_folder.os, "stat", swapping)
    with pytest.raises(Unfit, match=r"notes\.txt cannot be read"):
        read(folder)


def test_what_is_gone_meanwhile_is_the_submissions_fault(folder, monkeypatch):
    """Whoever renames files while they are read stops nobody else."""
    put(folder / "notes.txt")
    real = os.stat

    def removing(name, **options):
        status = real(name, **options)
        if name == "notes.txt":
            (folder / "notes.txt").unlink()
        return status

    monkeypatch.setattr(submitted_folder.os, "stat", removing)
    with pytest.raises(Unfit, match=r"notes\.txt cannot be read: No such file"):
        read(folder)


def test_a_folder_in_the_place_of_the_timestamp_is_said(folder):
    (folder / "timestamp.txt").mkdir()
    with pytest.raises(Unfit, match=r"^timestamp\.txt is a folder: remove it"):
        read(folder)


def test_what_version_control_and_servers_leave_is_not_handed_in(folder, monkeypatch):
    monkeypatch.setattr(submitted_folder, "MOST_FILES", 5)
    for name in sorted(submitted_folder.NOT_HANDED_IN):
        for number in range(3):
            put(folder / "deep" / name / "objects" / str(number))
    (folder / ".git").symlink_to("/")  # not even looked at
    assert list(read(folder).files) == ["week1.ipynb"]


def test_a_name_that_cannot_be_printed_is_left_out_and_told(folder):
    put(folder / os.fsdecode(b"l\xf6sung.txt"))
    put(folder / "two\nlines" / "inside.txt")
    found = read(folder)
    assert list(found.files) == ["week1.ipynb"]
    assert set(found.left_out) == {r"l\udcf6sung.txt", r"two\nlines"}


def test_very_many_entries_are_not_even_listed(folder, monkeypatch):
    monkeypatch.setattr(submitted_folder, "MOST_ENTRIES", 20)
    for number in range(30):
        (folder / f"empty{number}").mkdir()
    with pytest.raises(Unfit, match="more than 20 files and folders"):
        read(folder)


def test_folders_end_somewhere(folder):
    deep = folder.joinpath(*["d"] * 20)
    put(deep / "x.txt")
    with pytest.raises(Unfit, match="lies too deep"):
        read(folder)


def test_paths_end_somewhere(folder):
    put(folder.joinpath(*["d" * 200] * 5) / "x.txt")
    with pytest.raises(Unfit, match="has too long a name") as caught:
        read(folder)
    assert len(str(caught.value)) < 200


def test_outputs_make_a_notebook_large_and_nothing_else_may_be(folder):
    put(folder / "week1.ipynb", "x" * 3 * 2**20)
    assert len(read(folder, megabytes=1).files["week1.ipynb"]) == 3 * 2**20
    put(folder / "data.txt", "x" * 2**20)
    put(folder / "more.txt", "x")
    with pytest.raises(Unfit, match=r"larger than 1 MB \(with more.txt\)"):
        read(folder, megabytes=1)
    (folder / "more.txt").unlink()
    put(folder / "week1.ipynb", "x" * 5 * 2**20)
    with pytest.raises(Unfit, match=r"larger than 1 MB \(with week1.ipynb\)"):
        read(folder, megabytes=1)
