"""An nbgrader course that is driven from outside: what is wrong with a submission is a result,
what is wrong with the course is one line, and nothing is left behind.
"""

from __future__ import annotations

import asyncio
import errno
import json
import os
import threading
import time
import warnings
from pathlib import Path

import classroom
import nbformat
import psutil
import pytest
from classroom import NAME, RIGHT, grade, grade_here, hand_in, points, verdicts

from autograder.grading.course import CONFIG, Course, CourseError, _last_error
from autograder.grading.execution import notebook_run
from autograder.questions import catalogue
from autograder.report import results

FULL = 5  # 1 for total, 4 for turn


@pytest.fixture
def course(tmp_path, small_course):
    """A course that is not released."""
    return classroom.lay_out(tmp_path / "course")


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """A released course for all tests of this file that do not harm it; each test hands in as
    students of its own.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTOGRADER_QUESTIONS", "questions")
        catalogue.chapters.cache_clear()
        course = classroom.lay_out(
            tmp_path_factory.mktemp("released") / "course",
            config="c.JudgedExecute.timeout = 3\n",
        )
        course.release(NAME)
    catalogue.chapters.cache_clear()
    return course


@pytest.fixture
def own(released, small_course, tmp_path):
    """The released course; the test starts in a folder of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        yield released


def is_one_line(text):
    return bool(text.strip()) and "\n" not in text.strip() and "Traceback" not in text


# --- finding and loading a course -----------------------------------------------------------------


def test_outside_a_course_the_message_says_where_and_what_to_do(tmp_path):
    with pytest.raises(CourseError) as caught:
        Course(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert CONFIG in str(caught.value)
    assert is_one_line(str(caught.value))


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("c = get_config(", "line 1"),
        ("import a_package_that_is_not_there", "a_package_that_is_not_there"),
        ("raise RuntimeError('first\\nsecond')", "first"),
        ("import sys; sys.exit(4)", "SystemExit"),
    ],
    ids=["syntax", "import", "exception", "exit"],
)
def test_a_configuration_that_does_not_load_is_one_line(course, config, said):
    (course.root / CONFIG).write_text(config)
    hand_in(course, "amy", **RIGHT)
    with pytest.raises(CourseError) as caught:
        grade(course, "amy")
    assert str(course.root / CONFIG) in str(caught.value)
    assert said in str(caught.value)
    assert is_one_line(str(caught.value))
    assert course.errors() == {}, "the student has done nothing wrong"


# --- who has handed in ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "c.JudgedExecute.memory = 512",
            "`c.JudgedExecute.memory` is no setting. Did you mean `memory_mb`?",
        ),
        (
            "c.CourseCells.max_megabyte = 3",
            "`c.CourseCells.max_megabyte` is no setting. Did you mean `max_megabytes`?",
        ),
        ("c.JudgedExecute.memory_mb = 5", "should not be less than 128"),
        ("c.JudgedExecute.output_mb = 'much'", "expected an int"),
    ],
)
def test_a_setting_that_would_be_ignored_or_cannot_be_is_one_line(
    own, line, said, tmp_path
):
    course = classroom.lay_out(tmp_path / "set", config=line + "\n")
    with pytest.raises(CourseError) as error:
        course.snapshot(NAME)
    assert said in str(error.value) and is_one_line(str(error.value))


def test_submissions_are_the_students_of_that_assignment_in_order(course):
    for student in ("bob", "amy", "zoe"):
        hand_in(course, student)
    (course.root / "submitted" / "zoe" / NAME).rename(
        course.root / "submitted" / "zoe" / "other"
    )
    (course.root / "submitted" / "a file").touch()
    (course.root / "submitted" / "loop").mkdir()
    (course.root / "submitted" / "loop" / NAME).symlink_to(NAME)
    assert course.submissions(NAME) == ["amy", "bob", "loop"], (
        "what is no folder is reported with its reason, not passed over"
    )


@pytest.mark.parametrize(
    "name", ["nothing", "", "*", "**", "..", "../amy/sums", "[s]ums"]
)
def test_what_nobody_has_handed_in_is_said_with_what_there_is(course, name):
    hand_in(course, "amy")
    with pytest.raises(CourseError) as caught:
        course.submissions(name)
    assert NAME in str(caught.value)
    assert is_one_line(str(caught.value))


def test_a_course_without_submissions_says_where_they_are_looked_for(course):
    with pytest.raises(CourseError, match="submitted"):
        course.submissions(NAME)


# --- what is wrong with the course ----------------------------------------------------------------


def test_an_assignment_that_is_not_released_says_to_release_it(course):
    hand_in(course, "amy", **RIGHT)
    with pytest.raises(
        CourseError, match=f"not released.*generate_assignment {NAME}"
    ) as caught:
        grade(course, "amy")
    assert is_one_line(str(caught.value))
    assert course.errors() == {}


