"""What a worker makes of a submission: whose fault an error is, what it may use up, which files lie
beside the notebook, and which inputs its answers get.
"""

from __future__ import annotations

import errno
import json
import os
import signal

import classroom
import nbformat
import pytest
from classroom import NAME, RIGHT, grade, hand_in, points
from nbgrader.api import Gradebook

from autograder.errors import Disturbed, NoWall
from autograder.grading import limits_of_worker, worker
from autograder.grading.course import Course, CourseError
from autograder.grading.execution import notebook_run
from autograder.grading.execution.notebook_run import Author
from autograder.grading.messages import CourseFault, Ungradable
from autograder.grading.worker import _what_is_wrong, _without_clashes
from autograder.questions import catalogue


@pytest.fixture
def course(tmp_path, small_course):
    """A released course that nobody has handed in."""
    course = classroom.lay_out(tmp_path / "course")
    course.release(NAME)
    return course


# --- whose fault it is ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error", [Disturbed("it did not answer"), NoWall("it cannot stand")]
)
def test_a_kernel_that_starts_without_the_submission_is_the_submissions_fault(
    error, monkeypatch
):
    monkeypatch.setattr(worker, "_start_and_stop_a_kernel", lambda job: None)
    found = _what_is_wrong(error, job=None)
    assert isinstance(found, Ungradable)
    assert str(error) in found.reason and "others start" in found.reason


@pytest.mark.parametrize(
    "error", [Disturbed("it did not answer"), NoWall("it cannot stand")]
)
def test_a_kernel_that_starts_for_nobody_is_not(error, monkeypatch):
    def fail(job):
        raise error

    monkeypatch.setattr(worker, "_start_and_stop_a_kernel", fail)
    assert isinstance(_what_is_wrong(error, job=None), CourseFault)


def test_a_disk_that_has_room_for_others_is_the_submissions_fault(monkeypatch):
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert isinstance(_what_is_wrong(full, job=None), Ungradable)

    def fail():
        raise full

    monkeypatch.setattr(worker.tempfile, "TemporaryFile", fail)
    assert isinstance(_what_is_wrong(full, job=None), CourseFault)


def test_too_little_memory_is_the_submissions_fault():
    found = _what_is_wrong(MemoryError(), job=None)
    assert isinstance(found, Ungradable) and "memory" in found.reason


# --- what it may use up ---------------------------------------------------------------------------


@pytest.mark.alone
def test_memory_is_limited_and_given_back():
    with limits_of_worker.memory(50), pytest.raises(MemoryError):
        bytearray(200 * 2**20)
    assert len(bytearray(200 * 2**20)) > 0


@pytest.mark.alone
def test_work_is_limited_whatever_it_is():
    child = os.fork()
    if child == 0:
        with limits_of_worker.processor(1):
            while True:
                pass
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGXCPU


# --- which files lie beside the notebook ----------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "course", "kept"),
    [
        (["a.txt"], ["b.txt"], ["a.txt"]),
        (["a.txt"], ["a.txt"], ["a.txt"]),  # overwritten
        (["data.csv/q.txt", "a.txt"], ["data.csv"], ["a.txt"]),
        (["data", "a.txt"], ["data/x.csv"], ["a.txt"]),
        (["data/y.csv"], ["data/x.csv"], ["data/y.csv"]),
        (["sums.new/x"], [], []),
        (["deep/data/x"], ["deep/data"], []),
    ],
)
def test_where_one_is_a_folder_and_the_other_a_file_the_courses_own_wins(
    files, course, kept
):
    found, remarks = _without_clashes(dict.fromkeys(files, b""), course, ["sums"])
    assert list(found) == kept
    assert len(remarks) == len(files) - len(kept)
    assert all("was left out" in remark for remark in remarks)


def test_a_folder_called_like_the_courses_data_stops_nobody(tmp_path, small_course):
    course = classroom.lay_out(tmp_path / "course")
    (course.root / "exercises" / NAME / "data.csv").write_text("x,y\n1,2\n")
    course.release(NAME)
    reads = 'assert open("data.csv").read() == "x,y\\n1,2\\n"\n' + RIGHT["total"]
    path = hand_in(course, "amy", total=reads, turn=RIGHT["turn"])
    (path.parent / "data.csv").mkdir()
    (path.parent / "data.csv" / "q.txt").write_text("mine")
    graded = grade(course, "amy")
    assert (graded.reason, points(course, "amy")) == (None, 5)
    assert graded.remarks == (
        "data.csv/q.txt was left out: the course's own stands in its place",
    )
    kept = course.root / "autograded" / "amy" / NAME
    assert (kept / "data.csv").read_text() == "x,y\n1,2\n"
    notebook = nbformat.read(kept / f"{NAME}.ipynb", as_version=4)
    assert notebook.metadata["autograder"]["remarks"] == list(graded.remarks)


