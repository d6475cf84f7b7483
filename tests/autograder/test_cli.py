"""The command line: it answers at once, says what went wrong in one line, and its exit code can
be relied on.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import classroom
import psutil
import pytest
from classroom import NAME, RIGHT, ROOT, hand_in
from made_courses import write_course

from autograder import cli, demo, doctor, errors, logs
from autograder.doctor import Finding
from autograder.grading.course import Course

COMMANDS = (
    *("progress", "next", "workspace", "doctor"),
    *("grade", "report", "demo", "audit"),
)
HEAVY = (
    "torch",
    "torchvision",
    "mxnet",
    "numpy",
    "scipy",
    "sklearn",
    "matplotlib",
    "nbgrader",
    "nbconvert",
    "nbclient",
    "IPython",
    "libcst",
    "jinja2",
)
CALL = "import sys; from autograder.cli import app; app()"


@pytest.fixture
def run(capfd):
    """Run `course` with these arguments in this process; returns (exit code, standard output,
    standard error).
    """

    def run(*arguments):
        with pytest.raises(SystemExit) as caught:
            cli.app([str(argument) for argument in arguments])
        return caught.value.code, *capfd.readouterr()

    return run


@pytest.fixture
def course(tmp_path, small_course):
    """A course that is not released, and nobody has handed in."""
    return classroom.lay_out(tmp_path / "course")


def complaint(stderr):
    """The one line that standard error says, but for the progress bar."""
    [line] = [
        line
        for line in stderr.splitlines()
        if line.strip() and not line.startswith(("grading", "writing"))
    ]
    assert line.startswith("course: ")
    return line


# --- help -----------------------------------------------------------------------------------------


def test_help_lists_the_commands_with_what_they_do(run):
    code, out, err = run("--help")
    assert (code, err) == (0, "")
    for name in COMMANDS:
        [line] = [line for line in out.splitlines() if line.split()[:1] == [name]]
        assert len(line.split()) > 3, f"{name} has no help"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_of_its_own(run, name):
    code, out, err = run(name, "--help")
    assert (code, err) == (0, "")
    assert "Usage: " in out


@pytest.mark.parametrize(
    "arguments", [["--help"], ["grade", "--help"]], ids=["course", "grade"]
)
def test_help_imports_nothing_heavy(arguments):
    script = (
        "import atexit, sys\natexit.register(lambda: print('LOADED', "
        f"*(set({HEAVY!r}) & sys.modules.keys())))\n{CALL}"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "LOADED"


@pytest.mark.parametrize("command", ["--help", "progress"])
def test_a_learner_is_answered_in_under_three_tenths_of_a_second(command):
    seconds = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, "-c", CALL, command],
            stdout=subprocess.DEVNULL,
            cwd=ROOT,
            check=True,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        # The processor's time, which a busy machine does not stretch.
        seconds.append(
            after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        )
    assert min(seconds) < 0.3


def test_without_a_command_there_is_help_and_the_code_of_misuse(run):
    code, out, err = run()
    assert code == cli.MISUSE
    assert "Usage: " in out + err


@pytest.mark.parametrize(
    "arguments",
    [["no-such-command"], ["grade"], ["grade", "."], ["demo", "--no-such-option"]],
)
def test_a_wrong_command_is_misuse(run, arguments):
    code, out, err = run(*arguments)
    assert (code, out) == (cli.MISUSE, "")
    assert "Error: " in err
    assert "Traceback" not in err


# --- what a user can get wrong --------------------------------------------------------------------


def test_grading_what_is_no_course(run, tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        code, out, err = run("grade", folder, NAME)
        assert (code, out) == (cli.MISUSE, "")
        assert str(folder) in complaint(err)
        assert "nbgrader_config.py" in complaint(err)


@pytest.mark.parametrize("command", [["demo"], ["workspace", "mine"]])
def test_outside_a_course_with_questions_that_come_without_lessons(
    run, small_course, tmp_path, monkeypatch, command
):
    monkeypatch.chdir(tmp_path)
    code, _, err = run(*command)
    assert code == cli.MISUSE
    assert "nbgrader_config.py" in complaint(err)
    assert list(tmp_path.iterdir()) == []


def test_an_assignment_that_nobody_has_handed_in_names_those_that_somebody_has(
    run, course
):
    hand_in(course, "amy")
    code, _, err = run("grade", course.root, "summs")
    assert code == cli.MISUSE
    assert "'summs'" in complaint(err)
    assert NAME in complaint(err)


def test_a_student_who_has_not_handed_in(run, course):
    hand_in(course, "amy")
    code, _, err = run("grade", course.root, NAME, "--student", "bob")
    assert code == cli.MISUSE
    assert "bob has not handed in" in complaint(err)


def test_an_assignment_that_is_not_released(run, course):
    hand_in(course, "amy")
    hand_in(course, "bob")
    code, _, err = run("grade", course.root, NAME)
    assert code == cli.MISUSE
    assert "generate_assignment" in complaint(err)


def test_a_configuration_with_a_syntax_error(run, course):
    hand_in(course, "amy")
    (course.root / "nbgrader_config.py").write_text("c = get_config(\n")
    code, _, err = run("grade", course.root, NAME)
    assert code == cli.MISUSE
    assert "SyntaxError" in complaint(err)


def test_a_demonstration_of_an_assignment_that_is_not_there(run, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    code, _, err = run("demo", "--out", tmp_path / "demo", "--only", "99-nothing")
    assert code == cli.MISUSE
    assert "99-nothing" in complaint(err)
    assert "02-convolution" in complaint(err)


def test_the_demonstration_replaces_no_folder_but_its_own(run, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    mine = tmp_path / "home"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    code, _, err = run("demo", "--out", mine)
    assert code == cli.MISUSE
    assert str(mine) in complaint(err)
    assert [path.name for path in mine.iterdir()] == ["thesis.txt"]
    assert demo.lay_out(ROOT, tmp_path / "demo").root == tmp_path / "demo"
    (tmp_path / "demo" / "gradebook.db").touch()
    demo.lay_out(ROOT, tmp_path / "demo")
    assert not (tmp_path / "demo" / "gradebook.db").exists()


@pytest.mark.parametrize("command", [["demo", "--out"], ["workspace"]])
def test_a_folder_that_cannot_be_made(run, tmp_path, monkeypatch, command):
    (tmp_path / "file").touch()
    monkeypatch.chdir(ROOT)
    code, _, err = run(*command, tmp_path / "file" / "folder")
    assert code == cli.MISUSE
    assert str(tmp_path / "file") in complaint(err)


def test_a_report_without_a_gradebook(run, course, tmp_path):
    (course.root / "gradebook.db").unlink()
    for folder in (course.root, tmp_path / "nowhere"):
        code, out, err = run("report", folder)
        assert (code, out) == (cli.MISUSE, "")
        assert str(folder) in complaint(err)


def test_questions_that_are_not_installed(run, small_course, tmp_path, monkeypatch):
    monkeypatch.setenv("AUTOGRADER_QUESTIONS", "a_package_that_is_not_there")
    monkeypatch.chdir(tmp_path)  # no notebooks tell what the questions would
    code, _, err = run("progress")
    assert code == cli.MISUSE
    assert "a_package_that_is_not_there" in complaint(err)


def test_notebooks_tell_progress_where_no_questions_are_installed(
    run, small_course, tmp_path, monkeypatch
):
    monkeypatch.setenv("AUTOGRADER_QUESTIONS", "a_package_that_is_not_there")
    monkeypatch.chdir(write_course(tmp_path / "course"))
    code, out, err = run("progress")
    assert (code, err) == (cli.GRADED, "")
    assert "01 Sums" in out


# --- what no user can cause -----------------------------------------------------------------------


def broken(*args, **kwargs):
    int("not a number")


BUGS = {
    "a value": broken,
    "a strict zip": lambda *args: list(zip([1], [1, 2], strict=True)),
    "a key": lambda *args: {}["nothing"],
    "an attribute": lambda *args: None.nothing,
    "an import of ours": lambda *args: __import__("autograder.nothing_of_that_name"),
}


@pytest.mark.parametrize("bug", BUGS.values(), ids=BUGS)
def test_a_bug_is_never_a_wrong_command(
    run, small_course, monkeypatch, progress_log, bug
):
    monkeypatch.setattr("autograder.learner.journal.as_lines", bug)
    monkeypatch.setattr(sys, "argv", ["course", "progress"])
    code, out, err = run("progress")
    assert (code, out) == (cli.BUG, "")
    assert "a bug of the course, not of what you did: " in complaint(err)
    log = progress_log.parent / logs.HOME
    assert str(log) in complaint(err)
    text = log.read_text(encoding="utf-8")
    assert "Traceback (most recent call last):" in text
    assert text.splitlines()[0].split()[1:] == ["ERROR", "course", "progress"]


def test_a_bug_while_a_class_is_graded_is_logged_in_the_course(
    run, course, monkeypatch
):
    course.release(NAME)
    hand_in(course, "amy")
    monkeypatch.setattr(Course, "graded_before", broken)
    code, _, err = run("grade", course.root, NAME)
    assert code == cli.BUG
    assert f"{course.root / logs.GRADING}" in complaint(err)
    assert "ValueError: invalid literal for int()" in (
        course.root / logs.GRADING
    ).read_text(encoding="utf-8")


def test_where_no_log_can_be_written_a_bug_says_how_to_see_it(
    run, small_course, tmp_path, monkeypatch
):
    (tmp_path / "file").touch()
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "file" / "progress.jsonl"))
    monkeypatch.setattr("autograder.learner.journal.as_lines", broken)
    code, _, err = run("progress")
    assert code == cli.BUG
    assert "`course --debug`" in complaint(err)


@pytest.mark.parametrize(
    ("arguments", "raised"),
    [
        (["grade", "nowhere", NAME], "CourseError"),
        (["report", "nowhere"], "ReportError"),
    ],
)
def test_debug_prints_the_traceback_before_the_line(run, arguments, raised):
    code, _, err = run("--debug", *arguments)
    assert code == cli.MISUSE
    assert err.startswith("Traceback (most recent call last):")
    assert raised in err
    assert err.splitlines()[-1].startswith("course: ")
    assert "Traceback" not in run(*arguments)[2]


def test_what_the_system_refuses_is_a_sentence_with_the_place(
    run, small_course, monkeypatch
):
    def full(*args):
        raise OSError(28, "No space left on device", "/somewhere/file")

    monkeypatch.setattr("autograder.learner.journal.as_lines", full)
    code, _, err = run("progress")
    assert (code, complaint(err)) == (
        cli.MISUSE,
        "course: /somewhere/file: No space left on device",
    )


def test_every_error_of_the_tree_ends_in_its_line(run, small_course, monkeypatch):
    kinds = [errors.AutograderError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    assert len(kinds) > 12
    for kind in kinds:

        def fail(chapter, kind=kind):
            raise kind("what to do")

        monkeypatch.setattr("autograder.learner.journal.as_lines", fail)
        code, _, err = run("progress")
        assert (code, complaint(err)) == (cli.MISUSE, "course: what to do")


def test_the_version_is_the_installed_distribution_s(run):
    assert run("--version") == (0, f"course {version('deep-learning-course')}\n", "")


# --- grading --------------------------------------------------------------------------------------


def test_exit_code_3_and_the_reasons_where_some_could_not_be_graded(run, course):
    course.release(NAME)
    hand_in(course, "amy", **RIGHT)
    hand_in(course, "bob", raw="{")
    code, out, err = run("grade", course.root, NAME)
    assert code == cli.INCOMPLETE
    assert out.splitlines() == ["  amy: 5 of 5", "1 of 2 submissions graded."]
    [reason] = [line for line in err.splitlines() if "bob:" in line]
    assert "invalid JSON" in reason
    assert "Traceback" not in err
    assert classroom.points(course, "amy") == 5

    code, out, _ = run("grade", course.root, NAME, "--student", "amy")
    assert (code, out.splitlines()[0]) == (cli.GRADED, "  amy: 5 of 5")
    assert "1 of 1 submissions graded. 1 of them had been graded before" in out
    assert (
        "before"
        not in run("grade", course.root, NAME, "--student", "amy", "--regrade")[1]
    )

    code, out, err = run("report", course.root)
    assert (code, err) == (cli.GRADED, "")
    assert [line.rpartition("/")[2] for line in out.splitlines()] == [
        "grades.csv",
        "report.html",
    ]
    assert "amy" in (course.root / "grades.csv").read_text(encoding="utf-8")


@pytest.mark.slow
def test_an_interrupt_ends_grading_and_the_kernel(course):
    course.release(NAME)
    hand_in(course, "amy", total="import time\ntime.sleep(60)")
    hand_in(course, "bob", **RIGHT)
    command = [sys.executable, "-c", CALL, "grade", str(course.root), NAME]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        wait_for(lambda: kernels(process.pid))
        started = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, out) == (130, "")
    assert "stopped" in complaint(err)
    assert not psutil.wait_procs(started, timeout=5)[1]
    assert course.errors() == {}
    assert not (course.root / "autograded" / "bob").exists()


def kernels(pid):
    """The kernels under process `pid`: the first processes of process namespaces of their own."""
    found = []
    for process in psutil.Process(pid).children(recursive=True):
        # one that has ended meanwhile
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if (
                Path(f"/proc/{process.pid}/status")
                .read_text()
                .split("NSpid:")[1]
                .split()[1]
                == "1"
            ):
                found.append(process)
    return found


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)


def test_an_interrupt_is_said_and_has_its_code(run, course, monkeypatch):
    def stop(*args):
        raise KeyboardInterrupt

    hand_in(course, "amy")
    monkeypatch.setattr(Course, "snapshot", stop)
    code, _, err = run("grade", course.root, NAME)
    assert code == 130
    assert "stopped" in complaint(err)


# --- the learner's commands -----------------------------------------------------------------------


def test_progress_prints_the_map(
    run, small_course, progress_log, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)  # no notebooks of another course are here
    progress_log.parent.mkdir()
    event = {
        "time": 1,
        "event": "check",
        "question": "small.total",
        "status": "correct",
        "earned": 1,
        "points": 1,
    }
    progress_log.write_text(json.dumps(event) + "\n")
    code, out, err = run("progress")
    assert (code, err) == (cli.GRADED, "")
    [total] = [line for line in out.splitlines() if "small.total" in line]
    [turn] = [line for line in out.splitlines() if "small.turn " in line]
    assert "✓" in total
    assert "○" in turn


def test_progress_in_a_terminal(run, tmp_path, monkeypatch):
    monkeypatch.chdir(write_course(tmp_path / "course"))
    code, out, err = run("progress")
    assert (code, err) == (0, "")
    assert [line[:11] for line in out.splitlines() if line.startswith("○")] == [
        "○ 01 Sums  ",
        "○ 02 Produc",
        "○ 03 Powers",
    ]
    assert "Next: read lesson 01 Sums (30 minutes), then do exercise 01" in out


def test_progress_of_one_chapter(run, tmp_path, monkeypatch):
    monkeypatch.chdir(write_course(tmp_path / "course"))
    code, out, err = run("progress", "2")
    assert (code, err) == (0, "")
    assert out.startswith("○ 02 Products ")
    assert "01 Sums" not in out
    code, out, err = run("progress", "7")
    assert (code, out) == (cli.MISUSE, "")
    assert "there is no chapter '7': the chapters are 01, 02, 03" in complaint(err)


def test_next_says_what_comes_next_and_where(run, tmp_path, monkeypatch):
    monkeypatch.chdir(write_course(tmp_path / "course"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "no servers"))
    code, out, err = run("next", "--print")
    assert (code, err) == (0, "")
    assert out.splitlines()[:3] == [
        "Next: read lesson 01 Sums (30 minutes), then do exercise 01",
        "      lessons/01-sums.ipynb",
        "      exercises/01-sums/01-sums.ipynb",
    ]
    assert "jupyter lab --notebook-dir=. lessons/01-sums.ipynb" in out


def test_next_names_the_notebook_in_the_server_that_runs(run, tmp_path, monkeypatch):
    course = write_course(tmp_path / "course")
    monkeypatch.chdir(course)
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "servers"))
    (tmp_path / "servers").mkdir()
    told = {"root_dir": str(course), "url": "http://localhost:1/", "token": "t"}
    note = json.dumps(told | {"pid": os.getpid(), "port": 1})
    (tmp_path / "servers/jpserver-1.json").write_text(note)
    code, out, err = run("next")
    assert (code, err) == (0, "")
    address = "http://localhost:1/lab/tree/lessons/01-sums.ipynb?token=t"
    assert out.splitlines()[-1] == address
    (tmp_path / "servers/jpserver-1.json").write_text("{")  # half written
    assert "jupyter lab" in run("next")[1]


@pytest.mark.parametrize(
    ("ok", "code"), [(True, cli.GRADED), (None, cli.GRADED), (False, cli.INCOMPLETE)]
)
def test_doctor_prints_what_was_found_and_fails_where_something_needed_is_missing(
    run, monkeypatch, ok, code
):
    monkeypatch.setattr(
        doctor,
        "examine_machine",
        lambda: [Finding("the abacus", ok, "ten beads", "Buy another.")],
    )
    found, out, err = run("doctor")
    assert (found, err) == (code, "")
    assert "the abacus" in out


def test_the_workspace_is_filled_once_and_then_kept(run, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    code, out, err = run("workspace", tmp_path / "work")
    assert (code, err) == (cli.GRADED, "")
    assert ", 0 of yours left" in out
    notebook = next((tmp_path / "work" / "exercises").rglob("*.ipynb"))
    notebook.write_text("my answers")
    _, out, _ = run("workspace", tmp_path / "work")
    assert " 0 notebooks added" in out
    assert notebook.read_text() == "my answers"


def test_paths_are_said_as_seen_from_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli._short(tmp_path / "build" / "demo") == os.path.join("build", "demo")
    assert cli._short(tmp_path.parent) == str(tmp_path.parent)