def test_an_assignment_without_a_notebook_is_not_released(course):
    with pytest.raises(CourseError, match="nothing could not be released") as caught:
        course.release("nothing")
    assert is_one_line(str(caught.value))


@pytest.mark.parametrize(
    "harm",
    [lambda book: book.write_text("no database, but text"), lambda book: book.mkdir()],
    ids=["text", "folder"],
)
def test_a_gradebook_that_cannot_be_used_stops_grading(course, harm):
    hand_in(course, "amy", **RIGHT)
    book = course.root / "gradebook.db"
    book.unlink()
    harm(book)
    with pytest.raises(CourseError, match="gradebook") as caught:
        grade(course, "amy")
    assert is_one_line(str(caught.value))
    assert course.errors() == {}


def test_a_broken_question_stops_grading_and_costs_nobody_a_point(own, monkeypatch):
    hand_in(own, "fault", **RIGHT)
    monkeypatch.setattr(catalogue.find("small.total"), "probes", [])
    with pytest.raises(
        CourseError, match=r"small\.total could not be judged.*no probes"
    ) as caught:
        grade_here(own, "fault")
    assert is_one_line(str(caught.value))
    assert "fault" not in own.errors().get(NAME, {})


def test_an_error_of_the_disk_that_has_no_advice_ends_grading_as_it_is(
    own, monkeypatch
):
    """It did not: an error that was raised from itself was followed without end."""
    hand_in(own, "stale", raw="{")

    def fail(*paths):
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))

    monkeypatch.setattr("autograder.grading.course.os.replace", fail)
    with pytest.raises(OSError, match=os.strerror(errno.ESTALE)):
        grade(own, "stale")


@pytest.mark.parametrize(
    "error",
    [
        "autograder.errors.BrokenQuestions: small.py, line 3: NameError: x",
        "autograder.errors.NotJudged: small.total was never asked",
        "sqlalchemy.exc.OperationalError: database is locked",
    ],
)
def test_the_last_error_of_a_step_of_nbgrader_s_is_said_with_its_words(error):
    log = f"[ERROR] There was an error\nTraceback (most recent call last):\n  x\n{error}\n"
    assert _last_error({"log": log}) == error


HIDDEN = (".trash", ".git", ".ipynb_checkpoints")


@pytest.mark.parametrize("name", HIDDEN)
def test_a_hidden_folder_is_no_student(course, name):
    hand_in(course, "amy", **RIGHT)
    hand_in(course, name, **RIGHT)
    assert course.submissions(NAME) == ["amy"]
    assert {student for student, _ in results._folders(course.root / "submitted")} == {
        "amy"
    }


@pytest.mark.parametrize("name", HIDDEN)
def test_hidden_folders_alone_are_nobody(course, name):
    hand_in(course, name, **RIGHT)
    (course.root / "submitted" / "amy" / name).mkdir(parents=True)
    with pytest.raises(
        CourseError, match=f"Nobody has handed in '{NAME}'. Submissions are looked for"
    ):
        course.submissions(NAME)
    with pytest.raises(CourseError, match="Nobody"):
        course.submissions(name)


def test_the_page_of_what_could_not_be_graded_bears_the_notebook_s_name(course):
    """As every page of feedback does: an assignment's notebook may have another name than the
    assignment.
    """
    path = course.root / "exercises" / NAME / f"{NAME}.ipynb"
    path.rename(path.with_name("part-1.ipynb"))
    course.release(NAME)
    hand_in(course, "amy", raw="{").rename(
        course.root / "submitted" / "amy" / NAME / "part-1.ipynb"
    )
    assert "invalid JSON" in grade(course, "amy").reason
    course.feedback(NAME, "amy")
    pages = list((course.root / "feedback" / "amy" / NAME).iterdir())
    assert [page.name for page in pages] == ["part-1.html"]
    assert "invalid JSON" in pages[0].read_text(encoding="utf-8")


