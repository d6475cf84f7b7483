"""The wheel holds all that a learner and a grader need: it works in an empty folder, without the
clone.
"""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow

ONE_CHECK = """
from autograder import check, use
use("numpy")
import numpy as np

def wilson_interval(correct, total):
    z, share = 1.96, correct / total
    middle = share + z * z / (2 * total)
    width = z * np.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return (middle - width) / (1 + z * z / total), (middle + width) / (1 + z * z / total)

print(check("first_steps.wilson_interval", wilson_interval))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The wheel unpacked in a folder, as pip would lay it out, and an environment in which it
    comes before this clone.
    """
    folder = tmp_path_factory.mktemp("wheel")
    build = [
        sys.executable,
        "-m",
        "hatchling",
        "build",
        "-t",
        "wheel",
        "-d",
        str(folder),
    ]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    [wheel] = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AUTOGRADER", "PYTHON"))
    }
    return environment | {
        "PYTHONPATH": str(folder / "site"),
        "COURSE_PROGRESS": str(folder / "progress.jsonl"),
    }


@pytest.fixture
def run(installed, tmp_path):
    """Run a command in an empty folder; returns what it printed."""

    def run(*command):
        done = subprocess.run(
            [sys.executable, *command],
            cwd=tmp_path,
            env=installed,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr or done.stdout
        return done.stdout

    return run


def test_what_runs_is_the_wheel(run, installed):
    found = run(
        "-c",
        "import autograder, dlkit, solutions; print(autograder.__file__, "
        "dlkit.__file__, solutions.__file__)",
    ).split()
    assert all(path.startswith(installed["PYTHONPATH"]) for path in found)


def test_the_workspace_is_filled(run, tmp_path):
    assert (
        run("-m", "autograder", "workspace", "work")
        == "work: 42 notebooks added, 0 of yours left as they are.\n"
    )
    assert (
        len(list((tmp_path / "work/lessons").glob("*.ipynb")))
        == len(list((tmp_path / "work/exercises").glob("*/*.ipynb")))
        == 21
    )
    for lesson in (tmp_path / "work/lessons").glob("*.ipynb"):
        cells = json.loads(lesson.read_text(encoding="utf-8"))["cells"]
        assert not [
            cell["id"] for cell in cells if "claim" in cell["metadata"].get("tags", [])
        ]


def test_a_check_answers(run):
    assert "Correct on all" in run("-c", ONE_CHECK)


def test_a_class_is_graded(run, tmp_path):
    printed = run("-m", "autograder", "demo", "--only", "01-neurons-to-networks")
    assert "submissions earned exactly what they were made to earn." in printed
    assert (tmp_path / "build/demo/report.html").is_file()