def test_a_download_of_another_name_is_graded_once(course):
    path = hand_in(course, "amy", **RIGHT)
    path.rename(path.with_name(f"{NAME} (1).ipynb"))
    assert grade(course, "amy").reason is None
    assert points(course, "amy") == 5
    assert list(course.graded_before(course.snapshot(NAME), ["amy"])) == ["amy"]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-05 10:00:00 CEST", "2026-11-05 08:00:00"),
        ("05.11.2026 10:00", "2026-11-05 10:00:00"),
    ],
)
def test_what_was_understood_stands_in_the_gradebook(course, text, moment):
    hand_in(course, "amy", **RIGHT).with_name("timestamp.txt").write_text(text)
    assert grade(course, "amy").reason is None
    with Gradebook(f"sqlite:///{course.root / 'gradebook.db'}") as gradebook:
        assert str(gradebook.find_submission(NAME, "amy").timestamp) == moment


def test_saved_outputs_do_not_count(tmp_path, small_course):
    course = classroom.lay_out(
        tmp_path / "course", config="c.CourseCells.max_megabytes = 0.1\n"
    )
    course.release(NAME)
    notebook = classroom.notebook(**RIGHT)
    notebook.cells[0].outputs = [nbformat.v4.new_output("stream", text="x" * 300_000)]
    hand_in(course, "amy", raw=nbformat.writes(notebook))
    assert grade(course, "amy").reason is None


# --- plug-ins of the course's ---------------------------------------------------------------------

PLUGIN = """
from nbgrader.plugins import BasePlugin

class Never(BasePlugin):
    def late_submission_penalty(self, student_id, score, total_seconds_late):
        return None
"""
NAMED = "c.AssignLatePenalties.plugin_class = 'late_here.Never'\n"


def test_a_plug_in_in_the_courses_folder_is_found(tmp_path, small_course):
    course = classroom.lay_out(tmp_path / "course", config=NAMED)
    (course.root / "late_here.py").write_text(PLUGIN)
    course.release(NAME)
    hand_in(course, "amy", **RIGHT)
    assert grade(course, "amy").reason is None


def test_a_plug_in_that_is_not_there_is_said_before_anybody_is_graded(
    tmp_path, small_course
):
    course = classroom.lay_out(
        tmp_path / "course", config=NAMED.replace("late_here", "late_nowhere")
    )
    course.release(NAME)
    hand_in(course, "amy", **RIGHT)
    with pytest.raises(CourseError, match=r"AssignLatePenalties.*late_nowhere"):
        grade(Course(course.root), "amy")
    assert course.errors() == {}


# --- which of its answers counts


def test_what_was_judged_before_a_disturbance_is_not_judged_again(monkeypatch):
    """A submission that can bring about its own end gains nothing by it."""
    monkeypatch.setattr(notebook_run.time, "sleep", lambda seconds: None)
    judged = []

    class Run:
        def __init__(self, attempt):
            self._attempt = attempt

        def verdicts(self, verdicts):
            judged.append(dict(verdicts))
            verdicts.setdefault("a", f"of attempt {self._attempt}")
            if self._attempt == 1:
                raise Disturbed("the warm process ended")
            return verdicts

    nb = nbformat.v4.new_notebook()
    assert notebook_run.undisturbed(nb, Run) == {"a": "of attempt 1"}
    assert judged == [{}, {"a": "of attempt 1"}]


# --- which inputs its answers get -----------------------------------------------------------------


def test_another_hand_in_gets_other_inputs_and_the_same_one_the_same(small_course):
    question = catalogue.find("small.total")
    seeds = [
        Author("secret", NAME, student, hand_in=hand_in).seed(question)
        for student, hand_in in (
            ("amy", "0f"),
            ("amy", "0f"),
            ("amy", "1e"),
            ("bob", "0f"),
        )
    ]
    assert seeds[0] == seeds[1]
    assert len(set(seeds)) == 3


SHOWS = "seen = []\n\ndef total(values):\n    seen.append(values.tolist())\n    return values.sum()"


def shown(course, student):
    """What the last cell of the graded notebook printed."""
    path = course.root / "autograded" / student / NAME / f"{NAME}.ipynb"
    return nbformat.read(path, as_version=4).cells[-1].outputs[0].text


def test_a_regrade_asks_the_same_and_a_new_hand_in_something_else(course):
    def handed_in(answer):
        notebook = classroom.notebook(total=answer)
        notebook.cells.append(nbformat.v4.new_code_cell("print(seen)", id="last"))
        for number, cell in enumerate(notebook.cells[:-1]):
            cell.id = str(number)
        hand_in(course, "amy", raw=nbformat.writes(notebook))
        assert grade(course, "amy").reason is None
        return shown(course, "amy")

    first = handed_in(SHOWS)
    assert json.loads(first)
    assert handed_in(SHOWS) == first
    assert handed_in(SHOWS + "  # again") != first
