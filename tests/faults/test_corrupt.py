"""A folder of submissions with everything in it that is none: each is reported with its reason,
nobody else's grade is touched, and nothing secret is copied.
"""

from __future__ import annotations

import copy
import json
import os
import re
import shutil
import socket
import tempfile
from pathlib import Path

import classroom
import nbformat
import pytest
from classroom import NAME, RIGHT, grade, hand_in, points

from autograder.grading import batch
from autograder.grading.submissions.submission import Unfit, read
from autograder.questions import catalogue

FULL = 5
FILE = f"{NAME}.ipynb"


def changed(change, **answers):
    """The right notebook as JSON, after `change` has been at it."""
    raw = json.loads(nbformat.writes(classroom.notebook(**(RIGHT | answers))))
    change(raw)
    return json.dumps(raw)


def in_cell(**facts):
    """The right notebook with these facts in its last cell."""
    return changed(lambda raw: raw["cells"][-1].update(facts))


def without_cells(raw):
    del raw["cells"]


def raw_kinds():
    """Content of a notebook file: what arrives, and the reason that must be given."""
    right = changed(lambda raw: None)
    surrogate = in_cell(source="half = 1").replace("half", "\\ud800")
    invalid, no_notebook = (
        f"{FILE} is not a notebook: invalid JSON",
        f"{FILE} is not a valid notebook",
    )
    return {
        "empty": ("", f"{FILE} is empty"),
        "cut_off": (right[: len(right) // 2], f"{invalid} ("),
        "object": ("{}", f"{no_notebook} (it does not say its format)"),
        "list": ("[]", f"{no_notebook} (it is JSON, but list instead of an object)"),
        "null": (
            "null",
            f"{no_notebook} (it is JSON, but nothing instead of an object)",
        ),
        "deep": ("[" * 200_000, f"{invalid} (nested too deeply)"),
        "deep_metadata": (
            right[:-1] + ', "deep": ' + "[" * 50_000 + "]" * 50_000 + "}",
            f"{invalid} (nested too deeply)",
        ),
        "long_number": (
            right[:-1] + ', "n": ' + "1" * 5000 + "}",
            f"{invalid} (Exceeds the limit (4300 digits)",
        ),
        "utf_16": (right.encode("utf-16"), f"{FILE} is not UTF-8 text"),
        "latin_1": (
            right.replace("values", "välues").encode("latin-1", "replace")
            + "é".encode("latin-1"),
            f"{FILE} is not UTF-8 text",
        ),
        "byte_order_mark": (
            right.encode("utf-8-sig"),
            f"{FILE} starts with a byte order mark: save it as plain UTF-8",
        ),
        "binary": (bytes(range(256)) * 40, f"{FILE} is not UTF-8 text"),
        "half_a_character": (
            surrogate,
            f"{no_notebook} (cell 5 has half a character in its source, which is no text)",
        ),
        "format_5": (
            changed(lambda raw: raw.update(nbformat=5)),
            f"{no_notebook} (its format is 5, and 4 is the newest there is)",
        ),
        "format_text": (
            changed(lambda raw: raw.update(nbformat="4")),
            f"{no_notebook} (it does not say its format)",
        ),
        "no_cells": (
            changed(without_cells),
            f"{no_notebook} (it has no list of cells)",
        ),
        "cells_number": (
            changed(lambda raw: raw.update(cells=5)),
            f"{no_notebook} (it has no list of cells)",
        ),
        "cell_null": (
            changed(lambda raw: raw["cells"].append(None)),
            f"{no_notebook} (cell 6 is none of code, markdown and raw)",
        ),
        "cell_unknown": (
            in_cell(cell_type="spell"),
            f"{no_notebook} (cell 5 is none of code, markdown and raw)",
        ),
        "source_number": (
            in_cell(source=5),
            f"{no_notebook} (cell 5 has int for its source, not text)",
        ),
        "source_null": (
            in_cell(source=None),
            f"{no_notebook} (cell 5 has NoneType for its source, not text)",
        ),
        "source_numbers": (
            in_cell(source=[1, 2]),
            f"{no_notebook} (cell 5 has list for its source, not text)",
        ),
        "cell_metadata_list": (
            in_cell(metadata=[]),
            f"{no_notebook} (cell 5 has list for its metadata)",
        ),
        "metadata_list": (
            changed(lambda raw: raw.update(metadata=[])),
            f"{no_notebook} (it has list for its metadata)",
        ),
    }


def twice(raw):
    raw["cells"] += copy.deepcopy(raw["cells"])


def same_ids(raw):
    for cell in raw["cells"]:
        cell["id"] = "same"


def huge_outputs(raw):
    for cell in raw["cells"]:
        cell["outputs"] = [
            {"output_type": "stream", "name": "stdout", "text": "x" * 4_000_000}
        ]


def nonsense_outputs(raw):
    for cell in raw["cells"]:
        cell.update(
            outputs=[None, 5, {"output_type": []}],
            execution_count="many",
            attachments=5,
        )


def odd_metadata(raw):
    raw["metadata"] = {
        "kernelspec": {"name": ["no", "kernel"]},
        "language_info": 5,
        "autograder": {"verdicts": [{"earned": 1000}]},
    }
    for cell in raw["cells"]:
        cell["metadata"] = {
            "nbgrader": [1, 2],
            "tags": {"skip": 1},
            "deletable": "perhaps",
        } | {
            "nbgrader": {
                "grade_id": cell["metadata"]["nbgrader"]["grade_id"],
                "points": "many",
                "grade": None,
            }
        }


def no_checks(raw):
    raw["cells"] = [
        cell for cell in raw["cells"] if not cell["source"][0].startswith("check(")
    ]


GRADED = {
    "format_3": lambda: nbformat.writes(
        nbformat.convert(classroom.notebook(**RIGHT), 3), version=3
    ),
    "cells_twice": lambda: changed(twice),
    "cell_ids_twice": lambda: changed(same_ids),
    "cells_missing": lambda: changed(no_checks),
    "source_of_lines": lambda: changed(
        lambda raw: [
            cell.update(source="".join(cell["source"]).splitlines(True))
            for cell in raw["cells"]
        ]
    ),
    "huge_outputs": lambda: changed(huge_outputs),
    "nonsense_outputs": lambda: changed(nonsense_outputs),
    "odd_metadata": lambda: changed(odd_metadata),
}
"""Notebooks that are odd, and can be graded all the same: in full."""


def replaced(make):
    """The submitted file is there, then something else stands in its place."""

    def at(course, path):
        path.unlink()
        make(course, path)

    return at


def beside(make, name="data.txt"):
    return lambda course, path: make(course, path.with_name(name))


def linked(folder):
    """The whole folder is a link to a classmate's."""

    def at(course, path):
        shutil.rmtree(path.parents[folder])
        target = course.root / "submitted" / "good_1"
        path.parents[folder].symlink_to(target if folder else target / NAME)

    return at


def link_to(target):
    return lambda course, path: path.symlink_to(
        course.root / target if "{}" not in target else target.format(path.name)
    )


def a_pipe(course, path):
    os.mkfifo(path)


def a_socket(course, path):
    here = os.open(path.parent, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"/proc/self/fd/{here}/{path.name}")
    os.close(here)


def sparse(megabytes):
    def make(course, path):
        with open(path, "wb") as file:
            file.truncate(megabytes * 2**20)

    return make


def many_files(course, path):
    for number in range(1001):
        (path.parent / f"{number:04}.txt").touch()


def renamed(name):
    return lambda course, path: path.rename(path.with_name(name))


def inside(make):
    def at(course, path):
        (path.parent / "deep" / "er").mkdir(parents=True)
        make(course, path.parent / "deep" / "er" / "data.txt")

    return at


def gone(course, path):
    path.unlink()


LINK = "is not a file but a link: hand in the file itself"
TOO_LARGE = "it is larger than 50 MB (with {}): hand in less, or raise c.CourseCells.max_megabytes"
PLACED = {
    "folder": (
        replaced(lambda course, path: path.mkdir()),
        f"{FILE} is not a file but a folder: hand in the file itself",
    ),
    "link_release": (replaced(link_to(f"release/{NAME}/{FILE}")), f"{FILE} {LINK}"),
    "link_passwd": (replaced(link_to("/etc/passwd")), f"{FILE} {LINK}"),
    "link_classmate": (
        replaced(link_to(f"submitted/good_1/{NAME}/{FILE}")),
        f"{FILE} {LINK}",
    ),
    "link_nowhere": (replaced(link_to("gone.ipynb")), f"{FILE} {LINK}"),
    "link_loop": (replaced(link_to("{}")), f"{FILE} {LINK}"),
    "link_device": (replaced(link_to("/dev/zero")), f"{FILE} {LINK}"),
    "pipe": (
        replaced(a_pipe),
        f"{FILE} is not a file but a pipe: hand in the file itself",
    ),
    "socket": (
        replaced(a_socket),
        f"{FILE} is not a file but a socket: hand in the file itself",
    ),
    "beside_secret": (beside(link_to(".course_secret")), f"data.txt {LINK}"),
    "beside_gradebook": (beside(link_to("gradebook.db")), f"data.txt {LINK}"),
    "beside_deep": (inside(link_to(".course_secret")), f"deep/er/data.txt {LINK}"),
    "beside_folder": (beside(link_to("submitted")), f"data.txt {LINK}"),
    "beside_pipe": (
        beside(a_pipe),
        "data.txt is not a file but a pipe: hand in the file itself",
    ),
    "folder_linked": (
        linked(0),
        "the assignment's folder is a link: hand in a folder with the files themselves",
    ),
    "student_linked": (
        linked(1),
        "the student's folder is a link: hand in a folder with the files themselves",
    ),
    "folder_loop": (
        lambda course, path: (shutil.rmtree(path.parent), path.parent.symlink_to(NAME)),
        "the assignment's folder is a link: hand in a",
    ),
    "folder_file": (
        lambda course, path: (shutil.rmtree(path.parent), path.parent.touch()),
        "the assignment's folder is a file: hand in a folder",
    ),
    "nothing": (gone, "there is no notebook in the submission"),
    "huge_notebook": (replaced(sparse(300)), TOO_LARGE.format(FILE)),
    "huge_beside": (beside(sparse(300)), TOO_LARGE.format("data.txt")),
    "many_files": (
        many_files,
        "it holds more than 1000 files: hand in the notebook and what it needs",
    ),
    "timestamp": (
        beside(lambda course, path: path.write_text("not a time"), "timestamp.txt"),
        "timestamp.txt holds no date: remove it",
    ),
}
LEFT_OUT = {
    "beside_line_break": (
        beside(sparse(0), "two\nlines"),
        r"two\nlines was left out: its name cannot be printed",
    ),
    "dots": (
        renamed("..sums.ipynb"),
        f"..sums.ipynb was taken for {FILE}: it is the only notebook there",
    ),
    "other_name": (
        renamed("sums (1).ipynb"),
        f"sums (1).ipynb was taken for {FILE}: it is the only notebook there",
    ),
}
"""What can be graded all the same, and what is said about it."""

RAW = [
    "empty",
    "cut_off",
    "object",
    "list",
    "null",
    "deep",
    "deep_metadata",
    "long_number",
    "utf_16",
    "latin_1",
    "byte_order_mark",
    "binary",
    "half_a_character",
    "format_5",
    "format_text",
    "no_cells",
    "cells_number",
    "cell_null",
    "cell_unknown",
    "source_number",
    "source_null",
    "source_numbers",
    "cell_metadata_list",
    "metadata_list",
]
"""The names of `raw_kinds`, which needs the small course to be made."""


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """A class of two good students, one before and one after all the others, graded in one go:
    the course, and the results by student.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTOGRADER_QUESTIONS", "questions")
        here = Path(__file__).parents[1]
        patch.setenv(
            "PYTHONPATH",
            os.pathsep.join(
                filter(
                    None, [str(here), os.environ.get("PYTHONPATH"), str(here.parent)]
                )
            ),
        )
        catalogue.chapters.cache_clear()
        course = classroom.lay_out(tmp_path_factory.mktemp("corrupt") / "course")
        course.release(NAME)
        (course.root / ".course_secret").write_text("very secret\n")
        hand_in(course, "good_1", **RIGHT)
        hand_in(course, "zzz_good_2", **RIGHT)
        for kind, (raw, _) in raw_kinds().items():
            hand_in(course, kind, raw=raw)
        for kind, make in GRADED.items():
            hand_in(course, kind, raw=make())
        for kind, (place, _) in (PLACED | LEFT_OUT).items():
            place(course, hand_in(course, kind, **RIGHT))
        students = course.submissions(NAME)
        results, _ = batch.grade(
            course, [(NAME, student) for student in students], workers=2
        )
        yield course, {result.student: result for result in results}
    catalogue.chapters.cache_clear()


@pytest.mark.parametrize("kind", [*RAW, *PLACED])
def test_it_is_reported_with_its_reason(graded, small_course, kind):
    course, results = graded
    said = (raw_kinds() | PLACED)[kind][1]
    reason = results[kind].reason
    assert reason is not None
    assert reason.startswith(said), reason
    assert "\n" not in reason and "Traceback" not in reason
    assert course.errors()[NAME][kind] == reason
    assert not (course.root / "autograded" / kind).exists() or not any(
        (course.root / "autograded" / kind).iterdir()
    )


@pytest.mark.parametrize("kind", ["good_1", "zzz_good_2", *GRADED, *LEFT_OUT])
def test_it_is_graded_in_full(graded, kind):
    course, results = graded
    assert results[kind].reason is None
    assert results[kind].remarks == ((LEFT_OUT[kind][1],) if kind in LEFT_OUT else ())
    assert points(course, kind) == FULL
    assert kind not in course.errors()[NAME]


def test_every_kind_is_accounted_for(graded, small_course):
    _, results = graded
    assert set(raw_kinds()) == set(RAW)
    assert results.keys() == {*RAW, *PLACED, *LEFT_OUT, *GRADED, "good_1", "zzz_good_2"}


def test_nothing_that_is_secret_or_a_classmates_was_copied(graded):
    course, _ = graded
    written = [
        path for path in (course.root / "autograded").rglob("*") if not path.is_dir()
    ]
    assert not [path for path in written if path.is_symlink()]
    assert {path.name for path in written} == {FILE, f".{NAME}-answers.json"}
    assert (course.root / ".course_secret").read_text() == "very secret\n"


@pytest.mark.parametrize("kind", ["beside_secret", "beside_gradebook", "beside_deep"])
def test_nbgrader_autograde_refuses_it_too(graded, small_course, kind):
    course, _ = graded
    result = course._run(lambda api: api.autograde(NAME, kind, force=True))
    assert not result["success"]
    assert re.search(r"Unfit: \S+ is not a file but a link", result["log"])
    assert not (course.root / "autograded" / kind / NAME).exists()


def test_a_file_that_may_not_be_read():
    """Root may read everything: it becomes somebody else for a moment, who could not even reach
    pytest's folders.
    """
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)
        folder = Path(place) / "amy" / NAME
        folder.mkdir(parents=True)
        (folder / FILE).touch(0)
        os.seteuid(65534 if os.getuid() == 0 else os.getuid())
        try:
            with pytest.raises(
                Unfit, match=f"^{FILE} cannot be read: Permission denied$"
            ):
                read(folder)
        finally:
            os.seteuid(os.getuid())


def test_the_limit_can_be_set(tmp_path, small_course):
    course = classroom.lay_out(
        tmp_path / "course", config="c.CourseCells.max_megabytes = 0.001\n"
    )
    course.release(NAME)
    hand_in(course, "amy", **RIGHT)
    assert grade(course, "amy").reason.startswith("it is larger than 0.001 MB")