# --- what is wrong with a submission --------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("", "is empty"),
        ("{", "invalid JSON"),
        ("[" * 100_000, "invalid JSON"),
        ("[]", "not a valid notebook"),
        ("null", "not a valid notebook"),
        ("5", "not a valid notebook"),
        ("{}", "not a valid notebook"),
        ('{"nbformat": 4}', "not a valid notebook"),
        (
            '{"nbformat": 99, "nbformat_minor": 0, "metadata": {}, "cells": []}',
            "not a valid notebook",
        ),
        (
            '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [null]}',
            "not a valid notebook",
        ),
        (
            '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": 5}',
            "not a valid notebook",
        ),
        ("é".encode("latin-1"), "not UTF-8"),
        ("{}".encode("utf-16"), "not UTF-8"),
        (bytes(range(256)), "not UTF-8"),
    ],
    ids=[
        "empty",
        "cut off",
        "deep",
        "list",
        "null",
        "number",
        "object",
        "only a version",
        "future",
        "no cell",
        "no list",
        "latin",
        "utf16",
        "binary",
    ],
)
def test_what_is_no_notebook_is_a_reason_in_one_line(own, raw, reason):
    hand_in(own, "no_notebook", raw=raw)
    graded = grade(own, "no_notebook")
    assert reason in graded.reason
    assert f"{NAME}.ipynb" in graded.reason
    assert is_one_line(graded.reason)
    assert own.errors()[NAME]["no_notebook"] == graded.reason


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: None, "no notebook"),
        (lambda path: path.with_name("other.txt").touch(), "no notebook"),
        (lambda path: path.mkdir(), "not a file"),
        (lambda path: path.symlink_to(path.name), "not a file"),
        (lambda path: path.symlink_to("gone.ipynb"), "not a file"),
        (os.mkfifo, "not a file"),
    ],
    ids=["nothing", "text", "folder", "loop", "link to nothing", "pipe"],
)
def test_what_is_no_file_is_a_reason_in_one_line(own, make, reason, request):
    student = f"no_file_{request.node.callspec.id.replace(' ', '_')}"
    path = classroom.submission_path(own, student)
    path.parent.mkdir(parents=True)
    make(path)
    graded = grade(own, student)
    assert reason in graded.reason
    assert is_one_line(graded.reason)


def test_a_submission_that_cannot_be_graded_stops_nobody_else(own, capfd):
    hand_in(own, "batch_1", **RIGHT)
    hand_in(own, "batch_2", raw="{")
    hand_in(own, "batch_3", **RIGHT)
    reasons = {
        student: grade(own, student).reason
        for student in ("batch_1", "batch_2", "batch_3")
    }
    assert [bool(reason) for reason in reasons.values()] == [False, True, False]
    assert points(own, "batch_1") == points(own, "batch_3") == FULL
    assert capfd.readouterr() == ("", ""), "nothing draws over a progress bar"


def test_the_old_notebook_formats_are_graded_without_a_word(own, capfd):
    modern = classroom.notebook(**RIGHT)
    before_ids = json.loads(nbformat.writes(modern)) | {"nbformat_minor": 2}
    without_ids = json.loads(nbformat.writes(modern))
    for cell in before_ids["cells"] + without_ids["cells"]:
        cell.pop("id")
    old = nbformat.writes(nbformat.convert(classroom.notebook(**RIGHT), 3), version=3)
    for student, raw in {
        "minor_2": json.dumps(before_ids),
        "no_ids": json.dumps(without_ids),
        "format_3": old,
    }.items():
        hand_in(own, student, raw=raw)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert grade_here(own, student).reason is None
        assert points(own, student) == FULL, student
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "student",
    [
        "a b",
        "ünï",
        "x'y\"z",
        "-dash",
        "semi;colon",
        "a&b",
        "a+b",
        "50%",
        "{name}",
        "back\\slash",
    ],
)
def test_student_ids_with_odd_characters(own, student):
    hand_in(own, student, **RIGHT)
    assert grade(own, student).reason is None
    assert points(own, student) == FULL
    own.feedback(NAME, student)
    assert (own.root / "feedback" / student / NAME / f"{NAME}.html").is_file()


@pytest.mark.parametrize(
    "student", ["patterns_*", "a[1]", "what?", " lead", "trail ", "two\nlines"]
)
def test_student_ids_that_nbgrader_cannot_find_are_refused_and_touch_nobody_else(
    own, student
):
    hand_in(own, "patterns_1", **RIGHT)
    hand_in(own, student, **RIGHT)
    graded = grade(own, student)
    assert "rename" in graded.reason
    assert is_one_line(graded.reason)
    assert not (own.root / "autograded" / "patterns_1").exists()


def test_a_course_folder_that_nbgrader_cannot_find_is_refused(tmp_path, small_course):
    with pytest.raises(CourseError, match="rename the folder"):
        classroom.lay_out(tmp_path / "course [2026]").release(NAME)


# --- what is left behind --------------------------------------------------------------------------


def children():
    """The processes that this one has started and that still are, zombies included, but for the
    warm one that kernels are forked from; its kernels are gone.
    """
    started = psutil.Process().children()
    warm = [
        process
        for process in started
        if "autograder.sandbox.zygote" in process.cmdline()
    ]
    end = time.monotonic() + 5
    while any(process.children() for process in warm) and time.monotonic() < end:
        time.sleep(0.01)
    assert not any(process.children(recursive=True) for process in warm)
    return [process for process in started if process not in warm]


