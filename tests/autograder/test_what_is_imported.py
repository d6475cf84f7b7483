"""Every command imports what it needs and no more: on a machine without nbgrader, or on Windows,
the doctor can still say so.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GRADING = ("nbgrader", "nbclient", "nbconvert", "sqlalchemy", "zmq", "jupyter_client")
"""What only grading a class takes."""
FRAMEWORKS = (
    "torch",
    "torchvision",
    "mxnet",
    "scipy",
    "sklearn",
    "matplotlib",
    "optuna",
    "IPython",
)

BLOCK = """
import importlib.abc, sys
class Blocked(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition('.')[0] in {blocked!r}:
            raise ModuleNotFoundError(f'No module named {{name!r}}', name=name)
sys.meta_path.insert(0, Blocked())
"""

WINDOWS = """
import ctypes, multiprocessing.connection, os, pathlib, platform, shutil, signal, socket, ssl
import subprocess, sys, tempfile, typing, uuid
import asyncio, concurrent.futures, ctypes.util, logging.handlers, webbrowser, zipfile, numpy
import platformdirs, typer, rich.console, rich.progress, typer.testing
import sysconfig; sysconfig.get_config_vars()
for name in ('fcntl', 'resource', 'pwd', 'grp', 'termios', 'pty', 'tty', 'syslog', 'readline'):
    sys.modules[name] = None
class CDLL(ctypes.CDLL):
    def __init__(self, name, *args, **kwargs):
        if name is None:  # as Python says it there
            raise TypeError("argument of type 'NoneType' is not iterable")
        super().__init__(name, *args, **kwargs)
ctypes.CDLL = CDLL
for name in ('fork', 'getuid', 'geteuid', 'getegid', 'sched_getaffinity', 'killpg', 'setsid',
             'O_NOFOLLOW', 'O_NONBLOCK', 'O_CLOEXEC', 'O_DIRECTORY', 'O_PATH'):
    if hasattr(os, name): delattr(os, name)
for name in ('SIGKILL', 'SIGALRM', 'setitimer', 'ITIMER_REAL'):
    delattr(signal, name)
delattr(socket, 'AF_UNIX')
platform.system, platform.machine, sys.platform = (lambda: 'Windows'), (lambda: 'AMD64'), 'win32'
"""


def course(*arguments, setup="", cwd=ROOT, env=None, **more):
    """Run a command of `course` in a new Python where `setup` ran first."""
    script = (
        f"{setup}\nimport sys\nsys.argv = "
        f"{['course', *map(str, arguments)]!r}\nfrom autograder.cli import app\napp()"
    )
    environment = (
        os.environ
        | {"PYTHONPATH": str(ROOT), "AUTOGRADER_QUESTIONS": "solutions"}
        | (env or {})
    )
    return subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env=environment,
        **more,
    )


def loaded(*arguments, of):
    """Which of the packages `of` a command has imported when it ends."""
    setup = (
        "import atexit, json, sys\natexit.register(lambda: print('\\n' + "
        f"json.dumps(sorted(set({of!r}) & set(sys.modules)))))"
    )
    done = course(*arguments, setup=setup)
    assert "Traceback" not in done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    "arguments",
    [["progress"], ["progress", "05"], ["workspace", "--help"], ["--version"]],
    ids=lambda arguments: arguments[0],
)
def test_what_a_learner_calls_imports_neither_the_grader_nor_a_framework(arguments):
    assert loaded(*arguments, of=(*GRADING, *FRAMEWORKS)) == []


def test_progress_takes_neither_numpy_nor_the_questions():
    assert loaded("progress", of=("numpy", "solutions", "jinja2", "nbformat")) == []


def test_a_copy_of_the_notebooks_takes_neither_the_grader_nor_a_framework(tmp_path):
    assert (
        loaded("workspace", tmp_path / "work", of=(*GRADING, *FRAMEWORKS, "jinja2"))
        == []
    )
    assert (tmp_path / "work" / "lessons").is_dir()


@pytest.mark.parametrize(
    "arguments",
    [["grade", "nowhere", "x"], ["report", "nowhere"]],
    ids=lambda arguments: arguments[0],
)
def test_a_command_that_cannot_begin_imports_no_framework(arguments):
    assert loaded(*arguments, of=FRAMEWORKS[:3]) == []


def test_progress_without_what_grading_takes():
    done = course("progress", setup=BLOCK.format(blocked=(*GRADING, *FRAMEWORKS)))
    assert (done.returncode, done.stderr) == (0, "")
    assert "02 Convolution" in done.stdout


def test_the_doctor_examines_a_machine_without_nbgrader():
    blocked = (*GRADING, "torch", "mxnet")
    done = course("doctor", setup=BLOCK.format(blocked=blocked), env={"COLUMNS": "200"})
    assert done.returncode == 3  # something needed is missing
    assert done.stderr == ""
    [nbgrader] = [
        line for line in done.stdout.splitlines() if line.split()[1:2] == ["nbgrader"]
    ]
    assert "✗" in nbgrader
    [questions] = [
        line for line in done.stdout.splitlines() if line.split()[1:2] == ["questions"]
    ]
    assert "✓" in questions


def test_the_doctor_examines_a_machine_without_numpy():
    done = course(
        "doctor",
        setup=BLOCK.format(blocked=("numpy", "torch", "mxnet")),
        env={"COLUMNS": "200"},
    )
    assert (done.returncode, done.stderr) == (3, "")
    assert "No module named 'numpy'" in done.stdout


@pytest.mark.parametrize(
    "command",
    [["grade", "nowhere", "02-convolution"], ["demo"], ["audit"]],
    ids=lambda command: command[0],
)
def test_what_cannot_run_on_windows_says_so_in_one_line(command, tmp_path):
    done = course(*command, setup=WINDOWS, cwd=tmp_path)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert "this is Windows: install the course in WSL2" in line


def test_progress_on_windows():
    done = course("progress", setup=WINDOWS)
    assert (done.returncode, done.stderr) == (0, "")
    assert "02 Convolution" in done.stdout


def test_the_doctor_on_windows_can_be_read():
    done = course(
        "doctor",
        setup=BLOCK.format(blocked=("torch", "mxnet")) + WINDOWS,
        env={"COLUMNS": "200"},
    )
    assert done.stderr == ""
    assert done.returncode == 3
    assert "Install the course in WSL2" in done.stdout
    assert "walls around submissions need Linux, and this is Windows" in done.stdout


ANYWHERE = (
    "autograder.grading.submissions.cells",
    "autograder.learner.client",
    "autograder.grading.course",
    "autograder.doctor",
    "autograder.learner.judge_process",
    "autograder.learner.journal",
    "autograder.learner.next_command",
    "autograder.sandbox.linux",
    "autograder.report.tables",
    "autograder.report.results",
    "autograder.grading.submissions.submission",
    "autograder.sandbox.wall",
    "autograder.learner.workspace",
)


def test_what_every_machine_imports_can_be_imported_on_windows():
    script = f"{WINDOWS}\nimport importlib\nfor name in {ANYWHERE!r}: importlib.import_module(name)"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert (done.returncode, done.stderr) == (0, "")
