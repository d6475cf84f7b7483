"""The doctor: sound here, and what is missing is found and comes with advice in one line."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from autograder import doctor
from autograder.doctor import (
    PACKAGES,
    Finding,
    as_table,
    examine_machine,
    mxnet_advice,
    sound,
)
from autograder.questions import catalogue, package
from autograder.values import frameworks

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _machine(monkeypatch):
    monkeypatch.setenv("AUTOGRADER_QUESTIONS", "solutions")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def finding(name: str, findings: list[Finding] | None = None) -> Finding:
    (one,) = [
        finding
        for finding in findings or examine_machine(deep=False)
        if finding.name == name
    ]
    return one


def printed(findings: list[Finding]) -> str:
    console = Console(width=100, record=True, file=open(os.devnull, "w"))  # noqa: SIM115
    console.print(as_table(findings))
    return console.export_text()


@pytest.fixture(scope="module")
def here():
    """The machine that the tests run on, examined for real."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTOGRADER_QUESTIONS", "solutions")
        patch.setenv("PYTHONPATH", str(ROOT))
        return examine_machine()


def test_this_machine_is_sound(here):
    assert [finding for finding in here if finding.ok is False] == []
    assert sound(here)


@pytest.mark.parametrize(
    "name",
    [
        "Python",
        *PACKAGES,
        "torch computes",
        "questions",
        "the judge",
        "pictures and fonts",
    ],
)
def test_every_part_is_examined_and_there(here, name):
    assert finding(name, here).ok is True


def test_advice_comes_with_what_is_not_right_and_is_one_line(here):
    for finding in here:
        assert bool(finding.advice) == (finding.ok is not True), finding
        assert "\n" not in finding.detail + finding.advice


def test_the_quick_examination_imports_no_framework():
    code = (
        "import sys; from autograder.doctor import examine_machine as e; e(deep=False); "
        "print({'torch', 'mxnet'} & set(sys.modules))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT
    )
    assert run.stdout.strip() == "set()", run.stderr


def broken_mxnet(setup: str) -> dict:
    """The finding on MXNet in a new Python where `setup` ran first."""
    code = (
        f"{setup}\nimport json\nfrom autograder import "
        "doctor\nfindings = doctor.examine_machine()\n"
    )
    code += "print(json.dumps([[f.name, f.ok, f.detail, f.advice] for f in findings]))"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT
    )
    assert run.returncode == 0, run.stderr
    findings = [Finding(*row) for row in json.loads(run.stdout.splitlines()[-1])]
    assert sound(findings)
    return finding("MXNet computes", findings)


@pytest.mark.slow
def test_without_mxnet_the_course_is_sound_and_the_way_to_get_it_is_said():
    found = broken_mxnet(
        "import sys, importlib.abc\n"
        "class Blocked(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name.split('.')[0] == 'mxnet': raise ModuleNotFoundError('No "
        "module named \\'mxnet\\'', name='mxnet')\n"
        "sys.meta_path.insert(0, Blocked())"
    )
    assert found.ok is None
    assert "The course works without it" in found.advice
    if platform.system() == "Linux" and platform.machine() == "x86_64":
        assert "install it: course gluon" in found.advice


@pytest.mark.slow
@pytest.mark.skipif(
    (platform.system(), platform.machine()) != ("Linux", "x86_64"),
    reason="MXNet is advised on by its wheel only here",
)
def test_a_missing_system_library_is_named_with_its_package():
    if not frameworks.available("mxnet"):
        pytest.skip("needs MXNet")
    found = broken_mxnet(
        "import ctypes\n"
        "class CDLL(ctypes.CDLL):\n"
        "    def __init__(self, name, *args, **kwargs):\n"
        "        if 'libmxnet' in str(name): raise OSError('libquadmath.so.0: cannot open shared "
        "object file: No such file or directory')\n"
        "        super().__init__(name, *args, **kwargs)\n"
        "ctypes.CDLL = CDLL"
    )
    assert found.ok is None
    assert "libquadmath0" in found.advice


