"""Every notebook runs from a clean kernel, and every exercise can be solved to full marks in both frameworks (the demonstration class grades that)."""

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from autograder.grader import question_of

ROOT = Path(__file__).parents[2]
LESSONS = sorted((ROOT / "lessons").glob("*.ipynb"))
EXERCISES = sorted((ROOT / "exercises").glob("*/*.ipynb"))
pytestmark = pytest.mark.slow


def execute(path, folder, monkeypatch):
    monkeypatch.setenv("COURSE_PROGRESS", str(folder / "progress.jsonl"))
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=180, kernel_name="python3", resources={"metadata": {"path": str(folder)}}).execute(
        env=dict(os.environ)
    )
    return notebook


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_lesson_runs(path, tmp_path, monkeypatch):
    notebook = execute(path, tmp_path, monkeypatch)
    pictures = [output for cell in notebook.cells for output in cell.get("outputs", []) if "image/png" in output.get("data", {})]
    assert len(pictures) >= 3


@pytest.mark.parametrize("path", EXERCISES, ids=lambda path: path.stem)
def test_untouched_exercise_runs_and_nothing_is_attempted(path, tmp_path, monkeypatch):
    notebook = execute(path, tmp_path, monkeypatch)
    checks = [cell for cell in notebook.cells if question_of(cell)]
    assert checks
    for cell in checks:
        [output] = cell.outputs
        assert "not attempted" in output.data["text/plain"]
        assert "Not attempted" in output.data["text/html"]