def test_place_path_threads_and_processes_are_as_before(own):
    hand_in(own, "tidy", turn="import os; os._exit(1)", total=RIGHT["total"])
    hand_in(own, "tidy_broken", raw="{")
    before = Path.cwd(), dict(os.environ), threading.active_count(), children()
    grade(own, "tidy")
    grade(own, "tidy_broken")
    place, environment, threads, processes = before
    assert Path.cwd() == place
    assert {
        name
        for name in environment.keys() | os.environ.keys()
        if environment.get(name) != os.environ.get(name)
    } == set()
    assert threading.active_count() == threads
    assert children() == processes


def test_a_path_that_was_not_set_is_not_set_afterwards(own, monkeypatch):
    hand_in(own, "no_path", **RIGHT)
    monkeypatch.delenv("PATH")
    assert grade(own, "no_path").reason is None
    assert "PATH" not in os.environ


def test_two_students_in_a_row_share_nothing(own):
    leave = (
        "import autograder, builtins, os\nbuiltins.left = autograder.left = "
        "1\nos.environ['LEFT'] = '1'\nopen('left.txt', 'w').write('1')\n"
    )
    look = (
        "import autograder, builtins, os\nassert not (hasattr(builtins, 'left') or "
        "hasattr(autograder, 'left'))\nassert 'LEFT' not in os.environ "
        "and not os.path.exists('left.txt')\n"
    )
    hand_in(own, "share_1", total=leave + RIGHT["total"], turn=RIGHT["turn"])
    hand_in(own, "share_2", total=look + RIGHT["total"])
    assert grade(own, "share_1").reason is None
    assert grade(own, "share_2").reason is None
    found = verdicts(own, "share_2")
    assert found["total"]["status"] == "correct", found["total"]["headline"]
    assert found["turn"]["status"] == "not attempted", (
        "the classmate's answer is not there"
    )


def test_a_loop_of_checks_costs_its_own_cell_and_not_the_questions_after_it(own):
    """The interrupt strikes while the kernel waits for the judge, and cuts their connection."""
    hand_in(
        own,
        "loop",
        total=RIGHT["total"] + "\nwhile True:\n    check('small.total', total)",
        turn=RIGHT["turn"],
    )
    assert grade(own, "loop").reason is None
    assert verdicts(own, "loop")["turn"]["status"] == "correct"


@pytest.mark.slow
def test_a_kernel_that_the_judge_gave_up_takes_no_other_with_it(own, monkeypatch):
    """The judge is still busy with the first kernel when the second one runs."""
    question = catalogue.find("small.total")
    slow = question.reference.function

    def reference(values):
        threading.Event().wait(3)
        return slow(values)

    monkeypatch.setattr(
        "autograder.grading.execution.judge_session.VERDICT_SECONDS", 0.1
    )
    monkeypatch.setattr(
        question, "reference", type(question.reference)(reference, "numpy")
    )
    hand_in(
        own,
        "patience",
        total="def total(values):\n    import os\n    os._exit(1)",
        turn="import time; time.sleep(2.5)\n" + RIGHT["turn"],
    )
    assert grade_here(own, "patience").reason is None
    found = verdicts(own, "patience")
    assert (found["total"]["earned"], found["turn"]["status"]) == (0, "correct")


def test_an_interrupt_is_not_the_students_failure(own, monkeypatch):
    hand_in(own, "stopped", **RIGHT)

    def stop(self, *args):
        raise KeyboardInterrupt

    monkeypatch.setattr(notebook_run.NotebookRun, "_judge", stop)
    before = children()
    with pytest.raises(KeyboardInterrupt):
        grade_here(own, "stopped")
    assert "stopped" not in own.errors().get(NAME, {})
    assert children() == before


def test_grading_works_inside_a_running_event_loop(own):
    """As in formgrader, which calls the same API from a request handler."""
    hand_in(own, "formgrader", **RIGHT)

    async def request():
        return grade_here(own, "formgrader")

    assert asyncio.run(request()).reason is None
    assert points(own, "formgrader") == FULL


def test_points_of_a_regrade_replace_the_old_ones(own):
    hand_in(own, "again", **RIGHT)
    grade(own, "again")
    hand_in(own, "again", total=RIGHT["total"])
    grade(own, "again")
    assert points(own, "again") == 1


def test_a_damaged_list_of_failures_is_begun_anew(course):
    course.release(NAME)
    (course.root / "grading_errors.json").write_text("{")
    hand_in(course, "amy", raw="{")
    assert grade(course, "amy").reason
    assert list(course.errors()[NAME]) == ["amy"]


def test_the_feedback_page_of_what_was_not_graded_escapes_the_reason(own):
    hand_in(own, "angry", raw='{"nbformat": "<script>"}')
    assert grade(own, "angry").reason
    own.feedback(NAME, "angry")
    assert (
        "<script>"
        not in (own.root / "feedback" / "angry" / NAME / f"{NAME}.html").read_text()
    )