@pytest.mark.parametrize(
    ("system", "machine", "error", "said"),
    [
        ("Windows", "AMD64", "No module named 'mxnet'", "WSL2"),
        ("Darwin", "arm64", "No module named 'mxnet'", "linux/amd64 container"),
        ("Darwin", "x86_64", "No module named 'mxnet'", "linux/amd64 container"),
        (
            "Linux",
            "aarch64",
            "libarmpl_lp64_mp.so: cannot open shared object file",
            "Linux x86-64",
        ),
        ("Linux", "x86_64", "libgomp.so.1: cannot open shared object file", "libgomp1"),
        (
            "Linux",
            "x86_64",
            "libquadmath.so.0: cannot open shared object file",
            "libquadmath0",
        ),
        ("Linux", "x86_64", "No module named 'distutils'", "install it: course gluon"),
        (
            "Linux",
            "x86_64",
            "module 'numpy' has no attribute 'yet_another'",
            "install it again: course gluon",
        ),
        ("Linux", "x86_64", "No module named 'mxnet'", "install it: course gluon"),
    ],
)
def test_the_advice_on_mxnet_is_for_this_platform(
    monkeypatch, system, machine, error, said
):
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert said in mxnet_advice(OSError(error))


def test_a_framework_that_computes_wrongly_is_found(monkeypatch):
    import torch

    class Wrong:
        arange = staticmethod(lambda n: torch.zeros(int(n)))
        eye = staticmethod(torch.eye)

    monkeypatch.setattr(frameworks, "module", lambda name: Wrong)
    assert doctor._torch().ok is False


def test_a_missing_package_is_required(monkeypatch):
    monkeypatch.setitem(PACKAGES, "no-such-package", "no_such_package")
    found = finding("no-such-package")
    assert found.ok is False and "Install the course again" in found.advice


@pytest.fixture
def other_questions(monkeypatch):
    def use(package: str) -> None:
        monkeypatch.setenv("AUTOGRADER_QUESTIONS", package)
        catalogue.chapters.cache_clear()

    yield use
    catalogue.chapters.cache_clear()


def test_a_question_package_that_is_not_there_is_found_by_both_sides(other_questions):
    other_questions("no_such_course")
    found = finding("questions")
    assert found.ok is False
    assert found.advice == (
        "Install the package that holds the questions, or correct "
        "AUTOGRADER_QUESTIONS, which is 'no_such_course'."
    )
    judge = doctor._judge()
    assert judge.ok is False and "no_such_course" in judge.detail


def test_no_question_package_at_all_is_the_course_that_is_not_installed(
    other_questions, monkeypatch
):
    other_questions("")
    monkeypatch.setattr(package, "_installed", frozenset)
    found = finding("questions")
    assert found.ok is False
    assert "no question package is installed" in found.detail
    assert "Install the course again" in found.advice


def test_questions_with_a_syntax_error_are_found_with_their_line(
    other_questions, monkeypatch, tmp_path
):
    (tmp_path / "half_written.py").write_text("def f(:\n")
    monkeypatch.syspath_prepend(tmp_path)
    other_questions("half_written")
    found = finding("questions")
    assert found.ok is False
    assert "half_written.py, line 1" in found.detail


def test_a_judge_that_does_not_start_is_found(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert doctor._judge().ok is False


def test_a_kernel_that_starts_nothing_is_found(monkeypatch, tmp_path):
    folder = tmp_path / "kernels" / "python3"
    folder.mkdir(parents=True)
    spec = {
        "argv": ["/nowhere/python", "-m", "ipykernel"],
        "display_name": "Python 3",
        "language": "python",
    }
    (folder / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    found = finding("Jupyter kernel python3")
    assert found.ok is False and "ipykernel install" in found.advice


def test_a_progress_log_that_cannot_be_written_costs_nothing_else(
    monkeypatch, tmp_path
):
    (tmp_path / "file").touch()
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "file" / "progress.jsonl"))
    findings = examine_machine(deep=False)
    found = finding("progress log", findings)
    assert found.ok is None and "COURSE_PROGRESS" in found.advice
    assert sound(findings)


def test_looking_at_the_progress_log_does_not_make_one(tmp_path):
    examine_machine(deep=False)
    assert list(tmp_path.iterdir()) == []


def test_alembic_off_the_path_is_said_but_no_obstacle(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    found = finding("nbgrader's alembic")
    assert found.ok is None and str(Path(sys.executable).parent) in found.advice


def test_a_check_that_breaks_is_a_finding(monkeypatch):
    def broken():
        raise RuntimeError("two\nlines")

    monkeypatch.setattr(doctor, "_disk", broken)
    found = finding("disk space")
    assert found.ok is False and found.detail == "RuntimeError: two lines"


def test_the_table_shows_every_finding_with_its_advice():
    findings = [
        Finding("one", True, "there"),
        Finding("two", False, "not [bold]there[/]", "Get it: pip install 'two[all]'"),
        Finding("three", None, "away", "Leave it."),
    ]
    text = printed(findings)
    for piece in (
        "✓",
        "✗",
        "○",
        "one",
        "not [bold]there[/]",
        "Get it: pip install 'two[all]'",
        "Leave it.",
    ):
        assert piece in text
