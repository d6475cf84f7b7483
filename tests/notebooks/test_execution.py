"""Every notebook runs from a clean kernel: a lesson from a cold one, an untouched exercise from
a fork of one that has imported the frameworks.
"""

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from autograder.grading.submissions.cells import question_of
from notebooks import warm

ROOT = Path(__file__).parents[2]
LESSONS = sorted((ROOT / "lessons").glob("*.ipynb"))
EXERCISES = sorted((ROOT / "exercises").glob("*/*.ipynb"))
pytestmark = pytest.mark.slow

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}
"""Two notebooks run at a time, and two threads each would wait for each other; whoever wants more
sets them.
"""


@pytest.fixture(scope="module")
def forked(tmp_path_factory):
    """The name of a kernel that is forked, clean, from a process which has imported the
    frameworks once for all exercises.
    """
    folder = tmp_path_factory.mktemp("warm")
    process = warm.start(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(folder))
        yield warm.NAME
    process.kill()
    process.wait()


def execute(path, folder, monkeypatch, kernel="python3"):
    monkeypatch.setenv("COURSE_PROGRESS", str(folder / "progress.jsonl"))
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook,
        timeout=900,
        kernel_name=kernel,
        resources={"metadata": {"path": str(folder)}},
    ).execute(env=ONE_THREAD | dict(os.environ))
    return notebook


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_lesson_runs(path, tmp_path, monkeypatch):
    notebook = execute(path, tmp_path, monkeypatch)
    pictures = [
        output
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    assert len(pictures) >= 3


@pytest.mark.parametrize("path", EXERCISES, ids=lambda path: path.stem)
def test_untouched_exercise_runs_and_nothing_is_attempted(
    path, forked, tmp_path, monkeypatch
):
    notebook = execute(path, tmp_path, monkeypatch, forked)
    checks = [cell for cell in notebook.cells if question_of(cell)]
    assert checks
    for cell in checks:
        # On a busy machine a check shows before how it gets on.
        output = cell.outputs[-1]
        assert "not attempted" in output.data["text/plain"]
        assert "Not attempted" in output.data["text/html"]
