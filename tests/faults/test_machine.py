"""What fails around the course: a full disk, a gradebook that is locked or read-only. One clear
line; what is finished stays; then the next run does the rest.
"""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import subprocess
import sys

import pytest
from classroom import NAME

from autograder.grading.course import Course
from faults.class_of_forty import COMMAND, gradebook, notebooks, run


def one_line(code, out, err):
    """The line on standard error of a grading that stopped."""
    assert (code, out) == (2, ""), err
    [line] = err.splitlines()
    assert line.startswith("course: ")
    return line


@pytest.fixture(scope="module")
def begun(lay_out_class):
    """A class of four, of which the first is graded."""
    course = lay_out_class(4)
    code, _, err = run(course, "--student", "student00")
    assert code == 0, err
    return course


@pytest.fixture
def small_class(begun, tmp_path):
    """The same, for a test to harm."""
    shutil.copytree(begun.root, tmp_path / "course", symlinks=True)
    return Course(tmp_path / "course")


def completes(course, undisturbed_few):
    """The next run grades whoever is missing, and nobody twice."""
    before = notebooks(course)
    code, out, err = run(course, "--workers", "1")
    assert (code, err) == (0, "")
    assert (
        f"4 of 4 submissions graded. {len(before)} of them had been graded before"
        in out
    )
    assert before.items() <= notebooks(course).items()
    assert gradebook(course) == [
        row for row in gradebook(undisturbed_few) if row[0] in notebooks(course)
    ]


def test_a_gradebook_that_another_program_holds(small_class, undisturbed_few):
    holder = sqlite3.connect(small_class.root / "gradebook.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        line = one_line(*run(small_class, "--workers", "1"))
    finally:
        holder.rollback()
        holder.close()
    assert (
        "gradebook" in line
        and "database is locked" in line
        and "Wait until no other program is writing to it" in line
    )
    assert list(notebooks(small_class)) == ["student00"]
    assert small_class.errors() == {}
    completes(small_class, undisturbed_few)


WRITE_VERSION = 18
"""Where an SQLite file says which version may write it
(https://www.sqlite.org/fileformat2.html): a higher one than ours makes it read-only, for root
too.
"""


def test_a_gradebook_that_is_read_only(small_class, undisturbed_few):
    def allow(version):
        with open(small_class.root / "gradebook.db", "r+b") as file:
            file.seek(WRITE_VERSION)
            file.write(bytes([version]))

    allow(9)
    line = one_line(*run(small_class, "--workers", "1"))
    assert "gradebook" in line and "readonly" in line and "Allow writing to it" in line
    allow(1)
    assert list(notebooks(small_class)) == ["student00"]
    assert small_class.errors() == {}
    completes(small_class, undisturbed_few)


@pytest.fixture
def small_disk(tmp_path):
    """A disk of its own with 2 MB; only root can have one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if not mounted or mounted.returncode:
        pytest.skip("no file system can be mounted here; see the next test")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("room", [pytest.param(0, marks=pytest.mark.night), 12_000])
def test_a_full_disk(small_disk, lay_out_class, undisturbed_few, room):
    """So full that nothing can be written, or only some of what belongs to a grade."""
    course = lay_out_class(4, small_disk / "course")
    code, _, err = run(course, "--student", "student00")
    assert code == 0, err
    filler = small_disk / "filler"
    with open(filler, "wb") as file:
        file.write(b"x" * (shutil.disk_usage(small_disk).free - room))
    before = gradebook(course)
    line = one_line(*run(course, "--workers", "1"))
    assert "Make room" in line and "what was graded before is kept" in line
    assert "student00" in notebooks(course)
    assert course.errors() == {}
    filler.unlink()
    assert [row for row in gradebook(course) if row[0] == "student00"] == before
    completes(course, undisturbed_few)


def test_a_disk_that_takes_no_more_of_a_file(small_class, undisturbed_few):
    """The same without a disk of its own: no file may grow beyond the gradebook's size, as under
    a quota.
    """
    most = os.stat(small_class.root / "gradebook.db").st_size
    limit = f"resource.setrlimit(resource.RLIMIT_FSIZE, ({most}, {most}))"
    limited = f"import resource; {limit}; {COMMAND}"
    big = small_class.root / "submitted" / "student02" / NAME / "big.txt"
    big.write_bytes(b"x" * (most + 1))
    command = [
        sys.executable,
        "-P",
        "-c",
        limited,
        "grade",
        str(small_class.root),
        NAME,
        "--workers",
        "1",
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=60
    )
    line = one_line(done.returncode, done.stdout, done.stderr)
    assert "Make room" in line
    assert "student00" in notebooks(small_class)
    assert small_class.errors() == {}
    big.unlink()
    completes(small_class, undisturbed_few)
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_a_course_that_may_not_be_written(tmp_path):
    """Not even the lock."""
    root = tmp_path / "course"
    (root / "submitted" / "amy" / NAME).mkdir(parents=True)
    (root / "nbgrader_config.py").touch()
    (root / ".grading.lock").mkdir()
    line = one_line(*run(Course(root)))
    assert ".grading.lock cannot be written: Is a directory" in line
