"""What can be said of the wall without raising one."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from autograder.sandbox import wall


def error(number, text):
    return OSError(number, f"{text}: {os.strerror(number)}")


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (error(errno.ENOSYS, "Landlock"), "Linux 5.14 or newer with Landlock"),
        (error(errno.EPERM, "unshare"), "allow unprivileged user namespaces"),
        (
            PermissionError(errno.EPERM, "Operation not permitted"),
            "start it with permission",
        ),
        (error(errno.ENOSPC, "mount /x"), ""),
    ],
)
def test_advice_names_what_is_missing(failure, words):
    advice = wall.advice(failure)
    assert words in advice
    assert bool(advice) == bool(words)


@pytest.mark.parametrize(
    ("system", "machine", "why"),
    [
        ("linux", "x86_64", None),
        ("linux", "aarch64", None),
        ("linux", "riscv64", "known for x86_64 and aarch64, and this is riscv64"),
        ("darwin", "arm64", "need Linux, and this is Darwin"),
    ],
)
def test_where_a_wall_is_worth_a_try(system, machine, why, monkeypatch):
    monkeypatch.setattr(wall.sys, "platform", system)
    monkeypatch.setattr(wall.platform, "machine", lambda: machine)
    monkeypatch.setattr(wall.platform, "system", lambda: system.capitalize())
    told = wall.supported()
    assert told == why if why is None else why in told


def test_what_is_shown_stands_once():
    shown = wall.installation(["autograder"])
    assert all(os.path.lexists(path) for path in shown)
    for path in shown:
        assert not any(Path(other) in Path(path).parents for other in shown)


def test_packages_and_folders_are_hidden_by_their_real_paths(tmp_path):
    folder = tmp_path / "course"
    folder.mkdir()
    (tmp_path / "link").symlink_to(folder)
    hidden = wall.hidden(["autograder.sandbox"], [tmp_path / "link"])
    engine = Path(wall.__file__).resolve().parents[1]
    assert hidden == tuple(sorted([str(engine), str(folder.resolve())]))


@pytest.fixture
def linked(tmp_path):
    """A folder with a secret, and a second name of the folder above it."""
    secret = tmp_path / "real" / "installed" / "secret"
    secret.mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    return tmp_path.resolve()


def test_what_is_hidden_is_covered_under_every_name_of_what_is_shown(linked):
    shown = [f"{linked}/{name}/installed" for name in ("real", "link")]
    covered = wall.places_to_cover(f"{linked}/real/installed/secret", shown)
    assert covered == tuple(f"{folder}/secret" for folder in shown)
    through_the_link = wall.places_to_cover(f"{linked}/link/installed/secret", shown)
    assert through_the_link == covered


def test_only_what_lies_below_what_is_shown_is_covered(linked):
    secret = f"{linked}/real/installed/secret"
    assert wall.places_to_cover(secret, [f"{linked}/real/nowhere", "/usr/lib"]) == ()
    # Seen as a link, if at all.
    assert wall.places_to_cover(secret, [f"{linked}/link"]) == ()
    assert wall.places_to_cover(secret, [secret]) == (secret,)


def test_nothing_is_imported_to_say_where_a_package_lies():
    assert wall.locations("no_such_package_anywhere") == []
    [folder] = wall.locations("autograder")
    assert folder == Path(wall.__file__).resolve().parents[1]


def users(monkeypatch, root, exist=True):
    monkeypatch.setattr(wall.os, "geteuid", lambda: 0 if root else 1234)
    monkeypatch.setattr(wall.os, "getegid", lambda: 0 if root else 100)
    monkeypatch.setattr(wall, "_namespace_has", lambda kind, number: exist)


def test_each_submission_is_a_user_of_its_own_where_root_grades(monkeypatch):
    users(monkeypatch, root=True)
    one, other = wall.submission_user(7), wall.submission_user(8)
    assert one == (wall.FIRST_SUBMISSION_UID + 7, wall.FIRST_SUBMISSION_UID + 7)
    assert one != other


def test_where_there_are_no_users_to_spare_it_is_nobody(monkeypatch):
    users(monkeypatch, root=True, exist=False)
    assert wall.submission_user(7) == (wall.NOBODY, wall.NOBODY)


def test_an_ordinary_grader_keeps_its_user(monkeypatch):
    users(monkeypatch, root=False)
    assert wall.submission_user(7) == (1234, 100)
